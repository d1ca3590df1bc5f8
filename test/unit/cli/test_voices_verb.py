"""The verb voices."""

from __future__ import annotations

import argparse
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from gptsovits_ros.cli import main, voices
from gptsovits_ros.cli.voices import play
from gptsovits_ros.errors import DependencyMissingError
from gptsovits_ros.types import AudioChunk
from gptsovits_ros.voice import bundled
from gptsovits_ros.voice.consent import Consent, write_consent
from gptsovits_ros.voice.enroll.report import (
    EnrolmentReport,
    PieceReport,
    Quality,
    QualityReport,
)
from gptsovits_ros.voice.enroll.report_file import write_report
from gptsovits_ros.voice.store import VoiceStore
from gptsovits_ros.voice.voice_file import write_voice_file

FILES = ('gpt.ckpt', 'sovits.pth', 'prompt.wav')


def run(*argv):
    """Run the verb as the command line does."""
    parser = argparse.ArgumentParser()
    voices.add_arguments(parser)
    return voices.run(parser.parse_args(list(argv)))


@pytest.fixture
def root(tmp_path):
    """Return a store with two voices (only as far as listing looks at them)."""
    tmp_path = tmp_path / 'voices'
    for name, languages in (('bella', ['zh', 'en']), ('anna', ['en'])):
        folder = tmp_path / name
        (folder / 'hubert').mkdir(parents=True)
        for file in FILES:
            (folder / file).touch()
        (folder / 'voice.yaml').write_text(
            yaml.safe_dump(
                {
                    'format': 1,
                    'description': f'voice of {name}',
                    'languages': languages,
                    'model': {
                        'semantic': 'gpt.ckpt',
                        'acoustic': 'sovits.pth',
                        'version': 'v2',
                        'sample_rate': 32000,
                    },
                    'prompt': {'audio': 'prompt.wav', 'text': 'hello', 'language': 'en'},
                    'encoders': {'hubert': 'hubert'},
                }
            )
        )
    return tmp_path


def test_voices_are_listed_by_name_with_the_default_one_marked(root, capsys):
    assert run('--voice-root', str(root)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ['*', 'anna', 'en', 'v2', '32000', 'Hz', 'voice', 'of', 'anna']
    assert lines[1].split()[:2] == ['bella', 'zh,en']


def test_voices_as_json(root, capsys):
    assert run('--voice-root', str(root), '--json') == 0
    found = json.loads(capsys.readouterr().out)
    assert [voice['default'] for voice in found] == [True, False]
    assert found[1] == {
        'name': 'bella',
        'languages': ['zh', 'en'],
        'version': 'v2',
        'sample_rate': 32000,
        'default': False,
        'bundled': False,
        'description': 'voice of bella',
    }


@pytest.fixture
def package(root, tmp_path, monkeypatch) -> Path:
    """Return the folder of the bundled voices, to which "bella" was moved."""
    package = tmp_path / 'package'
    package.mkdir()
    (root / 'bella').rename(package / 'bella')
    monkeypatch.setattr(bundled, 'BUNDLED_ROOT', package)
    return package


def test_bundled_voices_are_marked(root, package, capsys):
    roots = ('--voice-root', str(root))
    assert run(*roots) == 0
    anna, bella = capsys.readouterr().out.splitlines()
    assert anna.startswith('* anna') and 'bundled' not in anna
    assert bella.startswith('  bella') and bella.endswith('Hz  bundled  voice of bella')
    run('--json', *roots)
    found = json.loads(capsys.readouterr().out)
    assert [voice['bundled'] for voice in found] == [False, True]
    run('show', 'bella', *roots)
    assert 'bundled          yes' in capsys.readouterr().out.splitlines()


def test_a_bundled_voice_can_be_the_default_and_cannot_be_deleted(root, package, capsys):
    roots = ('--voice-root', str(root))
    assert main(['voices', 'default', 'bella', *roots]) == 0
    assert main(['voices', 'delete', 'bella', *roots]) == 1
    output = capsys.readouterr()
    assert output.out == 'bella\n'
    assert output.err.startswith('error VOICE_STORE_FAILED: voice "bella" came with the package')


def test_the_bundled_default_speaks_where_there_is_no_other_voice(package, tmp_path, capsys):
    wav = tmp_path / 'x.wav'
    engine = played(['-o', str(wav), '--voice-root', str(tmp_path / 'empty')])
    assert engine.request.voice == 'bella'


def test_a_damaged_voice_is_named_and_the_others_are_listed(root, capsys):
    (root / 'bella' / 'gpt.ckpt').unlink()
    assert run('--voice-root', str(root)) == 1
    output = capsys.readouterr()
    assert 'anna' in output.out and 'bella' not in output.out
    assert output.err.startswith('error VOICE_INVALID: ')


def test_an_empty_folder_is_said_to_be_empty(tmp_path, capsys):
    assert run('--voice-root', str(tmp_path)) == 0
    assert capsys.readouterr().out == f'no voices in {tmp_path}\n'


@pytest.mark.parametrize(
    'argv',
    [
        ['list', '--json', '--voice-root', '{}'],
        ['--json', '--voice-root', '{}', 'list'],
        ['--voice-root', '{}', '--json'],
        ['--voice-root', '{}', 'list', '--json'],
    ],
)
def test_shared_options_may_stand_before_the_task_or_behind_it(root, capsys, argv):
    assert run(*(part.format(root) for part in argv)) == 0
    assert [voice['name'] for voice in json.loads(capsys.readouterr().out)] == ['anna', 'bella']


@pytest.mark.parametrize('task', [[], *([task] for task in voices.TASKS)])
def test_every_task_explains_itself(task, capsys):
    with pytest.raises(SystemExit) as exit_of:
        main(['voices', *task, '--help'])
    assert exit_of.value.code == 0
    assert 'usage: gptsovits_ros voices' in capsys.readouterr().out


@pytest.fixture
def store(root) -> VoiceStore:
    """Return the store of the two voices, where "carl" speaks with the models of "anna"."""
    store = VoiceStore(root, root)

    def build(folder: Path) -> None:
        (folder / 'p.wav').touch()
        prompt = {'audio': 'p.wav', 'text': 'hi', 'language': 'en'}
        tree = {'description': 'voice of carl', 'languages': ['en'], 'prompt': prompt}
        write_voice_file(folder, {**tree, **store.models_of('anna')})
        write_consent(Consent('Carl Example', '2026-05-17', 'the door'), folder)

    store.create('carl', build)
    return store


def test_a_voice_is_shown_with_its_consent_and_who_depends_on_it(store, capsys):
    roots = ('--voice-root', str(store.voice_root))
    assert run('show', 'carl', '--json', '--check', *roots) == 0
    found = json.loads(capsys.readouterr().out)
    assert found['consent']['who'] == 'Carl Example'
    assert (found['base'], found['recordings'], found['changed']) == ('anna', 1, [])
    assert run('show', 'anna', *roots) == 0
    lines = capsys.readouterr().out.splitlines()
    assert 'used by          carl' in lines
    assert 'consent          none' in lines
    assert 'default          yes' in lines


def test_what_its_enrolment_found_is_shown(store, capsys):
    folder = store.voice_root / 'carl'
    quality = Quality(6.0, 5.0, -20.0, 41.0, 15.0, 0.001, 8000.0)
    piece = PieceReport('a.wav', 0.5, 6.5, 0.9, quality)
    found = QualityReport(9.0, 7.0, 0.9, piece, (), 'hi', 'given', True, 0.8, False, ('a note',))
    write_report(EnrolmentReport('carl', 'anna', 'keep', 1.5, found), folder)
    roots = ('--voice-root', str(store.voice_root))
    assert run('show', 'carl', '--json', *roots) == 0
    shown = json.loads(capsys.readouterr().out)['enrolment']
    assert (shown['score'], shown['snr_db'], shown['notes']) == (0.9, 41.0, ['a note'])
    assert run('show', 'carl', *roots) == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if 'enrolment ' in one]
    assert 'score: 0.90' in line and 'clip: a.wav' in line and 'notes: a note' in line


def test_a_file_that_changed_is_told(store, capsys):
    (store.voice_root / 'carl' / 'p.wav').write_bytes(b'x')
    assert run('show', 'carl', '--check', '--voice-root', str(store.voice_root)) == 1
    assert 'changed          p.wav' in capsys.readouterr().out.splitlines()


def test_the_default_is_set_and_told(store, capsys):
    roots = ('--voice-root', str(store.voice_root))
    assert run('default', *roots) == 0
    assert run('default', 'bella', *roots) == 0
    assert run('default', *roots) == 0
    assert capsys.readouterr().out.split() == ['anna', 'bella', 'bella']
    run('list', *roots)
    assert [line[0] for line in capsys.readouterr().out.splitlines()] == [' ', '*', ' ']


def test_voices_are_deleted_with_or_without_their_consent(store, capsys):
    roots = ('--voice-root', str(store.voice_root))
    assert main(['voices', 'delete', 'anna', *roots]) == 1
    assert capsys.readouterr().err.startswith('error VOICE_IN_USE: voice "anna"')
    assert main(['voices', 'delete', 'carl', 'anna', *roots]) == 0
    assert capsys.readouterr().out.splitlines() == ['carl: deleted', 'anna: deleted']
    assert store.names() == ['bella']
    assert len(list((store.voice_root / '.deleted').iterdir())) == 1


def test_no_consent_is_kept_if_it_is_to_be_forgotten(store):
    run('delete', 'carl', '--forget-consent', '--voice-root', str(store.voice_root))
    assert not (store.voice_root / '.deleted').exists()


def test_phrases_go_with_the_voice_that_is_deleted(store, tmp_path):
    shelves = tmp_path / 'cache' / 'phrases'
    for name in ('carl', 'anna'):
        (shelves / 'spoken' / name).mkdir(parents=True)
        (shelves / 'spoken' / name / 'a.phrase').touch()
    roots = ('--voice-root', str(store.voice_root), '--cache-root', str(tmp_path / 'cache'))
    assert run('delete', 'carl', *roots) == 0
    assert [path.name for path in (shelves / 'spoken').iterdir()] == ['anna']


def test_a_voice_moves_by_a_file(tiny_voice, tmp_path, capsys):
    path = str(tmp_path / 'a.gsvvoice')
    there = str(tmp_path / 'there')
    here = ('--voice-root', str(tiny_voice.parent))
    assert main(['voices', 'export', 'tiny', '-o', path, *here]) == 0
    assert main(['voices', 'export', 'tiny', '-o', path, *here]) == 1
    assert main(['voices', 'export', 'tiny', '-o', path, '--overwrite', *here]) == 0
    assert main(['voices', 'import', path, '--name', 'bob', '--voice-root', there]) == 0
    assert main(['voices', 'import', path, '--name', 'bob', '--voice-root', there]) == 1
    output = capsys.readouterr()
    assert output.out.splitlines()[-1] == 'bob: v2, speaks zh, en, no record of a consent'
    errors = [line.split(':')[0] for line in output.err.splitlines()]
    assert errors == ['error VOICE_ARCHIVE_INVALID', 'error VOICE_EXISTS']
    assert VoiceStore(there).voice('bob').model_version == 'v2'


def test_what_the_other_robot_needs_is_told(store, tmp_path, capsys):
    path = str(tmp_path / 'c')
    models = tmp_path / 'models'
    models.mkdir()
    (store.voice_root / 'anna' / 'hubert').rename(models / 'hubert')
    roots = ('--voice-root', str(store.voice_root), '--model-root', str(models))
    assert main(['voices', 'export', 'carl', '-o', path, *roots]) == 0
    assert capsys.readouterr().out.endswith('; needs there: voice anna, hubert\n')


class Babbler:
    """Stands in for the engine: says 0.1 s and remembers what it was asked."""

    def __init__(self) -> None:
        self.request = None

    def synthesize(self, request):
        """Yield one chunk."""
        self.request = request
        yield AudioChunk(np.full(3200, 0.5, np.float32), 32000)


def played(argv, sound_card=None):
    """Run `play` with an engine that babbles, and return that."""
    parser = argparse.ArgumentParser()
    voices.add_arguments(parser)
    engine = Babbler()
    args = parser.parse_args(['play', *argv])
    assert play.run(args, lambda settings: engine, sound_card) == 0
    return engine


def test_a_voice_is_heard_in_its_first_language(root, tmp_path):
    wav = tmp_path / 'x.wav'
    engine = played(['bella', '-o', str(wav), '--seed', '7', '--voice-root', str(root)])
    assert (engine.request.text, engine.request.voice) == (play.SENTENCES['zh'], 'bella')
    assert engine.request.seed == 7
    assert soundfile.info(str(wav)).frames == 3200


def test_the_default_voice_is_heard_by_the_sound_card(root):
    heard = []
    engine = played(
        ['--text', 'Hi.', '--voice-root', str(root)], lambda: lambda *sound: heard.append(sound)
    )
    assert (engine.request.text, engine.request.voice) == ('Hi.', 'anna')
    assert [(len(samples), rate) for samples, rate in heard] == [(3200, 32000)]


def test_without_a_sound_card_there_is_a_file(root, monkeypatch):
    monkeypatch.setitem(sys.modules, 'sounddevice', None)
    with pytest.raises(DependencyMissingError, match='-o WAV'):
        played(['--voice-root', str(root)])


def test_a_sound_card_that_fails_is_an_error_of_its_own(root, monkeypatch):
    library = types.ModuleType('sounddevice')
    library.PortAudioError = type('PortAudioError', (Exception,), {})

    def fail(*args, **kwargs):
        raise library.PortAudioError('no device')

    library.play = fail
    monkeypatch.setitem(sys.modules, 'sounddevice', library)
    with pytest.raises(DependencyMissingError, match='no device'):
        played(['--voice-root', str(root)])
