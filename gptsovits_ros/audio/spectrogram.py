"""Spectrograms that the acoustic models hear: linear magnitude and log mel."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gptsovits_ros.errors import AudioInvalidError
from gptsovits_ros.types import SpectrogramConfig

MAGNITUDE_FLOOR = 1e-8  # keeps the gradient of the square root finite in silence
LOG_FLOOR = 1e-5


@dataclass(frozen=True)
class MelConfig:
    """A mel spectrogram.

    Attributes:
        frames: how the wave is cut into frames.
        bands: number of mel bands.
        low_hz: lower edge of the lowest band [Hz].
        high_hz: upper edge of the highest band [Hz].

    """

    frames: SpectrogramConfig
    bands: int
    low_hz: float
    high_hz: float


def magnitude_spectrogram(wave: Tensor, config: SpectrogramConfig) -> Tensor:
    """Return the magnitude of the short-time Fourier transform.

    Source: gptsovits-spec section 8.2.

    Args:
        wave: float32 [..., T].

    Returns:
        float32 [..., n_fft // 2 + 1, F], F = T // hop for T a multiple of the hop.

    Raises:
        AudioInvalidError: if the wave is too short to be reflected at its ends.

    """
    pad = (config.n_fft - config.hop_length) // 2
    length = wave.shape[-1]
    if length <= pad:
        raise AudioInvalidError(
            f'{length} samples are too short for a spectrogram; at least {pad + 1} are needed'
        )
    padded = torch.nn.functional.pad(wave.reshape(-1, 1, length), (pad, pad), mode='reflect')[:, 0]
    window = torch.hann_window(config.win_length, dtype=wave.dtype, device=wave.device)
    spectrum = torch.stft(
        padded,
        config.n_fft,
        config.hop_length,
        config.win_length,
        window,
        center=False,
        return_complex=True,
    )  # [B, n_fft // 2 + 1, F]
    magnitude = torch.sqrt(spectrum.real**2 + spectrum.imag**2 + MAGNITUDE_FLOOR)
    return magnitude.reshape(*wave.shape[:-1], *magnitude.shape[1:])


def mel_from_magnitude(magnitude: Tensor, config: MelConfig) -> Tensor:
    """Return the natural logarithm of mel band energies of a magnitude spectrogram.

    Args:
        magnitude: float32 [..., n_fft // 2 + 1, F].

    Returns:
        float32 [..., bands, F].

    """
    bank = slaney_bank(config).to(magnitude)
    return torch.matmul(bank, magnitude).clamp_min(LOG_FLOOR).log()


def mel_spectrogram(wave: Tensor, config: MelConfig) -> Tensor:
    """Return the log mel spectrogram of a wave.

    Source: gptsovits-spec section 11.

    Args:
        wave: float32 [..., T] at config.frames.sample_rate.

    Returns:
        float32 [..., bands, F].

    """
    return mel_from_magnitude(magnitude_spectrogram(wave, config.frames), config)


@functools.lru_cache(maxsize=8)
def slaney_bank(config: MelConfig) -> Tensor:
    """Return triangular filters of equal area, float32 [bands, n_fft // 2 + 1].

    Source: M. Slaney, Auditory Toolbox (1998); what librosa.filters.mel returns by default.
    """
    n_fft = config.frames.n_fft
    hz = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * (config.frames.sample_rate / n_fft)
    low, high = _mel_from_hz(config.low_hz), _mel_from_hz(config.high_hz)
    steps = torch.linspace(low, high, config.bands + 2, dtype=torch.float64)
    edges = _hz_from_mel(steps)[:, None]  # [bands + 2, 1]
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    triangles = torch.minimum(rising, falling).clamp_min(0)
    return (triangles * (2 / (edges[2:] - edges[:-2]))).to(torch.float32)


# Slaney's mel scale: 3 mel per 200 Hz up to 1 kHz, then 27 mel per factor 6.4.
_LINEAR_HZ_PER_MEL = 200.0 / 3
_LOG_START_HZ = 1000.0
_LOG_START_MEL = _LOG_START_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = math.log(6.4) / 27


def _mel_from_hz(hz: float) -> float:
    if hz < _LOG_START_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return _LOG_START_MEL + math.log(hz / _LOG_START_HZ) / _LOG_STEP


def _hz_from_mel(mel: Tensor) -> Tensor:
    logarithmic = _LOG_START_HZ * torch.exp(_LOG_STEP * (mel - _LOG_START_MEL))
    return torch.where(mel < _LOG_START_MEL, mel * _LINEAR_HZ_PER_MEL, logarithmic)
