"""Captured models are used where they were seen to work, and an engine speaks with them."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pytest
import torch

from gptsovits_ros.acoustic.captured_windows import CapturedWindows
from gptsovits_ros.engine import cuda_graphs
from gptsovits_ros.engine.cuda_graphs import CapturedModels
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.semantic.decode_steps import CapturedSteps
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest

from ..capture_rules import Recorder

replayed = Recorder()
TEXT = '今天天气很好，我们一起去公园里面散步。Hello robot, how are you today?'


def spoken(engine: Engine, seed: int) -> np.ndarray:
    request = SpeechRequest(TEXT, language='zh', seed=seed)
    return np.concatenate([chunk.samples for chunk in engine.synthesize(request)])


@pytest.fixture(scope='module')
def settings(tiny_voice) -> EngineSettings:
    return EngineSettings(
        voice_root=str(tiny_voice.parent), device='cpu', threads=1, precision='float32'
    )


@pytest.fixture(scope='module')
def plain(settings) -> Engine:
    """Return an engine on a CPU, which captures nothing."""
    return Engine.load(settings)


@pytest.fixture
def make(settings, monkeypatch):
    """Return what makes an engine whose device captures in a given way."""

    def make(capture) -> Engine:
        monkeypatch.setattr(
            CapturedModels, 'on', classmethod(lambda cls, device, wanted: cls(capture))
        )
        return Engine.load(settings)

    return make


def test_an_engine_with_captured_models_says_the_same(make, plain, caplog):
    caplog.set_level('INFO')
    captured = make(replayed)
    assert plain.loaded_voice().steps is None
    assert 'CUDA graphs of Text2Semantic are used' in caplog.text
    assert 'CUDA graphs of Sovits are used' in caplog.text
    for seed in range(3):
        np.testing.assert_allclose(spoken(captured, seed), spoken(plain, seed), atol=1e-4)
    assert captured.loaded_voice().steps.captured > 1


def test_models_that_cannot_be_captured_speak_plainly(make, plain, caplog):
    def refuse(function):
        raise RuntimeError('operation not permitted when stream is capturing\nmore')

    engine = make(refuse)
    assert engine.loaded_voice().steps is None
    assert 'cannot be captured (operation not permitted when stream is capturing)' in caplog.text
    assert np.array_equal(spoken(engine, 1), spoken(plain, 1))


def test_models_whose_replay_is_wrong_speak_plainly(make, plain, caplog, monkeypatch):
    def forget(function):
        function()
        return lambda: None

    # The sound of a random model depends on its latent too little to tell.
    monkeypatch.setattr(CapturedWindows, 'error', lambda self: 1.0)
    engine = make(forget)
    assert engine.loaded_voice().steps is None
    assert 'Text2Semantic are not used, which makes it slower: they give other' in caplog.text
    assert np.array_equal(spoken(engine, 1), spoken(plain, 1))


@pytest.mark.parametrize(('error', 'is_used'), [(0.001, True), (0.5, False), (np.nan, False)])
def test_an_error_that_is_large_or_no_number_is_not_taken(plain, monkeypatch, error, is_used):
    monkeypatch.setattr(CapturedSteps, 'error', lambda self: error)
    steps = CapturedModels(replayed).steps(plain.loaded_voice().semantic)
    assert (steps is not None) == is_used


def test_a_capture_that_fails_later_is_said_and_done_without(make, plain, caplog):
    full = []

    def capture(function):
        if full:
            raise torch.OutOfMemoryError('CUDA out of memory')
        return replayed(function)

    engine = make(capture)
    full.append(True)
    np.testing.assert_allclose(spoken(engine, 1), spoken(plain, 1), atol=1e-4)
    assert 'a part of Text2Semantic could not be captured' in caplog.text


def test_a_form_is_shared_and_goes_with_its_model(plain):
    models = CapturedModels(replayed)
    voice = plain.loaded_voice()
    steps, windows = models.steps(voice.semantic), models.windows(voice.acoustic.module)
    assert isinstance(steps, CapturedSteps) and isinstance(windows, CapturedWindows)
    assert models.steps(voice.semantic) is steps
    assert models.windows(voice.acoustic.module) is windows
    del steps, windows
    gc.collect()
    assert not models._forms


def test_a_warm_up_neither_fills_the_phrase_cache_nor_takes_from_it(
    settings, monkeypatch, tmp_path
):
    cached = replace(settings, cache='seeded', cache_root=str(tmp_path))
    monkeypatch.setattr(CapturedModels, 'on', classmethod(lambda cls, *_: cls(Recorder())))
    engine = Engine.load(cached)
    spoken_with = []
    monkeypatch.setattr(
        engine, '_spoken', lambda request, cancelled: iter([spoken_with.append(request)])
    )
    before = sorted(tmp_path.rglob('*'))
    engine._warm_up(engine.loaded_voice().voice)
    assert len(spoken_with) == 2 and sorted(tmp_path.rglob('*')) == before


def test_only_a_gpu_that_shall_captures(monkeypatch):
    made = []
    monkeypatch.setattr(
        cuda_graphs, 'GraphCapture', lambda device: made.append(device) or replayed
    )
    cpu, gpu = torch.device('cpu'), torch.device('cuda:0')
    for device, wanted in ((cpu, True), (gpu, False), (gpu, True)):
        CapturedModels.on(device, wanted)
    assert made == [gpu]


def test_a_warm_up_captures_what_speech_replays(make, plain):
    engine = make(replayed)
    engine._warm_up(engine.loaded_voice().voice)
    assert engine.loaded_voice().steps.captured
    np.testing.assert_allclose(spoken(engine, 1), spoken(plain, 1), atol=1e-4)
