"""What only a GPU can tell; skipped where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='there is no CUDA device')

TEXT = '今天天气很好，我们一起去公园里面散步。Hello robot, how are you today?'


@pytest.fixture(scope='module')
def settings(tiny_voice) -> EngineSettings:
    return EngineSettings(
        voice_root=str(tiny_voice.parent), device='cuda:0', precision='float32', threads=1
    )


def spoken(engine: Engine, seed: int, stream: bool = True) -> np.ndarray:
    request = SpeechRequest(TEXT, language='zh', seed=seed, stream=stream)
    return np.concatenate([chunk.samples for chunk in engine.synthesize(request)])


def test_graphs_are_captured_and_say_what_is_said_without(settings):
    captured = Engine.load(settings)
    plain = Engine.load(replace(settings, cuda_graphs=False))
    assert captured.loaded_voice().steps.captured > 0
    assert plain.loaded_voice().steps is None
    for seed in range(5):
        np.testing.assert_allclose(spoken(captured, seed), spoken(plain, seed), atol=1e-2)


def test_graphs_in_half_precision_are_close_to_the_plain_models(settings):
    engine = Engine.load(replace(settings, precision='auto'))
    voice = engine.loaded_voice()
    assert voice.semantic.token_embedding.weight.dtype == torch.float16
    assert voice.steps.error() < 0.01
    samples = spoken(engine, 1)
    assert np.isfinite(samples).all() and samples.any()


def test_utterances_at_once_say_what_is_said_alone(settings):
    alone = Engine.load(settings)
    parallel = Engine.load(replace(settings, parallel=4))
    np.testing.assert_allclose(spoken(parallel, 3), spoken(alone, 3), atol=1e-2)


def test_memory_is_capped(settings):
    with pytest.raises(torch.OutOfMemoryError):
        Engine.load(replace(settings, gpu_memory_mb=1))
    torch.cuda.set_per_process_memory_fraction(1.0, 0)
