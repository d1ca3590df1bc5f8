"""An inaudible mark in speech that was made, by the networks of resemble-perth (MIT).

A network adds to the magnitudes below 2 kHz what another one finds again after resampling, lossy
coding and moderate noise. It carries no message: marked, or not. The networks are small (stacks of
convolutions over the frames of a spectrogram); only their weights are taken from the package,
whose own code needs torchaudio and librosa. The way of the signal: magnitudes in dB, mapped to
about 0..1, the residual of the network where there is sound, and back with the phase as it was.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.audio.resample import resample
from gptsovits_ros.errors import CheckpointError

RATE = 32000  # that the networks were trained at [Hz]
N_FFT, HOP = 2048, 320
MARKED_BINS = 128  # below 2 kHz
HIDDEN = 256
# Magnitudes are known from -180 dB up to 15 dB.
FLOOR, FLOOR_DB, HEADROOM_DB = 1e-9, -180.0, 15.0
# Frames with less than this part of the loudest one's level count as silence.
SILENCE = 0.05
# The detector looks at three tempos, and decides itself which one to believe.
TEMPOS = (('slow_layers', 1.25), ('normal_layers', 1.0), ('fast_layers', 0.75))
# A score above this means "marked": no clean clip of 32 came near it (docs/security.md).
THRESHOLD = 0.3
# What a piece of a stream hears of the pieces before it, and how long a step at its start fades.
CONTEXT_S, FADE_S = 0.5, 0.008
# A transform needs more samples than half its size; less sound than this is padded.
SHORTEST = N_FFT


class _Layers(nn.Sequential):
    """1x1, five times 7 frames, 1x1; [B, MARKED_BINS, F] -> [B, out, F]."""

    def __init__(self, out: int) -> None:
        wide = [_Conv(HIDDEN, HIDDEN, 7) for _ in range(5)]
        super().__init__(_Conv(MARKED_BINS, HIDDEN, 1), *wide, _Conv(HIDDEN, out, 1, False))


class _Conv(nn.Module):
    def __init__(self, inputs: int, outputs: int, size: int, has_activation: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, size, padding=size // 2)
        self.has_activation = has_activation

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return F.leaky_relu(x) if self.has_activation else x


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = _Layers(MARKED_BINS)


class _Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for name, _ in TEMPOS:
            setattr(self, name, _Layers(2))


class Watermark(nn.Module):
    """Marks waveforms and finds the mark."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the weights by the names of the package.

        Raises:
            CheckpointError: they are those of another network.

        """
        super().__init__()
        self.encoder = _Encoder()
        self.decoder = _Decoder()
        ours = {
            name: value
            for name, value in tensors.items()
            if name.startswith(('encoder.', 'decoder.'))
        }
        try:
            self.load_state_dict(ours)
        except RuntimeError as error:
            raise CheckpointError(f'these are no weights of the watermark: {error}') from error
        self.eval().requires_grad_(False)

    @torch.inference_mode()
    def residual(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Return what is to be added to samples float32 [T] to mark them; silence gets nothing."""
        wave = _at_rate(samples, sample_rate, RATE)
        padded = F.pad(wave, (0, max(0, SHORTEST - len(wave))))
        spectrum = _spectrum(padded)
        levels = _levels(spectrum)
        changed = levels.clone()
        changed[:MARKED_BINS] += self.encoder.layers(levels[None, :MARKED_BINS])[0] * _is_sound(
            levels
        )
        # Only the part that changed goes back, so that nothing above 2 kHz is touched.
        phase = torch.polar(torch.ones_like(levels), spectrum.angle())
        difference = (_magnitudes(changed) - _magnitudes(levels)) * phase
        window = torch.hann_window(N_FFT)
        added = torch.istft(difference, N_FFT, HOP, window=window, length=len(padded))[: len(wave)]
        back = _at_rate(added.numpy(), RATE, sample_rate).numpy()
        return _of_length(back, len(samples))

    def mark(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Return marked samples, float32 [T]."""
        return samples + self.residual(samples, sample_rate)

    @torch.inference_mode()
    def score(self, samples: np.ndarray, sample_rate: int) -> float:
        """Return how sure it is that samples float32 [T] are marked [0, 1]; 0 for silence."""
        wave = _at_rate(samples, sample_rate, RATE)
        levels = _levels(_spectrum(F.pad(wave, (0, max(0, SHORTEST - len(wave))))))[None]
        is_sound = _is_sound(levels[0])[None, None]
        if not is_sound.any():
            return 0.0
        trusts, marks = [], []
        for name, tempo in TEMPOS:
            frames = int(levels.shape[2] * tempo)
            seen = levels[:, :MARKED_BINS]
            if tempo != 1.0:
                seen = F.interpolate(seen, size=frames, mode='linear', align_corners=True)
            out = getattr(self.decoder, name)(seen)
            where = F.interpolate(is_sound, size=frames)
            trust, mark = ((out * where).sum(dim=2) / where.sum(dim=2).clamp_min(1e-9)).unbind(1)
            trusts.append(trust)
            marks.append(mark)
        weights = torch.softmax(torch.stack(trusts), dim=0)
        return float((weights * torch.stack(marks)).sum().clamp(0.0, 1.0))


class MarkedStream:
    """Marks a waveform that comes in pieces; nothing is held back."""

    def __init__(self, watermark: Watermark) -> None:
        """Begin a waveform."""
        self._watermark = watermark
        self._heard = np.zeros(0, dtype=np.float32)
        self._last = 0.0

    def marked(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Return the next samples, marked; float32 [T]."""
        if not len(samples):
            return samples
        before = len(self._heard)
        known = np.concatenate([self._heard, samples])
        residual = self._watermark.residual(known, sample_rate)
        fresh = residual[before:].copy()
        # Seen with what follows, the mark at the end of the last piece would have been another:
        # a step, which is led away over a few milliseconds.
        step = self._last - (residual[before - 1] if before else 0.0)
        fade = np.linspace(1.0, 0.0, min(int(FADE_S * sample_rate), len(fresh)))
        fresh[: len(fade)] += (step * fade).astype(np.float32)
        self._last = float(fresh[-1])
        self._heard = known[-int(CONTEXT_S * sample_rate) :]
        return samples + fresh


def _spectrum(wave: Tensor) -> Tensor:
    """Return the complex spectrogram [N_FFT / 2 + 1, F] of a waveform [T]."""
    return torch.stft(
        wave, N_FFT, HOP, window=torch.hann_window(N_FFT), pad_mode='reflect', return_complex=True
    )


def _levels(spectrum: Tensor) -> Tensor:
    """Return magnitudes as the networks know them."""
    decibels = 20 * torch.log10(spectrum.abs().clamp_min(FLOOR))
    return (decibels - FLOOR_DB) / (HEADROOM_DB - FLOOR_DB)


def _magnitudes(levels: Tensor) -> Tensor:
    """Undo _levels."""
    return 10 ** ((levels * (HEADROOM_DB - FLOOR_DB) + FLOOR_DB) / 20)


def _is_sound(levels: Tensor) -> Tensor:
    """Return 1 for frames with sound and 0 for silence, [F]."""
    sums = levels.sum(dim=0)
    return (sums > SILENCE * sums.max()).float()


def _at_rate(samples: np.ndarray, source: int, target: int) -> Tensor:
    wave = torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))
    return wave if source == target else resample(wave, source, target)


def _of_length(samples: np.ndarray, length: int) -> np.ndarray:
    """Cut or pad, since resampling there and back may differ by a sample."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))
