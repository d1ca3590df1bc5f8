"""The command line as a whole: verbs, help, exit codes."""

from __future__ import annotations

import argparse
import subprocess
import sys
from types import ModuleType

import pytest

from gptsovits_ros import __version__, cli
from gptsovits_ros.errors import VoiceNotFoundError


def verb(monkeypatch, action):
    """Make `main(['voices', ...])` do something else."""
    module = ModuleType('fake')
    module.HELP = 'a verb for a test'
    module.add_arguments = lambda parser: parser.add_argument('--number', type=int)
    module.run = action
    monkeypatch.setattr(cli, '_load', lambda name: module)


def raising(error):
    """Return a verb that raises."""

    def run(args):
        raise error

    return run


@pytest.mark.parametrize('name', cli.VERBS)
def test_every_verb_has_its_parts_and_its_help(name, capsys):
    module = cli._load(name)
    assert module.NAME == name
    assert callable(module.run)
    module.add_arguments(argparse.ArgumentParser())
    with pytest.raises(SystemExit) as stop:
        cli.main([name, '--help'])
    assert stop.value.code == 0
    assert module.HELP in ' '.join(capsys.readouterr().out.split())


def test_help_names_all_verbs_and_imports_nothing_heavy():
    program = (
        'import sys, gptsovits_ros.cli\n'
        'try: gptsovits_ros.cli.main(["--help"])\n'
        'except SystemExit: pass\n'
        'heavy = {"torch", "transformers", "numpy", "soundfile", "requests"} & set(sys.modules)\n'
        'assert not heavy, heavy'
    )
    done = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    for name in cli.VERBS:
        assert name in done.stdout


def test_the_module_can_be_run():
    done = subprocess.run(
        [sys.executable, '-m', 'gptsovits_ros.cli', '--version'],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == f'gptsovits_ros {__version__}\n'


@pytest.mark.parametrize('argv', [[], ['sing'], ['voices', '--unknown'], ['say', '--speed', 'x']])
def test_wrong_usage_exits_with_2(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2
    assert 'usage: gptsovits_ros' in capsys.readouterr().err


@pytest.mark.parametrize(
    'error, code, line',
    [
        (
            VoiceNotFoundError('no voice "a":\n  try b'),
            1,
            'error VOICE_NOT_FOUND: no voice "a": try b',
        ),
        (
            PermissionError(13, 'Permission denied', '/x'),
            1,
            "error SYSTEM: [Errno 13] Permission denied: '/x'",
        ),
        (
            cli.UsageError('this and that'),
            2,
            'error USAGE: this and that; see gptsovits_ros voices --help',
        ),
    ],
)
def test_errors_are_one_line_with_their_name(monkeypatch, capsys, error, code, line):
    verb(monkeypatch, raising(error))
    assert cli.main(['voices']) == code
    assert capsys.readouterr().err == line + '\n'


def test_an_interruption_exits_with_130(monkeypatch):
    verb(monkeypatch, raising(KeyboardInterrupt()))
    assert cli.main(['voices']) == 130


def test_a_defect_is_not_hidden(monkeypatch):
    verb(monkeypatch, raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main(['voices'])


def test_arguments_reach_the_verb(monkeypatch):
    verb(monkeypatch, lambda args: args.number)
    assert cli.main(['voices', '--number', '7']) == 7
