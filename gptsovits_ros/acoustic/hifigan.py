"""HiFi-GAN, and the decoder (upstream `dec`) that is one: latent frames become a waveform.

Kong et al. 2020 (HiFi-GAN), generator V1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.acoustic.cfm_config import BigVganConfig, VocoderConfig
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


class Generator(nn.Module):
    """What all HiFi-GANs here have in common; subclasses say what enters after `conv_pre`."""

    def __init__(
        self,
        in_channels: int,
        sizes: SovitsConfig | VocoderConfig | BigVganConfig,
        post_bias: bool,
        block: type[ResidualBlock] = ResidualBlock,
    ) -> None:
        super().__init__()
        width = sizes.upsample_initial_channel
        self.blocks_per_stage = len(sizes.resblock_kernel_sizes)
        self.conv_pre = nn.Conv1d(in_channels, width, 7, padding=3)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        for rate, kernel in zip(sizes.upsample_rates, sizes.upsample_kernel_sizes, strict=True):
            self.ups.append(
                nn.ConvTranspose1d(width, width // 2, kernel, rate, padding=(kernel - rate) // 2)
            )
            width //= 2
            for size, dilations in zip(
                sizes.resblock_kernel_sizes, sizes.resblock_dilation_sizes, strict=True
            ):
                self.resblocks.append(block(width, size, dilations))
        self.conv_post = nn.Conv1d(width, 1, 7, padding=3, bias=post_bias)

    def waveform(self, x: Tensor) -> Tensor:
        """Return [B, 1, T] for what `conv_pre` gave, [B, upsample_initial_channel, F]."""
        for stage, up in enumerate(self.ups):
            x = self._mean_of_blocks(stage, up(F.leaky_relu(x, LEAKY_SLOPE)))
        return torch.tanh(self.conv_post(F.leaky_relu(x, LAST_LEAKY_SLOPE)))

    def _mean_of_blocks(self, stage: int, x: Tensor) -> Tensor:
        """Return the mean of what the residual blocks of a stage make of x [B, C, T]."""
        first = stage * self.blocks_per_stage
        blocks = self.resblocks[first : first + self.blocks_per_stage]
        return sum(block(x) for block in blocks) / self.blocks_per_stage


class HifiGan(Generator):
    """Latent [B, inter_channels, F] and style -> waveform [B, 1, F * samples_per_frame].

    Samples are within [-1, 1].
    """

    def __init__(self, config: SovitsConfig) -> None:
        super().__init__(config.inter_channels, config, post_bias=False)
        self.cond = nn.Conv1d(config.gin_channels, config.upsample_initial_channel, 1)

    def forward(self, z: Tensor, style: Tensor) -> Tensor:
        """Decode; style is [B, gin_channels, 1]."""
        return self.waveform(self.conv_pre(z) + self.cond(style))
