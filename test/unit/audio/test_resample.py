"""Resampling, with and without torchaudio."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from gptsovits_ros.audio import resample, torchaudio_backend
from gptsovits_ros.errors import AudioInvalidError


def sine(hz: float, rate: int, length: int) -> torch.Tensor:
    """Return a sine wave, float32 [length]."""
    return torch.sin(2 * math.pi * hz * torch.arange(length, dtype=torch.float64) / rate).float()


@pytest.mark.parametrize(
    'from_rate, to_rate',
    [(44100, 32000), (48000, 32000), (32000, 16000), (16000, 32000), (22050, 24000)],
)
def test_a_tone_keeps_its_pitch_and_level(from_rate, to_rate):
    length = from_rate // 2
    found = resample.sinc_resample(sine(440, from_rate, length), from_rate, to_rate)
    expected = sine(440, to_rate, math.ceil(length * to_rate / from_rate))
    assert found.shape == expected.shape
    inside = slice(200, -200)  # at the ends the filter sees zeros
    torch.testing.assert_close(found[inside], expected[inside], atol=3e-3, rtol=0)


def test_tones_above_the_new_nyquist_frequency_vanish():
    found = resample.sinc_resample(sine(14000, 48000, 24000), 48000, 16000)
    assert found[200:-200].abs().max() < 0.05


def test_leading_axes_are_kept():
    wave = torch.randn(2, 3, 441, generator=torch.Generator().manual_seed(0))
    found = resample.sinc_resample(wave, 44100, 32000)
    assert found.shape == (2, 3, 320)
    torch.testing.assert_close(found[1, 2], resample.sinc_resample(wave[1, 2], 44100, 32000))


@pytest.mark.parametrize('function', [resample.resample, resample.resample_soxr_hq])
def test_the_same_rate_changes_nothing(function):
    wave = torch.arange(5.0)
    assert function(wave, 32000, 32000) is wave


def test_an_awkward_ratio_is_refused_before_memory_fills():
    with pytest.raises(AudioInvalidError, match='44101 Hz'):
        resample.resample(torch.zeros(10), 44101, 32000)


@pytest.mark.parametrize('length', [1, 1000, 44101])
def test_soxr_gives_the_length_rounded_up(length):
    found = resample.resample_soxr_hq(np.zeros(length, dtype=np.float32), 44100, 16000)
    assert len(found) == math.ceil(length * 16000 / 44100)
    assert found.dtype == np.float32


def test_own_resampler_equals_torchaudio():
    if torchaudio_backend.backend().resample is None:
        pytest.skip(f'torchaudio cannot be used: {torchaudio_backend.backend().reason}')
    wave = torch.randn(2, 10007, generator=torch.Generator().manual_seed(0))
    for from_rate, to_rate in ((44100, 32000), (48000, 32000), (32000, 16000)):
        torch.testing.assert_close(
            resample.sinc_resample(wave, from_rate, to_rate),
            resample.resample(wave, from_rate, to_rate),
            atol=1e-6,
            rtol=0,
        )


def test_a_torchaudio_that_cannot_be_imported_is_reported_with_the_reason(monkeypatch, tmp_path):
    (tmp_path / 'torchaudio.py').write_text("raise OSError('libcudart.so.13: not found\\nmore')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__('sys').modules, 'torchaudio', raising=False)
    found = torchaudio_backend.backend.__wrapped__()
    assert found.resample is None and found.fbank is None
    assert found.reason == 'OSError: libcudart.so.13: not found'
