"""Change the sampling rate: windowed sinc (reference spectrogram) and soxr (HuBERT input)."""

from __future__ import annotations

import functools
import math

import numpy as np
import soxr
import torch
from torch import Tensor

from gptsovits_ros.audio.torchaudio_backend import backend
from gptsovits_ros.errors import AudioInvalidError

# The official implementation resamples with these (gptsovits-spec section 8.2).
LOWPASS_WIDTH = 6  # zero crossings of the sinc on each side
ROLLOFF = 0.99  # cutoff, relative to the lower Nyquist frequency
# There is one filter per output phase: 44100 -> 32000 takes 2e5 taps in all, but rates without a
# common divisor (44101 -> 32000) would take 2e9.
MAX_TAPS = 20_000_000


def resample(wave: Tensor, from_rate: int, to_rate: int) -> Tensor:
    """Resample with a Hann-windowed sinc (width 6, rolloff 0.99).

    Uses torchaudio where it can be imported, else the same formula here (tested equal).

    Source: gptsovits-spec section 8.2.

    Args:
        wave: float32 [..., T] at from_rate Hz.

    Returns:
        float32 [..., ceil(T * to_rate / from_rate)].

    Raises:
        AudioInvalidError: if the ratio of the rates is too awkward.

    """
    if from_rate == to_rate:
        return wave
    _check_ratio(from_rate, to_rate)
    make_resampler = backend().resample
    if make_resampler is None:
        return sinc_resample(wave, from_rate, to_rate)
    resampler = make_resampler(
        from_rate, to_rate, lowpass_filter_width=LOWPASS_WIDTH, rolloff=ROLLOFF
    )
    return resampler.to(wave.device)(wave)


def sinc_resample(wave: Tensor, from_rate: int, to_rate: int) -> Tensor:
    """Resample as `resample` does, without torchaudio."""
    divisor = math.gcd(from_rate, to_rate)
    step, phases = from_rate // divisor, to_rate // divisor
    kernel, width = _sinc_kernel(step, phases)
    length = wave.shape[-1]
    flat = wave.reshape(-1, 1, length)  # [B, 1, T]
    padded = torch.nn.functional.pad(flat, (width, width + step))
    # Every step input samples give `phases` output samples, one per row of the kernel.
    outputs = torch.nn.functional.conv1d(padded, kernel.to(wave), stride=step)  # [B, phases, N]
    joined = outputs.transpose(1, 2).reshape(flat.shape[0], -1)
    return joined[:, : math.ceil(length * phases / step)].reshape(*wave.shape[:-1], -1)


def resample_soxr_hq(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Resample with soxr, high quality; what `librosa.load(sr=to_rate)` does by default.

    Source: gptsovits-spec section 8.1.

    Args:
        samples: float32 [T] at from_rate Hz.

    Returns:
        float32 [ceil(T * to_rate / from_rate)].

    """
    if from_rate == to_rate:
        return samples
    length = math.ceil(len(samples) * to_rate / from_rate)
    resampled = soxr.resample(samples, from_rate, to_rate, quality='HQ')[:length]
    # soxr rounds the length to the nearest, librosa fills up with zeros.
    return np.pad(resampled, (0, length - len(resampled)))


def _check_ratio(from_rate: int, to_rate: int) -> None:
    """Refuse ratios whose filter bank would fill the memory."""
    divisor = math.gcd(from_rate, to_rate)
    step, phases = from_rate // divisor, to_rate // divisor
    taps = phases * (2 * _half_width(step, phases) + step)
    if taps > MAX_TAPS:
        raise AudioInvalidError(
            f'audio at {from_rate} Hz cannot be resampled to {to_rate} Hz (their ratio is '
            f'{phases}/{step}); convert the file to a usual rate first, for example 48000 Hz'
        )


def _half_width(step: int, phases: int) -> int:
    """Return the length of one side of the filter [input samples]."""
    return math.ceil(LOWPASS_WIDTH * step / (min(step, phases) * ROLLOFF))


@functools.lru_cache(maxsize=8)
def _sinc_kernel(step: int, phases: int) -> tuple[Tensor, int]:
    """Return a windowed sinc per output phase, and the length of one side of it.

    The filters are float32 [phases, 1, 2 * width + step].
    The value at input position n for phase p is the low-pass filter at the time between the two,
    t = (n / step - p / phases) in units of the common period.
    """
    width = _half_width(step, phases)
    cutoff = min(step, phases) * ROLLOFF
    position = torch.arange(-width, width + step, dtype=torch.float64) / step
    # Single precision, as in the official resampler; double would move noise-like audio by 1e-4.
    phase = torch.arange(phases) / phases
    crossings = ((position - phase[:, None]) * cutoff).clamp(-LOWPASS_WIDTH, LOWPASS_WIDTH)
    window = torch.cos(crossings * (math.pi / 2 / LOWPASS_WIDTH)) ** 2
    kernel = torch.sinc(crossings) * window * (cutoff / step)
    return kernel[:, None].to(torch.float32), width
