"""How good a recording of speech is: loudness, noise, clipping, bandwidth, share of speech."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gptsovits_ros.errors import DependencyMissingError
from gptsovits_ros.voice.enroll.activity import FRAME_SAMPLES, ON, SAMPLE_RATE
from gptsovits_ros.voice.enroll.decode import Recording
from gptsovits_ros.voice.enroll.report import Quality

MAX_SNR_DB = 60.0  # digital silence has no level
# The level that is not reached in this share of the frames is noise.
NOISE_SHARE = 0.05
# Samples this close to the highest one count as cut off; of clean speech hardly any are.
CLIP_SHARE = 0.98
# A band belongs to the recording if its loud moments come this near to the level of the voice.
BAND_RANGE_DB = 38.0
BAND_WIDTH_HZ = 500
VOICE_BAND_HZ = (300, 3400)
LOUDEST_SHARE = 0.95

# Half a step of 16 bits and less is no sound.
DIGITAL_SILENCE_POWER = 2e-10

_FFT = 512
_SILENCE_POWER = 1e-12


@dataclass(frozen=True)
class Listened:
    """A recording, and where in it somebody speaks.

    Attributes:
        recording: as it was decoded.
        wave: the same at 16 kHz.
        speech: probability of speech of each frame of 32 ms.

    """

    recording: Recording
    wave: np.ndarray
    speech: np.ndarray

    @cached_property
    def power(self) -> np.ndarray:
        """Mean power of each frame."""
        padded = np.pad(self.wave, (0, len(self.speech) * FRAME_SAMPLES - len(self.wave)))
        return (padded.reshape(-1, FRAME_SAMPLES) ** 2).mean(axis=1) + _SILENCE_POWER

    @cached_property
    def loudness_lufs(self) -> float:
        """Loudness of all of it, by ITU-R BS.1770."""
        return loudness(self.recording.samples, self.recording.sample_rate)

    @cached_property
    def speech_s(self) -> float:
        """How long somebody speaks in it [s]."""
        return float((self.speech >= ON).sum() * FRAME_SAMPLES / SAMPLE_RATE)

    def quality(self, start_s: float, end_s: float) -> Quality:
        """Measure a piece."""
        first, last = (round(time * SAMPLE_RATE / FRAME_SAMPLES) for time in (start_s, end_s))
        speech, power = self.speech[first:last] >= ON, self.power[first:last]
        samples = self.recording.piece(start_s, end_s)
        wave = self.wave[first * FRAME_SAMPLES : last * FRAME_SAMPLES]
        loudness_lufs = loudness(samples, self.recording.sample_rate)
        peak = 20 * np.log10(max(np.abs(samples).max(initial=0.0), 1e-6))
        return Quality(
            duration_s=len(samples) / self.recording.sample_rate,
            speech_s=float(speech.sum() * FRAME_SAMPLES / SAMPLE_RATE),
            loudness_lufs=loudness_lufs,
            snr_db=snr_db(power, speech),
            crest_db=float(peak - loudness_lufs),
            clipped_share=clipped_share(samples),
            bandwidth_hz=bandwidth_hz(wave, self.recording.sample_rate),
        )


def loudness(samples: np.ndarray, rate: int) -> float:
    """Return the loudness of samples [T] in LUFS; -inf for silence or less than 0.4 s."""
    try:
        import pyloudnorm
    except ImportError as error:
        raise DependencyMissingError(
            f"enrolling a voice needs pyloudnorm ({error}); `pip install 'gptsovits_ros[enroll]'`"
        ) from error
    meter = pyloudnorm.Meter(rate)
    if len(samples) < meter.block_size * rate or not samples.any():
        return -np.inf
    return float(meter.integrated_loudness(samples.astype(np.float64)))


def snr_db(power: np.ndarray, speech: np.ndarray) -> float:
    """Return how far speech is above the noise between its words [dB].

    Noise, music and other people all fill the gaps that one speaker leaves, so no model of them is
    needed. What is left of the speech in its quietest moments counts as noise, hence less than the
    truth for one who does not pause.

    Args:
        power: of frames [N].
        speech: which of them are speech, bool [N].

    """
    # Digital silence around a recording was put there later.
    recorded = np.flatnonzero(power > DIGITAL_SILENCE_POWER)
    if not speech.any() or not len(recorded):
        return -np.inf
    noise = np.quantile(power[recorded[0] : recorded[-1] + 1], NOISE_SHARE)
    signal = power[speech].mean() - noise
    if signal <= 0:
        return -np.inf
    return float(min(10 * np.log10(signal / noise), MAX_SNR_DB))


def clipped_share(samples: np.ndarray) -> float:
    """Return the share of samples [T] that are as good as the highest or the lowest one.

    It does not matter whether a clipped recording was made quieter later.
    """
    high, low = samples.max(initial=0.0), samples.min(initial=0.0)
    cut = (samples >= CLIP_SHARE * high) & (high > 0) | (samples <= CLIP_SHARE * low) & (low < 0)
    return float(cut.mean()) if len(samples) else 0.0


def bandwidth_hz(wave: np.ndarray, source_rate: int) -> float:
    """Return the frequency up to which samples [T] at 16 kHz hold more than a trace of sound.

    Args:
        source_rate: that the recording had; nothing is above the half of it.

    """
    if len(wave) < _FFT:
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(wave, _FFT)[:: _FFT // 2]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FFT))) ** 2 + _SILENCE_POWER  # [N, bins]
    frequencies = np.arange(power.shape[1]) * SAMPLE_RATE / _FFT
    low, high = VOICE_BAND_HZ
    # Its own median is no measure for speech with long pauses.
    inside = power[:, (frequencies >= low) & (frequencies < high)].mean(axis=1)
    wanted = inside[inside >= np.median(inside)].mean() * 10 ** (-BAND_RANGE_DB / 10)
    limit = min(SAMPLE_RATE, source_rate) // 2
    top = 0.0
    for edge in range(0, limit, BAND_WIDTH_HZ):
        band = power[:, (frequencies >= edge) & (frequencies < edge + BAND_WIDTH_HZ)]
        if np.quantile(band.mean(axis=1), LOUDEST_SHARE) >= wanted:
            top = min(edge + BAND_WIDTH_HZ, limit)
    return float(top)
