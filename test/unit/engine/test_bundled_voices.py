"""Voices that came with the package speak, and their folder stays as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.kept_conditions import Conditions, keep_conditions
from gptsovits_ros.engine.voice_tasks import DeleteVoice, DescribeVoice, ExportVoice, ImportVoice
from gptsovits_ros.errors import VoiceStoreError
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest
from gptsovits_ros.voice import bundled
from gptsovits_ros.voice.standin import make_test_voice
from gptsovits_ros.voice.voice_file import read_voice_file, write_voice_file

MODELS = 'core'


@pytest.fixture
def package(tiny_voice, tmp_path, monkeypatch) -> Path:
    """Return the folder of the bundled voices: "core" has the models, "mia" speaks with them."""
    root = tmp_path / 'package' / 'voices'
    shutil.copytree(tiny_voice, root / MODELS)
    tree = read_voice_file(root / MODELS)
    (root / 'mia').mkdir()
    shutil.copyfile(root / MODELS / 'prompt.wav', root / 'mia' / 'prompt.wav')
    write_voice_file(root / 'mia', {**tree, 'base': MODELS, 'description': 'Mia.'})
    (root / 'default.yaml').write_text('voice: mia\n')
    monkeypatch.setattr(bundled, 'BUNDLED_ROOT', root)
    return root


def load(tmp_path: Path) -> Engine:
    """Return an engine of somebody who has no voices and no models."""
    roots = {'voice_root': str(tmp_path / 'voices'), 'model_root': str(tmp_path / 'models')}
    return Engine.load(EngineSettings(**roots, device='cpu', threads=1))


def speak(engine: Engine, voice: str = '') -> np.ndarray:
    request = SpeechRequest('Hello.', 'en', voice, seed=1, stream=False)
    return np.concatenate([chunk.samples for chunk in engine.synthesize(request)])


def state(root: Path) -> dict[Path, tuple[int, int]]:
    """Return all that lies in a folder, with its size and the time of its last change [ns]."""
    found = ((path, path.stat()) for path in (root, *root.rglob('*')))
    return {path: (status.st_size, status.st_mtime_ns) for path, status in found}


def test_without_any_voice_of_ones_own_the_default_of_the_package_speaks(package, tmp_path):
    before = state(package)
    engine = load(tmp_path)
    assert engine.default_voice == 'mia'
    assert np.array_equal(speak(engine), speak(engine, 'mia'))
    infos = {info.name: (info.description, info.is_default) for info in engine.voices()}
    assert infos['mia'] == ('Mia.', True)
    assert set(infos) == {MODELS, 'mia'}
    assert state(package) == before
    assert not (tmp_path / 'voices').exists()


def test_kept_conditions_of_a_bundled_voice_are_used_and_not_written(package, tmp_path, caplog):
    plain = load(tmp_path)
    computed, loaded = speak(plain), plain.loaded_voice()
    keep_conditions(
        loaded.voice, loaded.acoustic, Conditions(loaded.prompt_tokens, loaded.condition)
    )
    # They fit wherever the package is installed, and whenever its files were written.
    moved = package.rename(tmp_path / 'elsewhere')
    for path in moved.rglob('*.*'):
        path.touch()
    before = state(moved)
    with pytest.MonkeyPatch.context() as place:
        place.setattr(bundled, 'BUNDLED_ROOT', moved)
        place.setattr('gptsovits_ros.engine.loaded_voice.computed_conditions', None)
        assert np.array_equal(speak(load(tmp_path)), computed)
    assert state(moved) == before
    assert 'has changed' not in caplog.text


def test_a_bundled_voice_is_described_exported_and_imported(package, tmp_path):
    engine = load(tmp_path)
    before = state(package)
    found = engine.do_voice_task(DescribeVoice(1, MODELS, check=True)).description
    assert (found.folder, found.used_by, found.changed) == (str(package / MODELS), ('mia',), ())
    assert (found.info.name, found.info.is_default, found.recordings) == (MODELS, False, 1)
    path = str(tmp_path / 'mia.gsvvoice')
    archive = engine.do_voice_task(ExportVoice(2, 'mia', path)).archive
    assert archive.needs == (f'voice {MODELS}',)
    bundled_speech = speak(engine, 'mia')
    engine.do_voice_task(ImportVoice(3, path, 'mine'))
    assert np.array_equal(speak(engine, 'mine'), bundled_speech)
    assert state(package) == before


def test_a_voice_that_hides_a_bundled_one_is_heard_at_once_and_so_is_its_end(package, tmp_path):
    engine = load(tmp_path)
    theirs = speak(engine, 'mia')
    # Made and removed by another program, which tells this engine nothing.
    make_test_voice(tmp_path / 'voices' / 'mia', seed=1)
    assert not np.array_equal(speak(engine, 'mia')[:1000], theirs[:1000])
    shutil.rmtree(tmp_path / 'voices' / 'mia')
    assert np.array_equal(speak(engine, 'mia'), theirs)


def test_a_bundled_voice_that_is_not_deleted_speaks_on(package, tmp_path):
    engine = load(tmp_path)
    with pytest.raises(VoiceStoreError, match='came with the package'):
        engine.do_voice_task(DeleteVoice(1, 'mia'))
    assert engine.resident_voices == ['mia']
    assert [info.name for info in engine.voices()] == [MODELS, 'mia']


def test_a_recording_can_be_of_any_kind_that_the_package_brings(package, tmp_path):
    engine = load(tmp_path)
    opus = Path(__file__).parents[1] / 'voice' / 'speech' / 'man.opus'
    (package / 'mia' / 'prompt.wav').unlink()
    shutil.copyfile(opus, package / 'mia' / 'prompt.opus')
    tree = read_voice_file(package / 'mia')
    prompt = {**tree['prompt'], 'audio': 'prompt.opus'}
    write_voice_file(package / 'mia', {**tree, 'prompt': prompt})
    path = str(tmp_path / 'mia.gsvvoice')
    engine.do_voice_task(ExportVoice(1, 'mia', path))
    imported = engine.do_voice_task(ImportVoice(2, path, 'mine')).description
    assert (imported.recordings, imported.base) == (1, MODELS)
    assert np.array_equal(speak(engine, 'mine'), speak(engine, 'mia'))
