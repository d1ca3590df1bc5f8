"""Who speaks when: a waveform becomes, frame by frame, the voices that are heard (up to three).

Plaquet and Bredin 2023 (the network "segmentation 3.0" of pyannote): SincNet, four recurrent
layers, and one class for each set of at most two voices out of three.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SAMPLE_RATE = 16000  # [Hz]
WINDOW_SAMPLES = 10 * SAMPLE_RATE  # it was trained on windows of this length
FRAME_SAMPLES = 270  # between frames
# The voices of each class, in the order of the outputs.
CLASSES = ((), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2))
VOICES = 3

_FILTERS, _TAPS, _STRIDE = 80, 251, 10
_CHANNELS, _HIDDEN, _LAYERS = 60, 128, 4
_LOWEST_HZ = 50.0  # of a filter's lower edge, and of its width
_POOL = 3


class BandPassBank(nn.Module):
    """Learned band-pass filters, each as a cosine and a sine (Ravanelli and Bengio 2018)."""

    def __init__(self) -> None:
        super().__init__()
        half = _TAPS // 2
        self.low_hz_ = nn.Parameter(torch.zeros(_FILTERS // 2, 1))
        self.band_hz_ = nn.Parameter(torch.zeros(_FILTERS // 2, 1))
        self.register_buffer('window_', torch.zeros(half))
        self.register_buffer('n_', torch.zeros(1, half))  # 2 pi t of the taps before the middle

    def forward(self, wave: Tensor) -> Tensor:
        """Return [B, 80, N] for samples [B, 1, T]."""
        return F.conv1d(wave, self.filters(), stride=_STRIDE)

    def filters(self) -> Tensor:
        """Return the taps of all filters [80, 1, 251]."""
        low = _LOWEST_HZ + self.low_hz_.abs()
        high = (low + _LOWEST_HZ + self.band_hz_.abs()).clamp(_LOWEST_HZ, SAMPLE_RATE / 2)
        band = high - low
        scale = self.window_ / (self.n_ / 2)
        even = (torch.sin(high @ self.n_) - torch.sin(low @ self.n_)) * scale
        odd = (torch.cos(low @ self.n_) - torch.cos(high @ self.n_)) * scale
        cosines = torch.cat([even, 2 * band, even.flip(1)], dim=1)
        sines = torch.cat([odd, torch.zeros_like(band), -odd.flip(1)], dim=1)
        return torch.cat([cosines / (2 * band), sines / (2 * band)])[:, None]


class SincNet(nn.Module):
    """Waveform -> 60 channels, one frame per 270 samples."""

    def __init__(self) -> None:
        super().__init__()
        self.wav_norm1d = nn.InstanceNorm1d(1, affine=True)
        bank = nn.ModuleDict({'filterbank': BandPassBank()})
        self.conv1d = nn.ModuleList(
            [bank, nn.Conv1d(_FILTERS, _CHANNELS, 5), nn.Conv1d(_CHANNELS, _CHANNELS, 5)]
        )
        self.norm1d = nn.ModuleList(
            nn.InstanceNorm1d(channels, affine=True) for channels in (_FILTERS, 60, 60)
        )

    def forward(self, wave: Tensor) -> Tensor:
        """Return [B, 60, F] for samples [B, 1, T]."""
        bank, *convolutions = self.conv1d
        x = bank['filterbank'](self.wav_norm1d(wave)).abs()
        x = F.leaky_relu(self.norm1d[0](F.max_pool1d(x, _POOL)))
        for convolution, norm in zip(convolutions, self.norm1d[1:], strict=True):
            x = F.leaky_relu(norm(F.max_pool1d(convolution(x), _POOL)))
        return x


class SpeakerSegmentation(nn.Module):
    """Waveform at 16 kHz -> which of three voices speak, 59.3 frames per second.

    The voices have no names: the first of one window may be the second of another.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sincnet = SincNet()
        self.lstm = nn.LSTM(_CHANNELS, _HIDDEN, _LAYERS, batch_first=True, bidirectional=True)
        self.linear = nn.ModuleList([nn.Linear(2 * _HIDDEN, _HIDDEN), nn.Linear(_HIDDEN, _HIDDEN)])
        self.classifier = nn.Linear(_HIDDEN, len(CLASSES))

    def forward(self, wave: Tensor) -> Tensor:
        """Return the log probabilities [B, F, 7] of the classes, for samples [B, T]."""
        x, _ = self.lstm(self.sincnet(wave[:, None]).transpose(1, 2))
        for layer in self.linear:
            x = F.leaky_relu(layer(x))
        return self.classifier(x).log_softmax(dim=-1)

    @torch.inference_mode()
    def voices(self, wave: Tensor) -> Tensor:
        """Return which voices speak, bool [B, F, 3], for samples [B, T]."""
        table = torch.zeros(len(CLASSES), VOICES, dtype=torch.bool, device=wave.device)
        for index, voices in enumerate(CLASSES):
            table[index, list(voices)] = True
        return table[self(wave).argmax(dim=-1)]
