"""The discriminators of SoVITS: one hears the wave as it is, the others every p-th sample.

After HiFi-GAN (Kong et al. 2020) and MelGAN (Kumar et al. 2019), with the sizes of
gptsovits-spec section 2.3.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.training.settings import DiscriminatorSettings

LEAKY_SLOPE = 0.1
# Width, kernel, stride and groups of the convolutions of the discriminator of the whole wave.
SCALE_LAYERS = (
    (16, 15, 1, 1),
    (64, 41, 4, 4),
    (256, 41, 4, 16),
    (1024, 41, 4, 64),
    (1024, 41, 4, 256),
    (1024, 5, 1, 1),
)
# Width and stride of those of the others.
PERIOD_LAYERS = ((32, 3), (128, 3), (512, 3), (1024, 3), (1024, 1))
PERIOD_KERNEL = 5


class ScaleDiscriminator(nn.Module):
    """Hears the wave by grouped convolutions."""

    def __init__(self, width_divisor: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList()
        inputs = 1
        for width, kernel, stride, groups in SCALE_LAYERS:
            outputs = width // width_divisor
            groups = max(1, groups // width_divisor)
            self.convs.append(
                nn.Conv1d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups)
            )
            inputs = outputs
        self.conv_post = nn.Conv1d(inputs, 1, 3, padding=1)

    def forward(self, wave: Tensor) -> list[Tensor]:
        """Judge [B, 1, T]; see Discriminators."""
        return _feature_maps(wave, self.convs, self.conv_post)


class PeriodDiscriminator(nn.Module):
    """Hears the wave folded into rows of `period` samples, each column by itself."""

    def __init__(self, period: int, width_divisor: int) -> None:
        super().__init__()
        self.period = period
        self.convs = nn.ModuleList()
        inputs = 1
        for width, stride in PERIOD_LAYERS:
            outputs = width // width_divisor
            self.convs.append(
                nn.Conv2d(
                    inputs, outputs, (PERIOD_KERNEL, 1), (stride, 1), (PERIOD_KERNEL // 2, 0)
                )
            )
            inputs = outputs
        self.conv_post = nn.Conv2d(inputs, 1, (3, 1), padding=(1, 0))

    def forward(self, wave: Tensor) -> list[Tensor]:
        """Judge [B, 1, T]; see Discriminators."""
        batch, _, length = wave.shape
        wave = F.pad(wave, (0, -length % self.period), mode='reflect')
        return _feature_maps(wave.view(batch, 1, -1, self.period), self.convs, self.conv_post)


class Discriminators(nn.Module):
    """All discriminators: each gives its feature maps, of which the last is its judgement."""

    def __init__(self, settings: DiscriminatorSettings) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList()
        if settings.scale:
            self.discriminators.append(ScaleDiscriminator(settings.width_divisor))
        for period in settings.periods:
            self.discriminators.append(PeriodDiscriminator(period, settings.width_divisor))

    def forward(self, wave: Tensor) -> list[list[Tensor]]:
        """Return the feature maps [B, ...] of each discriminator for waves [B, 1, T]."""
        return [discriminator(wave) for discriminator in self.discriminators]


def _feature_maps(
    x: Tensor, convs: nn.ModuleList, last: Callable[[Tensor], Tensor]
) -> list[Tensor]:
    maps = []
    for conv in convs:
        x = F.leaky_relu(conv(x), LEAKY_SLOPE)
        maps.append(x)
    maps.append(last(x))
    return maps
