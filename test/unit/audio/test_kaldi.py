"""Kaldi's filter bank energies."""

from __future__ import annotations

import math

import pytest
import torch

from gptsovits_ros.audio import kaldi, torchaudio_backend
from gptsovits_ros.errors import AudioInvalidError


@pytest.mark.parametrize('length, frames', [(400, 1), (559, 1), (560, 2), (16000, 98)])
def test_only_whole_frames_are_counted(length, frames):
    assert kaldi.fbank(torch.zeros(length)).shape == (frames, 80)


def test_silence_is_the_floor():
    found = kaldi.fbank(torch.zeros(800))
    torch.testing.assert_close(found, torch.full_like(found, math.log(1.1920929e-07)))


def test_a_constant_offset_is_not_heard():
    noise = 0.1 * torch.randn(4000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        kaldi.own_fbank(noise + 0.5), kaldi.own_fbank(noise), atol=2e-2, rtol=0
    )


@pytest.mark.parametrize('hz, band', [(200, 6), (1000, 27), (4000, 60)])
def test_a_tone_is_loudest_in_its_band(hz, band):
    tone = torch.sin(2 * math.pi * hz * torch.arange(1600) / 16000)
    assert set(kaldi.fbank(tone).argmax(dim=1).tolist()) == {band}


def test_a_wave_shorter_than_a_frame_is_refused():
    with pytest.raises(AudioInvalidError, match='399 samples'):
        kaldi.fbank(torch.zeros(399))


def test_own_filter_bank_equals_torchaudio():
    if torchaudio_backend.backend().fbank is None:
        pytest.skip(f'torchaudio cannot be used: {torchaudio_backend.backend().reason}')
    wave = 0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(kaldi.own_fbank(wave), kaldi.fbank(wave), atol=1e-4, rtol=0)
