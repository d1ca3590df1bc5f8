"""The vocoder of v3: Lee et al. 2023 (BigVGAN), version 2; gptsovits-spec section 11."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.acoustic.cfm_config import BigVganConfig
from gptsovits_ros.acoustic.hifigan import Generator, ResidualBlock

# The filters around every activation: twice the rate and back (Karras et al. 2021, StyleGAN3).
RATIO = 2
TAPS = 12
# A pass band of half the lower rate, and a transition 0.6 of it wide.
CUTOFF, HALF_WIDTH = 0.5 / RATIO, 0.6 / RATIO
SNAKE_EPS = 1e-9


def kaiser_sinc(
    taps: int = TAPS, cutoff: float = CUTOFF, half_width: float = HALF_WIDTH
) -> Tensor:
    """Return a low-pass filter [1, 1, taps] that sums to 1; frequencies in cycles per sample."""
    attenuation = 2.285 * (taps // 2 - 1) * math.pi * 4 * half_width + 7.95  # [dB]
    if attenuation > 50:
        beta = 0.1102 * (attenuation - 8.7)
    else:
        beta = 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    window = torch.kaiser_window(taps, periodic=False, beta=beta)
    time = torch.arange(taps) - (taps - 1) / 2
    filter_ = window * torch.sinc(2 * cutoff * time)
    return (filter_ / filter_.sum())[None, None]


class SnakeBeta(nn.Module):
    """x + sin^2(a x) / b, with a and b learned per channel as logarithms."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Activate x [B, C, T]."""
        frequency, inverse = self.alpha.exp()[:, None], 1 / (self.beta.exp()[:, None] + SNAKE_EPS)
        return x + inverse * torch.sin(x * frequency).square()


class SmoothActivation(nn.Module):
    """SnakeBeta at twice the rate, so that the harmonics it makes do not fold back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.activation = SnakeBeta(channels)
        # Official files carry the filters, so they are part of the state.
        self.register_buffer('up_filter', kaiser_sinc())
        self.register_buffer('down_filter', kaiser_sinc())

    def forward(self, x: Tensor) -> Tensor:
        """Activate x [B, C, T]; the length stays."""
        return self._down(self.activation(self._up(x)))

    def _up(self, x: Tensor) -> Tensor:
        channels, side = x.shape[1], TAPS // RATIO - 1
        x = RATIO * F.conv_transpose1d(
            F.pad(x, (side, side), mode='replicate'),
            self.up_filter.expand(channels, -1, -1),
            stride=RATIO,
            groups=channels,
        )
        cut = side * RATIO + (TAPS - RATIO) // 2
        return x[..., cut:-cut]

    def _down(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        return F.conv1d(
            F.pad(x, (TAPS // 2 - 1, TAPS // 2), mode='replicate'),
            self.down_filter.expand(channels, -1, -1),
            stride=RATIO,
            groups=channels,
        )


class AmpBlock(ResidualBlock):
    """A residual block whose activations are smooth, each with channels of its own."""

    def __init__(self, channels: int, kernel_size: int, dilations: tuple[int, ...]) -> None:
        super().__init__(channels, kernel_size, dilations)
        self.activations = nn.ModuleList(
            SmoothActivation(channels) for _ in range(2 * len(dilations))
        )

    def forward(self, x: Tensor) -> Tensor:
        for index, (dilated, plain) in enumerate(zip(self.convs1, self.convs2, strict=True)):
            first, second = self.activations[2 * index], self.activations[2 * index + 1]
            x = x + plain(second(dilated(first(x))))
        return x


class BigVgan(Generator):
    """Log mel [B, mel_bands, F] -> waveform [B, 1, F * samples_per_frame] within [-1, 1]."""

    def __init__(self, config: BigVganConfig) -> None:
        super().__init__(config.mel_bands, config, post_bias=False, block=AmpBlock)
        self.config = config
        self.activation_post = SmoothActivation(self.conv_post.in_channels)

    def forward(self, mel: Tensor) -> Tensor:
        return self.waveform(self.conv_pre(mel))

    def waveform(self, x: Tensor) -> Tensor:
        """Return [B, 1, T] for what `conv_pre` gave, [B, upsample_initial_channel, F]."""
        for stage, up in enumerate(self.ups):
            x = self.mean_of_blocks(stage, up(x))
        return self.conv_post(self.activation_post(x)).clamp(-1, 1)
