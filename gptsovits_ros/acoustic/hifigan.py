"""HiFi-GAN, and the decoder (upstream `dec`) that is one: latent frames become a waveform.

Kong et al. 2020 (HiFi-GAN), generator V1. A window of a long signal can be decoded by itself: with
as much context as its layers reach it equals that part of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.acoustic.cfm_config import BigVganConfig, VocoderConfig
from gptsovits_ros.acoustic.config import SovitsConfig

LEAKY_SLOPE = 0.1
# By an oversight that the weights were trained with, the last slope is torch's default.
LAST_LEAKY_SLOPE = 0.01
# Kernel of the first and of the last convolution.
EDGE_KERNEL = 7


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
        self.conv_pre = nn.Conv1d(in_channels, width, EDGE_KERNEL, padding=EDGE_KERNEL // 2)
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
        self.conv_post = nn.Conv1d(width, 1, EDGE_KERNEL, padding=EDGE_KERNEL // 2, bias=post_bias)

    def waveform(self, x: Tensor) -> Tensor:
        """Return [B, 1, T] for what `conv_pre` gave, [B, upsample_initial_channel, F]."""
        for stage in range(len(self.ups)):
            x = self.stage(stage, x)
        return self.last(x)

    def stage(self, number: int, x: Tensor) -> Tensor:
        """Return x [B, C, T] at the next rate, [B, C / 2, T * rate]."""
        return self.mean_of_blocks(number, self.ups[number](F.leaky_relu(x, LEAKY_SLOPE)))

    def mean_of_blocks(self, stage: int, x: Tensor) -> Tensor:
        """Return the mean of what the residual blocks of a stage make of x [B, C, T]."""
        first = stage * self.blocks_per_stage
        blocks = self.resblocks[first : first + self.blocks_per_stage]
        return sum(block(x) for block in blocks) / self.blocks_per_stage

    def last(self, x: Tensor) -> Tensor:
        """Return the waveform [B, 1, T] of what the last stage gave, [B, C, T]."""
        return torch.tanh(self.conv_post(F.leaky_relu(x, LAST_LEAKY_SLOPE)))


class HifiGan(Generator):
    """Latent [B, inter_channels, F] and style -> waveform [B, 1, F * samples_per_frame].

    Samples are within [-1, 1].
    """

    def __init__(self, config: SovitsConfig) -> None:
        super().__init__(config.inter_channels, config, post_bias=False)
        self.cond = nn.Conv1d(config.gin_channels, config.upsample_initial_channel, 1)
        self.rates = config.upsample_rates
        self.margins = margins(config)

    @property
    def context_frames(self) -> int:
        """How many frames on each side a sample depends on."""
        return self.margins[0] + EDGE_KERNEL // 2

    def forward(self, z: Tensor, style: Tensor) -> Tensor:
        """Decode; style is [B, gin_channels, 1]."""
        return self.waveform(self._first(z, style)).to(z.dtype)

    def window(
        self,
        z: Tensor,
        style: Tensor,
        left: int,
        right: int,
        before_stage: Callable[[], None] | None = None,
    ) -> Tensor:
        """Decode a part of a signal, equal to that part of the whole.

        Args:
            z: the part with its context, [B, inter_channels, F].
            style: [B, gin_channels, 1].
            left: so many first frames are only context: `context_frames`, or all that there are.
            right: so many last frames, in the same way. With fewer the end sounds as if nothing
                came behind.
            before_stage: called before each stage, which together take nearly all of the time; may
                raise to stop here.

        Returns:
            [B, 1, (F - left - right) * samples_per_frame].

        """
        x, left, right = _trimmed(self._first(z, style), left, right, self.margins[0])
        for stage, margin in enumerate(self.margins[1:]):
            # Context goes as soon as no later layer reaches it: the last stages, with the most
            # samples, compute next to nothing that is thrown away.
            rate = self.rates[stage]
            if before_stage is not None:
                before_stage()
            x, left, right = _trimmed(self.stage(stage, x), left * rate, right * rate, margin)
        x = self.last(x)
        return x[..., left : x.shape[-1] - right].to(z.dtype)

    def _first(self, z: Tensor, style: Tensor) -> Tensor:
        # The decoder may be in half precision, whatever its neighbours are in.
        dtype = self.conv_pre.weight.dtype
        return self.conv_pre(z.to(dtype)) + self.cond(style.to(dtype))


def margins(sizes: SovitsConfig) -> tuple[int, ...]:
    """Return how many neighbours on each side what comes after a layer reaches.

    The first is for the output of `conv_pre`, the others for that of each stage.
    """
    # A pair of a residual block reaches as far as its dilated and its plain convolution do.
    block = max(
        sum((kernel - 1) // 2 * (dilation + 1) for dilation in dilations)
        for kernel, dilations in zip(
            sizes.resblock_kernel_sizes, sizes.resblock_dilation_sizes, strict=True
        )
    )
    reached = [EDGE_KERNEL // 2]
    stages = list(zip(sizes.upsample_rates, sizes.upsample_kernel_sizes, strict=True))
    for rate, kernel in reversed(stages):
        padding = (kernel - rate) // 2
        reached.append(math.ceil((reached[-1] + block + padding) / rate))
    return tuple(reversed(reached))


def _trimmed(x: Tensor, left: int, right: int, keep: int) -> tuple[Tensor, int, int]:
    """Return x [B, C, T] with at most `keep` of its context on each side, and what is left."""
    first, last = max(left - keep, 0), max(right - keep, 0)
    return x[..., first : x.shape[-1] - last], left - first, right - last
