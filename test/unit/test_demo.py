"""The demo: who speaks in it, what, and what it tells of the voice."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from gptsovits_ros.voice import bundled

DEMO = Path(__file__).parents[2] / 'scripts' / 'demo.py'


@pytest.fixture(scope='module')
def demo() -> ModuleType:
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location('demo', DEMO)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as modules:
        # Its dataclasses look their module up.
        modules.setitem(sys.modules, 'demo', module)
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def played(demo, monkeypatch):
    """Return what runs the demo without a node; it returns the voice and the text."""
    found = []
    node = SimpleNamespace(returncode=0)
    monkeypatch.setenv('ROS_DOMAIN_ID', '')
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', '')
    monkeypatch.setattr(
        demo, 'start_node', lambda voice: found.append(voice) or contextlib.nullcontext(node)
    )
    monkeypatch.setattr(demo, 'stop_node', lambda node: None)
    monkeypatch.setattr(demo, 'listen_and_say', lambda node, text: found.append(text))
    monkeypatch.setattr(demo, 'write_wav', lambda path, recording: None)
    monkeypatch.setattr(demo, 'make_stand_in', lambda: found.append('stand-in made') or True)

    def play(*argv: str) -> list:
        found.clear()
        monkeypatch.setattr(sys, 'argv', ['demo.py', *argv])
        assert demo.main() == 0
        return found

    return play


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """Return the folder of two bundled voices, only as far as their names are looked at."""
    root = tmp_path / 'package'
    for name in ('core', 'mia'):
        (root / name).mkdir(parents=True)
        (root / name / 'voice.yaml').touch()
    (root / 'default.yaml').write_text('voice: mia\n')
    monkeypatch.setattr(bundled, 'BUNDLED_ROOT', root)
    return root


def test_the_default_of_the_package_says_that_it_is_synthetic(played, package, capsys):
    voice, text = played()
    assert (voice.name, voice.is_stand_in) == ('mia', False)
    assert text == (
        'Hello! This voice is synthetic: it was made by a computer, on this machine. '
        '你好！这是一个合成的声音。'
    )
    out = capsys.readouterr().out
    assert 'mia, found' in out
    assert 'babble' not in out


def test_without_a_bundled_voice_a_stand_in_babbles_and_says_so(demo, played, capsys):
    made, voice, text = played()
    assert (made, voice.name, text) == ('stand-in made', 'stand-in', demo.TEXT)
    assert 'it babbles' in capsys.readouterr().out


def test_a_voice_that_is_asked_for_speaks(played, package, capsys):
    voice, text = played('--voice-dir', str(package / 'core'), '--text', 'Hi.')
    assert (voice.voice_root, voice.name, text) == (package, 'core', 'Hi.')
    assert 'babble' not in capsys.readouterr().out


def test_a_folder_that_is_no_voice_is_refused(demo, tmp_path):
    with pytest.raises(demo.DemoError, match='no voice.yaml'):
        demo.choose_voice(tmp_path, 'mia')
