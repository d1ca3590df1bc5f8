"""The decoder (upstream `dec`): latent frames become a waveform.

Kong et al. 2020 (HiFi-GAN), generator V1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.acoustic.config import SovitsConfig

LEAKY_SLOPE = 0.1
# By an oversight that the weights were trained with, the last slope is torch's default.
LAST_LEAKY_SLOPE = 0.01


class ResidualBlock(nn.Module):
    """Pairs of dilated and plain convolutions, each pair with a residual."""

    def __init__(self, channels: int, kernel_size: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            nn.Conv1d(
                channels, channels, kernel_size, dilation=d, padding=d * (kernel_size - 1) // 2
            )
            for d in dilations
        )
        self.convs2 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel_size, padding=(kernel_size - 1) // 2)
            for _ in dilations
        )

    def forward(self, x: Tensor) -> Tensor:
        for dilated, plain in zip(self.convs1, self.convs2, strict=True):
            x = x + plain(F.leaky_relu(dilated(F.leaky_relu(x, LEAKY_SLOPE)), LEAKY_SLOPE))
        return x


class HifiGan(nn.Module):
    """Latent [B, inter_channels, F] and style -> waveform [B, 1, F * samples_per_frame].

    Samples are within [-1, 1].
    """

    def __init__(self, config: SovitsConfig) -> None:
        super().__init__()
        width = config.upsample_initial_channel
        self.blocks_per_stage = len(config.resblock_kernel_sizes)
        self.conv_pre = nn.Conv1d(config.inter_channels, width, 7, padding=3)
        self.cond = nn.Conv1d(config.gin_channels, width, 1)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        for rate, kernel in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
            self.ups.append(
                nn.ConvTranspose1d(width, width // 2, kernel, rate, padding=(kernel - rate) // 2)
            )
            width //= 2
            for size, dilations in zip(
                config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True
            ):
                self.resblocks.append(ResidualBlock(width, size, dilations))
        self.conv_post = nn.Conv1d(width, 1, 7, padding=3, bias=False)

    def forward(self, z: Tensor, style: Tensor) -> Tensor:
        """Decode; style is [B, gin_channels, 1]."""
        x = self.conv_pre(z) + self.cond(style)
        for stage, up in enumerate(self.ups):
            x = up(F.leaky_relu(x, LEAKY_SLOPE))
            first = stage * self.blocks_per_stage
            blocks = self.resblocks[first : first + self.blocks_per_stage]
            x = sum(block(x) for block in blocks) / self.blocks_per_stage
        return torch.tanh(self.conv_post(F.leaky_relu(x, LAST_LEAKY_SLOPE)))
