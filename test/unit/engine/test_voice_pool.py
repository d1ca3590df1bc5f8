"""Which voices stay in memory, and what they share."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.model_cache import size_bytes
from gptsovits_ros.engine.voice_pool import MIB
from gptsovits_ros.errors import VoiceInvalidError, VoiceNotFoundError
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest


@pytest.fixture
def root(tiny_voice, tmp_path) -> Path:
    """Return a store with three voices of their own files."""
    for name in ('ann', 'bob', 'cid'):
        shutil.copytree(tiny_voice, tmp_path / name)
    return tmp_path


def load(root: Path, budget_mb: int = 0) -> Engine:
    return Engine.load(EngineSettings(voice_root=str(root), threads=1, memory_budget_mb=budget_mb))


def request(voice: str, text: str = 'Good morning.') -> SpeechRequest:
    return SpeechRequest(text, voice=voice, seed=1)


def speak(engine: Engine, voice: str) -> np.ndarray:
    return np.concatenate([chunk.samples for chunk in engine.synthesize(request(voice))])


def megabytes(engine: Engine, voice: str = '') -> float:
    return size_bytes(engine.loaded_voice(voice).modules) / MIB


def test_without_a_budget_every_voice_stays(root):
    engine = load(root)
    for name in ('bob', 'cid'):
        speak(engine, name)
    assert engine.resident_voices == ['ann', 'bob', 'cid']
    assert engine.resident_bytes == pytest.approx(3 * megabytes(engine) * MIB)


def test_memory_is_that_of_parameters_and_buffers_each_counted_once():
    layer = torch.nn.Linear(3, 5)
    norm = torch.nn.BatchNorm1d(5)  # 4 tables of 5 floats, and a count of 8 bytes
    wrapped = torch.nn.Sequential(layer, norm.half())
    assert size_bytes([layer]) == (3 * 5 + 5) * 4
    assert size_bytes([layer, wrapped, norm]) == (3 * 5 + 5) * 4 + 4 * 5 * 2 + 8


def test_the_least_recently_used_voice_makes_room_and_is_loaded_again_when_it_speaks(root, caplog):
    caplog.set_level(logging.INFO)
    room_for_two = int(2.5 * megabytes(load(root)))
    engine = load(root, room_for_two)
    before = speak(engine, 'ann')
    speak(engine, 'bob')
    speak(engine, 'ann')
    speak(engine, 'cid')
    assert engine.resident_voices == ['ann', 'cid']
    assert 'voice "bob" unloaded' in caplog.text
    assert engine.resident_bytes <= room_for_two * MIB
    speak(engine, 'bob')
    assert engine.resident_voices == ['cid', 'bob']
    assert np.array_equal(speak(engine, 'ann'), before)


def test_a_voice_that_speaks_stays_whatever_the_budget_is(root, caplog):
    engine = load(root, budget_mb=1)
    stream = engine.synthesize(request('ann', '你好，世界。今天天气很好。'))
    first = next(stream)
    speak(engine, 'bob')
    speak(engine, 'cid')
    # bob made room for cid; ann is in the middle of a sentence.
    assert engine.resident_voices == ['ann', 'cid']
    assert first.samples.any() and [chunk for chunk in stream]
    assert engine.resident_voices == ['cid']
    assert 'more than engine.memory_budget_mb allows (1)' in caplog.text


def test_the_last_voice_stays_although_it_alone_exceeds_the_budget(root):
    engine = load(root, budget_mb=1)
    voice = engine.loaded_voice()
    speak(engine, 'ann')
    assert engine.loaded_voice() is voice


def test_leaving_a_stream_early_frees_its_voice(root):
    engine = load(root, budget_mb=1)
    stream = engine.synthesize(request('ann', '你好，世界。今天天气很好。'))
    next(stream)
    stream.close()
    speak(engine, 'bob')
    assert engine.resident_voices == ['bob']


def test_voices_with_a_common_file_share_the_model(root):
    """Two voices of one speaker: other prompts, the same weights."""
    models = root / 'models'
    models.mkdir()
    for name in ('semantic.ckpt', 'acoustic.pth', 'bert', 'hubert'):
        shutil.move(root / 'ann' / name, models / name)
    for name in ('bob', 'cid'):
        shutil.rmtree(root / name)
    shutil.copytree(root / 'ann', root / 'ann_angry')
    engine = Engine.load(EngineSettings(voice_root=str(root), model_root=str(models), threads=1))
    calm = engine.loaded_voice('ann')
    alone = engine.resident_bytes
    angry = engine.loaded_voice('ann_angry')
    assert engine.resident_voices == ['ann', 'ann_angry']
    assert angry.semantic is calm.semantic
    assert angry.acoustic.module is calm.acoustic.module
    assert angry.bert is calm.bert
    assert engine.resident_bytes == alone


def test_a_shared_model_is_read_again_when_its_file_has_changed(root):
    models = root / 'models'
    models.mkdir()
    shutil.copy(root / 'ann' / 'acoustic.pth', models / 'shared.pth')
    for name in ('bob', 'cid'):
        change(root / name, acoustic='shared.pth')
    engine = Engine.load(EngineSettings(voice_root=str(root), model_root=str(models), threads=1))
    before = engine.loaded_voice('bob').acoustic.module
    os.utime(models / 'shared.pth', ns=(1, 1))
    assert engine.loaded_voice('cid').acoustic.module is not before
    assert engine.loaded_voice('bob').acoustic.module is not before


def change(folder: Path, **model: str) -> None:
    """Change values in the section "model" of a voice.yaml."""
    path = folder / 'voice.yaml'
    tree = yaml.safe_load(path.read_text('utf-8'))
    tree['model'].update(model)
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), 'utf-8')


def test_a_voice_whose_files_changed_is_loaded_again(root):
    engine = load(root)
    before = engine.loaded_voice('bob')
    assert engine.loaded_voice('bob') is before
    path = root / 'bob' / 'voice.yaml'
    path.write_text(path.read_text('utf-8') + '\n', 'utf-8')
    after = engine.loaded_voice('bob')
    assert after is not before
    # Only voice.yaml changed, so the models were not read again.
    assert after.semantic is before.semantic


def test_a_voice_that_was_deleted_or_damaged_is_not_spoken_from_memory(root):
    engine = load(root)
    speak(engine, 'bob')
    (root / 'bob' / 'acoustic.pth').unlink()
    with pytest.raises(VoiceInvalidError, match='model.acoustic'):
        speak(engine, 'bob')
    shutil.rmtree(root / 'bob')
    with pytest.raises(VoiceNotFoundError):
        speak(engine, 'bob')
    assert engine.resident_voices == ['ann']


def test_all_voices_are_unloaded_but_for_one_that_speaks_and_speak_again(root, caplog):
    caplog.set_level(logging.INFO)
    engine = load(root)
    before = speak(engine, 'ann')
    speak(engine, 'bob')
    chunks = engine.synthesize(request('bob', 'One. Two.'))
    next(chunks)
    engine.unload()
    assert engine.resident_voices == ['bob'] and 'unloaded: ann' in caplog.text
    chunks.close()
    engine.unload()
    assert engine.resident_voices == [] and engine.resident_bytes == 0
    assert np.array_equal(speak(engine, 'ann'), before)
