"""What is measured in a recording, on sounds whose measures are known."""

from __future__ import annotations

import numpy as np
import pytest

from gptsovits_ros.voice.enroll.activity import FRAME_SAMPLES, phrases
from gptsovits_ros.voice.enroll.quality import (
    MAX_SNR_DB,
    bandwidth_hz,
    clipped_share,
    loudness,
    snr_db,
)

RATE = 16000


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(int(seconds * RATE)).astype(np.float32)


def low_pass(wave: np.ndarray, hz: float) -> np.ndarray:
    spectrum = np.fft.rfft(wave)
    spectrum[int(hz / RATE * len(wave)) :] = 0
    return np.fft.irfft(spectrum, len(wave)).astype(np.float32)


@pytest.mark.parametrize('truth', [0, 10, 20, 40])
def test_noise_is_measured_in_the_gaps_of_speech(truth):
    speech = np.tile([True] * 20 + [False] * 5, 8)
    power = np.where(speech, 1.0, 0.0) + 10 ** (-truth / 10)
    assert snr_db(power, speech) == pytest.approx(truth, abs=0.1)


def test_silence_around_a_noisy_recording_is_not_taken_for_its_gaps():
    speech = np.array([False] * 50 + ([True] * 20 + [False] * 5) * 4 + [False] * 50)
    power = np.where(speech, 2.0, 1.0)
    power[:50] = power[-50:] = 1e-12
    assert snr_db(power, speech) == pytest.approx(0, abs=0.1)


def test_digital_silence_between_words_is_as_good_as_it_gets():
    speech = np.tile([True] * 20 + [False] * 5, 4)
    assert snr_db(np.where(speech, 1.0, 1e-12), speech) == MAX_SNR_DB


def test_without_speech_nothing_is_above_the_noise():
    assert snr_db(np.ones(100), np.zeros(100, bool)) == -np.inf


@pytest.mark.parametrize('later_gain', [1.0, 0.3])
def test_clipping_is_seen_also_if_it_was_made_quieter_later(later_gain):
    wave = noise(2.0)
    assert clipped_share(wave) < 0.0005
    assert clipped_share(np.clip(wave, -1.5, 1.5) * later_gain) > 0.1


def test_clipping_on_one_side_counts():
    assert clipped_share(np.maximum(noise(2.0), -1.0)) > 0.1


def test_silence_is_not_clipped():
    assert clipped_share(np.zeros(1000, np.float32)) == 0.0


@pytest.mark.parametrize('hz', [3400, 4000, 5500, 7000])
def test_bandwidth_is_found_to_half_a_kilohertz(hz):
    assert bandwidth_hz(low_pass(noise(3.0), hz), RATE) == pytest.approx(hz, abs=500)


def test_nothing_is_above_half_the_rate_that_a_recording_had():
    assert bandwidth_hz(noise(3.0), 8000) == 4000


def test_loudness_is_that_of_the_standard():
    # BS.1770: a 997 Hz sine at full scale in one channel is at -3.01 LUFS.
    wave = np.sin(2 * np.pi * 997 * np.arange(3 * 48000) / 48000).astype(np.float32)
    assert loudness(wave, 48000) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize('wave', [np.zeros(RATE, np.float32), noise(0.3)])
def test_silence_and_moments_have_no_loudness(wave):
    assert loudness(wave, RATE) == -np.inf


def test_phrases_end_at_silences_and_leave_clicks_out():
    frame_s = FRAME_SAMPLES / RATE
    speech, silence = round(1.0 / frame_s), round(0.5 / frame_s)
    gap, click = 3, 3  # shorter than a silence, shorter than speech
    pattern = [1] * speech + [0] * silence + [1] * speech + [0] * gap + [1] * speech
    pattern += [0] * silence + [1] * click + [0] * silence
    second = speech + silence
    assert phrases(np.array(pattern, float)) == [
        (0, speech),
        (second, second + 2 * speech + gap),
    ]


def test_a_phrase_goes_on_until_it_is_clearly_over():
    found = phrases(np.array([0.4] * 5 + [0.6] * 10 + [0.4] * 10 + [0.3] * 20))
    assert found == [(5, 25)]
