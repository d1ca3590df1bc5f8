"""A voice speaks the same from kept conditions as from its recordings, and without them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gptsovits_ros.audio.files import write_wav
from gptsovits_ros.engine import loaded_voice
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.kept_conditions import Conditions, keep_conditions, kept_conditions
from gptsovits_ros.errors import VoiceInvalidError
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest
from gptsovits_ros.voice.conditions import (
    MAX_FILE_BYTES,
    StoredConditions,
    fingerprint,
    read_conditions,
    sources_of,
    write_conditions,
)
from gptsovits_ros.voice.standin import SIZES
from gptsovits_ros.voice.voice_file import (
    CONDITIONS_FILE,
    read_voice,
    read_voice_file,
    write_voice_file,
)

REQUEST = SpeechRequest('你好。', seed=1, guard_retries=0, sample_steps=2)


def engine_of(folder: Path) -> Engine:
    """Load the voice of a folder in an engine of its own."""
    return Engine.load(
        EngineSettings(voice_root=str(folder.parent), default_voice=folder.name, threads=1)
    )


def speech(engine: Engine) -> np.ndarray:
    """Return what it says."""
    return np.concatenate([chunk.samples for chunk in engine.synthesize(REQUEST)])


def keep(engine: Engine) -> None:
    """Write the conditions of the default voice beside it."""
    loaded = engine.loaded_voice()
    conditions = Conditions(loaded.prompt_tokens, loaded.condition)
    keep_conditions(loaded.voice, loaded.acoustic, conditions)


def forget_recordings(folder: Path) -> None:
    """Remove the recordings of a voice."""
    tree = read_voice_file(folder)
    (folder / tree['prompt'].pop('audio')).unlink()
    write_voice_file(folder, tree)


def deny(*args):
    """Stand in for what must not be called."""
    raise AssertionError('the recordings were looked at')


@pytest.fixture
def copy(tiny_voices, tmp_path):
    """Return what copies the stand-in of a version, so that it can be changed."""
    return lambda version: Path(shutil.copytree(tiny_voices / version, tmp_path / version))


@pytest.mark.parametrize('version', [name.lower() for name in SIZES['tiny'].versions])
def test_a_voice_without_recordings_speaks_as_it_did_with_them(copy, version, monkeypatch):
    folder = copy(version)
    engine = engine_of(folder)
    before = speech(engine)
    keep(engine)
    forget_recordings(folder)
    monkeypatch.setattr(loaded_voice, 'load_content', deny)
    after = speech(engine_of(folder))
    np.testing.assert_array_equal(after, before)


def test_recordings_are_not_looked_at_while_the_conditions_fit(copy, monkeypatch):
    folder = copy('v2')
    keep(engine_of(folder))
    monkeypatch.setattr(loaded_voice, 'computed_conditions', deny)
    engine_of(folder)


@pytest.fixture(scope='module')
def engine_with_kept(tiny_voices, tmp_path_factory) -> Engine:
    """Return an engine with a v2 voice whose conditions are kept; do not change the voice."""
    folder = tmp_path_factory.mktemp('kept') / 'v2'
    shutil.copytree(tiny_voices / 'v2', folder)
    engine = engine_of(folder)
    keep(engine)
    return engine


@pytest.fixture
def kept(engine_with_kept, tmp_path) -> Path:
    """Return the folder of a v2 voice with kept conditions."""
    return Path(shutil.copytree(engine_with_kept.loaded_voice().voice.folder, tmp_path / 'v2'))


def change_models(folder: Path) -> None:
    """Let the SoVITS file be another one; only its fingerprint is looked at before it is used."""
    path = folder / CONDITIONS_FILE
    stored = read_conditions(path)
    write_conditions(StoredConditions(stored.tensors, {**stored.sources, 'acoustic': '0'}), path)


def change_clip(folder: Path) -> None:
    """Let the prompt be another recording."""
    write_wav(folder / 'prompt.wav', np.full(64000, 0.1, np.float32), 16000)


def change_text(folder: Path) -> None:
    """Let the prompt say something else."""
    tree = read_voice_file(folder)
    tree['prompt']['text'] = '你好。'
    write_voice_file(folder, tree)


@pytest.mark.parametrize('change', [change_models, change_clip, change_text])
def test_conditions_of_something_else_are_computed_anew(kept, change):
    old = engine_of(kept).loaded_voice()
    change(kept)
    (kept / CONDITIONS_FILE).rename(kept / 'aside')
    fresh = engine_of(kept).loaded_voice()
    (kept / 'aside').rename(kept / CONDITIONS_FILE)
    now = engine_of(kept).loaded_voice()
    assert torch.equal(now.condition, fresh.condition)
    assert torch.equal(now.prompt_tokens, fresh.prompt_tokens)
    if change is change_clip:
        assert not torch.equal(now.condition, old.condition)


@pytest.mark.parametrize('change', [change_models, change_text])
def test_without_recordings_conditions_of_something_else_are_an_error(kept, change):
    forget_recordings(kept)
    change(kept)
    with pytest.raises(VoiceInvalidError, match='enrol it again'):
        engine_of(kept)


def tampered(name: str, value: torch.Tensor | None):
    """Return what replaces a tensor in the file of a voice, or takes it away."""

    def tamper(folder: Path) -> None:
        path = folder / CONDITIONS_FILE
        stored = read_conditions(path)
        tensors = {**stored.tensors, name: value}
        tensors = {key: tensor for key, tensor in tensors.items() if tensor is not None}
        write_conditions(StoredConditions(tensors, stored.sources), path)

    return tamper


@pytest.mark.parametrize(
    'tamper',
    [
        tampered('tokens', torch.tensor([5000])),
        tampered('tokens', torch.tensor([-1])),
        tampered('tokens', torch.zeros(10_000, dtype=torch.int64)),
        tampered('tokens', torch.zeros(2, 3, dtype=torch.int64)),
        tampered('tokens', torch.zeros(3)),
        tampered('tokens', torch.zeros(0, dtype=torch.int64)),
        tampered('tokens', None),
        tampered('style', torch.zeros(1, 3, 1)),
        tampered('style', torch.full((1, 32, 1), torch.nan)),
        tampered('style', torch.zeros(1, 32, 1, dtype=torch.int64)),
        tampered('style', None),
        tampered('more', torch.zeros(1)),
        lambda folder: (folder / CONDITIONS_FILE).write_bytes(b'x' * 100),
        lambda folder: (folder / CONDITIONS_FILE).write_bytes(b''),
        lambda folder: (folder / CONDITIONS_FILE).write_bytes(bytes(MAX_FILE_BYTES + 1)),
        lambda folder: save_file({'tokens': torch.zeros(1)}, folder / CONDITIONS_FILE),
    ],
)
def test_damaged_conditions_are_named(engine_with_kept, kept, tamper):
    tamper(kept)
    acoustic = engine_with_kept.loaded_voice().acoustic
    with pytest.raises(VoiceInvalidError, match=CONDITIONS_FILE):
        kept_conditions(read_voice(kept, kept), acoustic, 1025, torch.device('cpu'))


def test_a_mel_of_no_possible_length_is_refused(copy):
    folder = copy('v3')
    engine = engine_of(folder)
    keep(engine)
    for mel in (torch.zeros(1, 100, 0), torch.zeros(()), torch.zeros(1, 100, 999)):
        tampered('mel', mel)(folder)
        with pytest.raises(VoiceInvalidError, match=CONDITIONS_FILE):
            kept_conditions(
                read_voice(folder, folder),
                engine.loaded_voice().acoustic,
                1025,
                torch.device('cpu'),
            )


def test_a_fingerprint_tells_files_apart(tmp_path):
    random = np.random.default_rng(0)
    path = tmp_path / 'model'
    content = random.bytes(3_000_000)
    path.write_bytes(content)
    first = fingerprint(path)
    assert fingerprint(path) == first
    for changed in (content[:-1], content + b'x', random.bytes(3_000_000), b'x' + content[1:]):
        path.write_bytes(changed)
        assert fingerprint(path) != first


def test_the_sources_name_all_that_matters(tiny_voices):
    voice = read_voice(tiny_voices / 'v2pro', tiny_voices)
    assert set(sources_of(voice)) == {'text', 'acoustic', 'content', 'speaker', 'clip0'}
