"""The small content encoder of the bundled voice: what is said, at 50 frames per second.

It stands where HuBERT stands in the official models (gptsovits-spec section 8.1), is a hundredth
of its size, and ships with the voice, so that enrolment needs no other model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LOWEST_POWER = 1e-10


@dataclass(frozen=True)
class ContentConfig:
    """Sizes and rates of the content encoder.

    Attributes:
        width: of the features it gives (SovitsConfig.ssl_dim of the acoustic model).
        hidden_channels: width of its layers.
        expansion: how much wider a layer is inside.
        n_layers: layers at the frame rate of the features.
        kernel_size: frames that each layer sees, odd; together they see half a second each way.
        sample_rate: of the waveform [Hz].
        bands: of the log mel spectrogram.
        n_fft: size of its transform.
        win_length: samples under its window.
        hop_length: samples between its frames.
        frame_stride: its frames per feature frame.
        range_db: how far below the loudest band of a clip the spectrogram reaches.
        tail_samples: silence that is appended to a recording. A recording may end in the middle of
            a sound; with the tail its last token is that of an ending, as in the training clips.

    """

    width: int = 192
    hidden_channels: int = 256
    expansion: int = 3
    n_layers: int = 8
    kernel_size: int = 9
    sample_rate: int = 16000
    bands: int = 80
    n_fft: int = 512
    win_length: int = 400
    hop_length: int = 160
    frame_stride: int = 2
    range_db: float = 70.0
    tail_samples: int = 1920

    def __post_init__(self) -> None:
        """Raise ValueError for sizes that do not fit together."""
        if self.kernel_size % 2 == 0:
            raise ValueError(f'kernel_size {self.kernel_size} is even; frames would shift')
        if self.win_length > self.n_fft:
            raise ValueError(f'win_length {self.win_length} exceeds n_fft {self.n_fft}')
        if min(self.width, self.hidden_channels, self.n_layers, self.bands) < 1:
            raise ValueError('widths, layers and bands must be at least 1')

    @property
    def samples_per_frame(self) -> int:
        """Waveform samples per feature frame."""
        return self.hop_length * self.frame_stride


class ContentEncoder(nn.Module):
    """Waveform at 16 kHz -> content features at 50 frames per second."""

    def __init__(self, config: ContentConfig) -> None:
        super().__init__()
        self.config = config
        self.mel = MelPower(config)
        hidden = config.hidden_channels
        self.stem = nn.Conv1d(config.bands, hidden, 5, padding=2)
        stride = config.frame_stride
        self.reduce = nn.Conv1d(hidden, hidden, 2 * stride - 1, stride, padding=stride - 1)
        self.layers = nn.ModuleList(ContentLayer(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(hidden)
        self.output = nn.Linear(hidden, config.width)

    def forward(self, waveform: Tensor) -> Tensor:
        """Return [1, width, F] for a recording, samples float32 [T] at config.sample_rate.

        The tail of silence is appended here, and counted in F.
        """
        return self.encode(F.pad(waveform, (0, self.config.tail_samples)))

    def encode(self, waveform: Tensor) -> Tensor:
        """Return [1, width, T // samples_per_frame], without a tail: frames of the clip alone."""
        mel = relative_decibels(self.mel(waveform[None]), self.config.range_db)
        frames = waveform.shape[0] // self.config.samples_per_frame
        return self.features(mel)[:, :, :frames]

    def features(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return [B, width, F] for log mel spectrograms.

        Args:
            mel: [B, bands, F * frame_stride], as relative_decibels gives it.
            lengths: int64 [B], feature frames of each clip; what lies beyond does not count.

        """
        x = F.gelu(self.stem(mel))
        x = F.gelu(self.reduce(x)).transpose(1, 2)  # [B, F, hidden]
        mask = None
        if lengths is not None:
            mask = (torch.arange(x.shape[1], device=x.device) < lengths[:, None])[..., None]
        for layer in self.layers:
            x = layer(x if mask is None else x * mask)
        return self.output(self.norm(x)).transpose(1, 2)

    @property
    def device(self) -> torch.device:
        """Where the model runs."""
        return self.output.weight.device


class ContentLayer(nn.Module):
    """A convolution over time per channel, then a network per frame; both beside a shortcut."""

    def __init__(self, config: ContentConfig) -> None:
        super().__init__()
        hidden, inner = config.hidden_channels, config.hidden_channels * config.expansion
        self.time = nn.Conv1d(
            hidden, hidden, config.kernel_size, padding=config.kernel_size // 2, groups=hidden
        )
        self.norm = nn.LayerNorm(hidden)
        self.expand = nn.Linear(hidden, inner)
        self.contract = nn.Linear(inner, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, F, hidden] for the same."""
        y = self.time(x.transpose(1, 2)).transpose(1, 2)
        return x + self.contract(F.gelu(self.expand(self.norm(y))))


class MelPower(nn.Module):
    """Power in mel bands."""

    def __init__(self, config: ContentConfig) -> None:
        super().__init__()
        self.n_fft, self.hop_length = config.n_fft, config.hop_length
        self.win_length = config.win_length
        # Both follow from the config, so no file holds them.
        self.register_buffer('window', torch.hann_window(config.win_length), persistent=False)
        self.register_buffer('bank', mel_bank(config), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Return [B, bands, T // hop_length + 1] for samples [B, T]."""
        # Silence around the clip, and not its reflection: a short clip may have none to reflect.
        spectrum = torch.stft(
            waveform,
            self.n_fft,
            self.hop_length,
            self.win_length,
            self.window,
            center=True,
            pad_mode='constant',
            return_complex=True,
        )
        return self.bank @ (spectrum.real.square() + spectrum.imag.square())


def mel_bank(config: ContentConfig) -> Tensor:
    """Return triangular filters on the mel scale 2595 log10(1 + f / 700), [bands, bins]."""
    highest = 2595 * math.log10(1 + config.sample_rate / 2 / 700)
    mels = torch.linspace(0, highest, config.bands + 2, dtype=torch.float64)
    edges = (700 * (10 ** (mels / 2595) - 1))[:, None]  # [bands + 2, 1], Hz
    bins = torch.linspace(0, config.sample_rate / 2, config.n_fft // 2 + 1, dtype=torch.float64)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp_min(0).float()


def relative_decibels(power: Tensor, range_db: float) -> Tensor:
    """Return mel power [B, bands, N] in decibels below the loudest value of each clip, in [-1, 1].

    So the level of a recording does not matter, and neither does noise further down than range_db.
    """
    level = 10 * power.clamp_min(LOWEST_POWER).log10()
    loudest = level.amax(dim=(1, 2), keepdim=True)
    return ((level - loudest).clamp_min(-range_db) / range_db) * 2 + 1
