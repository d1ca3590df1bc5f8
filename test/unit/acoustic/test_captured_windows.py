"""Pieces of a stream that are replayed: the sound of those computed plainly."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from gptsovits_ros.acoustic.captured_windows import MOST_SIZES, CapturedWindows, Window
from gptsovits_ros.acoustic.config import OFFICIAL_CONFIGS
from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.acoustic.streaming import LOOKAHEAD_TOKENS, FrameNoise, SovitsStream

from ..capture_rules import NO_VALUES, Recorder, capture
from .narrow import NARROW, made

STOPS = (8, 18, 31, 48, 70, None)


@pytest.fixture(scope='module')
def model() -> Sovits:
    return made(replace(OFFICIAL_CONFIGS['v2'], **NARROW)).requires_grad_(False)


@torch.inference_mode()
def spoken(model: Sovits, seed: int, captured: CapturedWindows | None = None, speed: float = 1.0):
    """Return the pieces of a stream of 80 tokens."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(16, (1, 80), generator=generator)
    style = torch.randn(1, 12, 1, generator=generator)
    phonemes = torch.randint(20, (1, 30), generator=generator)
    noise = FrameNoise(8, generator)
    stream = SovitsStream(model, phonemes, style, speed=speed, noise=noise, captured=captured)
    known = [80 if stop is None else stop + LOOKAHEAD_TOKENS for stop in STOPS]
    return [
        stream.decode(tokens[:, :count], stop) for count, stop in zip(known, STOPS, strict=True)
    ]


def test_replayed_pieces_are_those_computed_plainly(model):
    recorder = Recorder()
    captured = CapturedWindows(model, recorder)
    for seed in range(4):
        # Kept until all are made: a replay must not write into what was given out.
        pieces = spoken(model, seed, captured)
        torch.testing.assert_close(pieces, spoken(model, seed))
    # Each size once, the end never.
    assert captured.captured == recorder.count == len(STOPS) - 1


def test_a_size_that_comes_once_is_not_captured(model):
    recorder = Recorder()
    captured = CapturedWindows(model, recorder)
    for speed in (1.0, 1.1, 0.9):
        torch.testing.assert_close(
            spoken(model, 0, captured, speed), spoken(model, 0, speed=speed)
        )
    assert not recorder.count


def test_sizes_do_not_pile_up(model):
    captured = CapturedWindows(model, Recorder())
    with torch.inference_mode():
        for frames in range(1, MOST_SIZES + 5):
            latent, style = torch.randn(1, 8, frames), torch.randn(1, 12, 1)
            for _ in range(2):
                captured.sound(latent, style, Window(0, frames, 0, 0))
    assert captured.captured == MOST_SIZES


def test_the_error_of_a_replayed_window_is_that_of_rounding(model):
    assert CapturedWindows(model, Recorder()).error() < 1e-6


def test_the_error_tells_of_a_replay_that_does_nothing(model):
    def forget(function):
        function()
        return lambda: None

    loud = copy.deepcopy(model)
    for weight in loud.decoder.parameters():
        weight.mul_(2.0)
    assert CapturedWindows(loud, Recorder()).error() < 1e-5
    assert CapturedWindows(loud, forget).error() > 0.02


@pytest.mark.parametrize('half', [False, True])
def test_a_gpu_can_capture_a_window(model, half):
    """Nothing in it asks for a value or brings one, so that it can be replayed."""
    far = copy.deepcopy(model).to(NO_VALUES)
    if half:
        far.decoder.half()
    captured = CapturedWindows(far, capture)
    with torch.inference_mode():
        latent = torch.zeros(1, 8, 60, device=NO_VALUES)
        style = torch.zeros(1, 12, 1, device=NO_VALUES)
        for _ in range(2):
            wave = captured.sound(latent, style, Window(5, 50, 11, 11))
    assert captured.captured == 1
    assert wave.dtype == torch.float32 and wave.shape == (1, 1, 28 * 640)
