"""The networks that tell speakers apart, with random weights in the published layout."""

from __future__ import annotations

import pytest
import torch

from gptsovits_ros.checkpoint.speakers import load_segmentation, load_voiceprint
from gptsovits_ros.encoders.segmentation import (
    CLASSES,
    FRAME_SAMPLES,
    WINDOW_SAMPLES,
    BandPassBank,
    SpeakerSegmentation,
)
from gptsovits_ros.encoders.voiceprint import EMBEDDING_DIM, VoiceprintEncoder
from gptsovits_ros.errors import CheckpointError


@pytest.fixture(scope='module')
def segmentation() -> SpeakerSegmentation:
    torch.manual_seed(0)
    model = SpeakerSegmentation().eval()
    bank = model.sincnet.conv1d[0]['filterbank']
    half = bank.window_.shape[0]
    bank.n_.copy_(2 * torch.pi * torch.arange(-half, 0.0)[None] / 16000)
    bank.window_.copy_(torch.hamming_window(2 * half + 1, periodic=False)[:half])
    bank.low_hz_.data.copy_(torch.linspace(0, 3000, 40)[:, None])
    bank.band_hz_.data.fill_(200.0)
    return model


@pytest.fixture(scope='module')
def voiceprint() -> VoiceprintEncoder:
    torch.manual_seed(0)
    return VoiceprintEncoder().eval()


def test_ten_seconds_give_a_frame_for_each_270_samples(segmentation):
    scores = segmentation(torch.randn(1, WINDOW_SAMPLES) * 0.1)
    assert scores.shape == (1, 589, len(CLASSES))
    assert abs(scores.shape[1] - WINDOW_SAMPLES // FRAME_SAMPLES) <= 3
    torch.testing.assert_close(scores.exp().sum(-1), torch.ones(1, 589))


def test_voices_are_those_of_the_likeliest_class(segmentation):
    wave = torch.randn(2, WINDOW_SAMPLES) * 0.1
    best, voices = segmentation(wave).argmax(-1), segmentation.voices(wave)
    for index, expected in enumerate(CLASSES):
        found = voices[best == index]
        for voice in range(3):
            assert bool((found[:, voice] == (voice in expected)).all())


def test_a_filter_lets_its_band_through(segmentation):
    bank: BandPassBank = segmentation.sincnet.conv1d[0]['filterbank']
    taps = bank.filters()[:40, 0]  # the cosines
    response = torch.fft.rfft(taps, n=16000).abs()  # 1 Hz per bin
    loudest = response.argmax(dim=1).float()
    low = 50 + bank.low_hz_[:, 0].detach()
    assert bool(((loudest > low - 60) & (loudest < low + 310)).all())


def test_one_vector_of_length_one_for_each_recording(voiceprint):
    vectors = voiceprint(torch.randn(3, 198, 80))
    assert vectors.shape == (3, EMBEDDING_DIM)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))


def test_loudness_does_not_change_the_vector(voiceprint):
    energies = torch.randn(1, 198, 80)
    torch.testing.assert_close(voiceprint(energies), voiceprint(energies + 3.0))


def test_published_layouts_are_read_back(segmentation, voiceprint, tmp_path):
    torch.save({'state_dict': segmentation.state_dict()}, tmp_path / 'a.pt')
    torch.save(voiceprint.state_dict(), tmp_path / 'b.pt')
    wave, energies = torch.randn(1, WINDOW_SAMPLES) * 0.1, torch.randn(1, 198, 80)
    read = load_segmentation(tmp_path / 'a.pt')
    torch.testing.assert_close(read(wave), segmentation(wave))
    torch.testing.assert_close(load_voiceprint(tmp_path / 'b.pt')(energies), voiceprint(energies))


@pytest.mark.parametrize('load', [load_segmentation, load_voiceprint])
@pytest.mark.parametrize('content', [{}, {'state_dict': 3}, [1, 2], {'a': torch.zeros(2)}])
def test_another_file_is_refused(load, content, tmp_path):
    torch.save(content, tmp_path / 'a.pt')
    with pytest.raises(CheckpointError):
        load(tmp_path / 'a.pt')
