"""Log mel filter bank energies as Kaldi defines them, the input of the speaker encoder."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from gptsovits_ros.audio.torchaudio_backend import backend
from gptsovits_ros.errors import AudioInvalidError

SAMPLE_RATE = 16000
NUM_BINS = 80
FRAME_LENGTH = 400  # 25 ms
FRAME_SHIFT = 160  # 10 ms
FFT_SIZE = 512
EDGES_HZ = (20.0, SAMPLE_RATE / 2)
PREEMPHASIS = 0.97


def fbank(wave: Tensor) -> Tensor:
    """Return log mel energies of 80 bands, 100 frames per second.

    Uses torchaudio where it can be imported, else the same formulas here (tested equal).

    Source: gptsovits-spec section 8.3.

    Args:
        wave: float32 [T], 16 kHz, in [-1, 1] (not scaled to 16 bit).

    Returns:
        float32 [1 + (T - 400) // 160, 80].

    Raises:
        AudioInvalidError: if the wave is shorter than one frame (25 ms).

    """
    if wave.shape[-1] < FRAME_LENGTH:
        raise AudioInvalidError(
            f'{wave.shape[-1]} samples at {SAMPLE_RATE} Hz are shorter than one frame '
            f'({FRAME_LENGTH} samples)'
        )
    torchaudio_fbank = backend().fbank
    if torchaudio_fbank is not None:
        return torchaudio_fbank(
            wave[None], num_mel_bins=NUM_BINS, sample_frequency=SAMPLE_RATE, dither=0
        )
    return own_fbank(wave)


def own_fbank(wave: Tensor) -> Tensor:
    """Return log mel energies as `fbank` does, without torchaudio."""
    frames = wave.unfold(-1, FRAME_LENGTH, FRAME_SHIFT)  # [F, 400]
    frames = frames - frames.mean(dim=1, keepdim=True)
    # Each frame starts anew: its first sample is its own neighbour.
    before = torch.cat((frames[:, :1], frames[:, :-1]), dim=1)
    frames = (frames - PREEMPHASIS * before) * _povey_window().to(wave)
    power = torch.fft.rfft(frames, n=FFT_SIZE).abs() ** 2  # [F, 257]
    energies = power @ _mel_bank().to(wave).T
    return energies.clamp_min(torch.finfo(torch.float32).eps).log()


@functools.cache
def _povey_window() -> Tensor:
    """Return a symmetric Hann window to the power 0.85, float32 [400]."""
    return torch.hann_window(FRAME_LENGTH, periodic=False) ** 0.85


@functools.cache
def _mel_bank() -> Tensor:
    """Return triangles on the mel scale from 20 Hz to the Nyquist frequency, float32 [80, 257].

    Kaldi draws its triangles straight over mel, not over Hz, and leaves out the Nyquist bin.
    Single precision on purpose: double precision moves the narrow low bands by 1e-4, and the
    encoder was trained with these.
    """
    mel = _mel(torch.arange(FFT_SIZE // 2) * (SAMPLE_RATE / FFT_SIZE))  # [256]
    lowest, highest = (_mel(torch.tensor(hz, dtype=torch.float64)).item() for hz in EDGES_HZ)
    width = (highest - lowest) / (NUM_BINS + 1)
    band = torch.arange(NUM_BINS)[:, None]
    left, center, right = (lowest + (band + offset) * width for offset in (0.0, 1.0, 2.0))
    rising = (mel - left) / (center - left)
    falling = (right - mel) / (right - center)
    bank = torch.minimum(rising, falling).clamp_min(0)  # [80, 256]
    return torch.nn.functional.pad(bank, (0, 1))


def _mel(hz: Tensor) -> Tensor:
    """Return frequencies on Kaldi's mel scale."""
    return 1127.0 * torch.log(1.0 + hz / 700.0)
