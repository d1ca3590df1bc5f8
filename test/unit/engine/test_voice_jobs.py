"""Tasks with voices are done whole, and only on paths that are allowed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.voice_jobs import checked_path
from gptsovits_ros.engine.voice_tasks import (
    DeleteVoice,
    EnrollVoice,
    ExportVoice,
    ImportVoice,
    SetDefaultVoice,
)
from gptsovits_ros.errors import (
    CanceledError,
    ConsentMissingError,
    ParameterInvalidError,
    VoiceExistsError,
    VoiceInvalidError,
)
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest
from gptsovits_ros.voice.standin import make_test_voice


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Return an engine with the voices ann and bob."""
    for name in ('ann', 'bob'):
        make_test_voice(tmp_path / 'voices' / name, size='tiny')
    return Engine.open(EngineSettings(voice_root=str(tmp_path / 'voices'), device='cpu'))


def check(name: str = 'new', **fields: object) -> EnrollVoice:
    """Return the question whether a voice could be made."""
    consent = {'consent_who': 'Ann', 'consent_when': '2026-05-17', 'consent_purpose': 'tests'}
    return EnrollVoice(1, name, 'en', check_only=True, **{**consent, **fields})


def test_a_deleted_voice_is_in_memory_no_more(engine):
    engine.loaded_voice('bob')
    assert engine.resident_voices == ['bob']
    assert engine.do_voice_task(DeleteVoice(7, 'bob')).voice == 'bob'
    assert engine.resident_voices == []
    assert [voice.name for voice in engine.voices()] == ['ann']


def phrases(tmp_path: Path) -> set[str]:
    """Return the voices of which phrases are kept."""
    return {path.parent.name for path in (tmp_path / 'cache').rglob('*.phrase')}


def test_what_a_voice_said_goes_with_it(engine, tmp_path):
    settings = replace(
        engine._settings, threads=1, cache='all', cache_root=str(tmp_path / 'cache')
    )
    engine = Engine.open(settings)
    for name in ('ann', 'bob'):
        list(engine.synthesize(SpeechRequest('Hello.', 'en', name, seed=1)))
    assert phrases(tmp_path) == {'ann', 'bob'}
    archive = str(tmp_path / 'a.gsvvoice')
    engine.do_voice_task(ExportVoice(1, 'ann', archive))
    with pytest.raises(VoiceExistsError):
        engine.do_voice_task(ImportVoice(2, archive))
    assert phrases(tmp_path) == {'ann', 'bob'}
    engine.do_voice_task(ImportVoice(2, archive, overwrite=True))
    assert phrases(tmp_path) == {'bob'}
    # Also where the cache is not used any more.
    Engine.open(replace(settings, cache='off')).do_voice_task(DeleteVoice(3, 'bob'))
    assert phrases(tmp_path) == set()


def test_the_default_can_be_chosen(engine):
    engine.do_voice_task(SetDefaultVoice(1, 'bob'))
    assert engine.default_voice == 'bob'


def test_a_cancelled_task_changes_nothing(engine):
    with pytest.raises(CanceledError):
        engine.do_voice_task(DeleteVoice(1, 'bob'), lambda: True)
    assert [voice.name for voice in engine.voices()] == ['ann', 'bob']


@pytest.mark.parametrize(
    ('fields', 'error'),
    [
        ({'consent_who': ''}, ConsentMissingError),
        ({'consent_when': 'in May', 'needs_consent': False}, ConsentMissingError),
        ({'name': 'ann'}, VoiceExistsError),
        ({'name': '../x'}, VoiceInvalidError),
        ({'retention': 'both'}, ParameterInvalidError),
    ],
)
def test_a_check_finds_what_is_wrong_before_there_is_a_recording(engine, fields, error):
    with pytest.raises(error):
        engine.do_voice_task(check(**fields))


def test_a_check_stores_nothing(engine):
    assert engine.do_voice_task(check()).enrolment is None
    assert [voice.name for voice in engine.voices()] == ['ann', 'bob']


def test_paths_are_absolute_and_stay_in_their_folders(tmp_path):
    inside = tmp_path / 'in' / 'a.wav'
    roots = (str(tmp_path / 'in'),)
    assert checked_path(str(inside), roots) == inside.resolve()
    assert checked_path('/etc/hostname', ()) == Path('/etc/hostname').resolve()
    inside.parent.mkdir()
    inside.symlink_to('/etc/hostname')
    for text in (str(inside), f'{tmp_path}/in/../b.wav', '/etc/hostname'):
        with pytest.raises(ParameterInvalidError, match='enroll.path_roots'):
            checked_path(text, roots)
    for text in ('a.wav', '', '/a\0b'):
        with pytest.raises(ParameterInvalidError, match='absolute'):
            checked_path(text, ())
