"""Magnitude and mel spectrograms."""

from __future__ import annotations

import math

import pytest
import torch

from gptsovits_ros.audio import spectrogram
from gptsovits_ros.errors import AudioInvalidError
from gptsovits_ros.types import SpectrogramConfig

V2 = SpectrogramConfig()
MEL_24K = spectrogram.MelConfig(SpectrogramConfig(24000, 1024, 256, 1024), 100, 0.0, 12000.0)
MEL_32K = spectrogram.MelConfig(SpectrogramConfig(32000, 1280, 320, 1280), 100, 0.0, 16000.0)


@pytest.mark.parametrize('length, frames', [(640 * 10, 10), (640 * 10 + 639, 10), (32000, 50)])
def test_there_is_one_frame_per_hop(length, frames):
    assert spectrogram.magnitude_spectrogram(torch.zeros(length), V2).shape == (1025, frames)


def test_silence_is_the_floor_of_the_root():
    found = spectrogram.magnitude_spectrogram(torch.zeros(6400), V2)
    torch.testing.assert_close(found, torch.full_like(found, 1e-4))


def test_a_tone_has_the_height_that_the_window_gives():
    bin_number = 64
    tone = torch.cos(2 * math.pi * bin_number * torch.arange(6400) / 2048)
    frame = spectrogram.magnitude_spectrogram(tone, V2)[:, 5]
    assert frame.argmax() == bin_number
    half_window_sum = 2048 / 4
    assert frame[bin_number].item() == pytest.approx(half_window_sum, rel=1e-4)


def test_each_wave_of_a_batch_is_seen_alone():
    waves = torch.randn(2, 3, 6400, generator=torch.Generator().manual_seed(0))
    found = spectrogram.magnitude_spectrogram(waves, V2)
    assert found.shape == (2, 3, 1025, 10)
    torch.testing.assert_close(found[1, 2], spectrogram.magnitude_spectrogram(waves[1, 2], V2))


def test_a_wave_that_cannot_be_reflected_is_refused():
    spectrogram.magnitude_spectrogram(torch.zeros(705), V2)
    with pytest.raises(AudioInvalidError, match='704 samples'):
        spectrogram.magnitude_spectrogram(torch.zeros(704), V2)


@pytest.mark.parametrize('config', [MEL_24K, MEL_32K])
def test_mel_filters_have_equal_area(config):
    bank = spectrogram.slaney_bank(config)
    bin_hz = config.frames.sample_rate / config.frames.n_fft
    wide = bank.sum(dim=1)[60:] * bin_hz  # narrow bands are sampled by too few bins to see it
    torch.testing.assert_close(wide, torch.ones_like(wide), atol=0.02, rtol=0)


def test_mel_of_a_tone_peaks_at_its_frequency():
    tone = torch.sin(2 * math.pi * 1000 * torch.arange(24000) / 24000)
    mel = spectrogram.mel_spectrogram(tone, MEL_24K)
    assert mel.shape == (100, 93)
    # 12 kHz is 51.2 mel, 1 kHz is 15 mel; 101 steps between the edges.
    top = 15 + math.log(12) / (math.log(6.4) / 27)
    assert abs(mel[:, 40].argmax().item() + 1 - 15 / (top / 101)) <= 1
