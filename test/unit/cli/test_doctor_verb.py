"""The verb doctor: what it prints and returns; the checks have tests of their own."""

from __future__ import annotations

import argparse
import json

import pytest

from gptsovits_ros import doctor as checks
from gptsovits_ros.cli import doctor
from gptsovits_ros.doctor import FAILED, OK, Finding, Section

WELL = Section('system', (Finding('Python', OK, '3.12'),))
ILL = Section('voices', (Finding('voices', FAILED, 'none', 'make one'),))


def run(*argv):
    """Run the verb as the command line does."""
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    return doctor.run(parser.parse_args(list(argv)))


@pytest.mark.parametrize(
    'sections, code, verdict', [([WELL], 0, 'can speak'), ([WELL, ILL], 1, 'cannot speak')]
)
def test_the_exit_code_says_whether_the_machine_can_speak(
    monkeypatch, capsys, sections, code, verdict
):
    monkeypatch.setattr(checks, 'diagnose', lambda *roots: sections)
    assert run() == code
    assert verdict in capsys.readouterr().out


def test_the_table_shows_findings_and_cures(monkeypatch, capsys):
    monkeypatch.setattr(checks, 'diagnose', lambda *roots: [WELL, ILL])
    run()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ['ok', 'Python', '3.12'] in lines
    assert ['->', 'make', 'one'] in lines


def test_json_holds_all(monkeypatch, capsys):
    monkeypatch.setattr(checks, 'diagnose', lambda *roots: [WELL, ILL])
    assert run('--json') == 1
    found = json.loads(capsys.readouterr().out)
    assert found['can_speak'] is False
    assert found['sections']['voices'] == [
        {'name': 'voices', 'status': 'FAILED', 'value': 'none', 'cure': 'make one'}
    ]


def test_the_folders_reach_the_checks(monkeypatch):
    asked = []
    monkeypatch.setattr(checks, 'diagnose', lambda *roots: asked.append(roots) or [])
    run('--voice-root', '/v', '--model-root', '/m')
    assert asked == [('/v', '/m')]
