"""The speaker encoder of v2Pro and v2ProPlus: a voice becomes one vector (gptsovits-spec 8.3).

Chen et al. 2024 (ERes2NetV2), a residual network over filter bank energies. Its pooling and its
last layer are not used here: SoVITS was trained with the map before them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Features are fused by attention from this stage on (counted from 0); before it they are added.
FIRST_FUSING_STAGE = 2
STRIDES = (1, 2, 2, 2)
HIGHEST_ACTIVATION = 20.0
# Width of a stage is counted against this many planes.
BASE_PLANES = 64
# How much narrower the attention of a fusion is than what it fuses.
FUSION_REDUCTION = 4


@dataclass(frozen=True)
class SpeakerConfig:
    """Sizes of the speaker encoder; the defaults are those of the official file.

    Attributes:
        bins: filter bank energies per frame.
        channels: of the first convolution; planes of a stage double from one to the next.
        blocks: residual blocks of each of the four stages.
        base_width: width of a branch for 64 planes.
        scale: branches of a block.
        expansion: channels that a block gives, per plane.

    """

    bins: int = 80
    channels: int = 64
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    base_width: int = 24
    scale: int = 4
    expansion: int = 4

    def __post_init__(self) -> None:
        """Raise ValueError for sizes that no such network has."""
        if len(self.blocks) != len(STRIDES):
            raise ValueError(f'{len(self.blocks)} stages instead of {len(STRIDES)}')
        if self.branch_width(0) < FUSION_REDUCTION:
            raise ValueError(
                f'branches of the first stage are {self.branch_width(0)} wide; at least '
                f'{FUSION_REDUCTION} are needed'
            )

    def branch_width(self, stage: int) -> int:
        """Return the channels of one branch in a stage."""
        return self.planes(stage) * self.base_width // BASE_PLANES

    def planes(self, stage: int) -> int:
        """Return the planes of a stage."""
        return self.channels << stage

    @property
    def embedding_dim(self) -> int:
        """Size of the vector: 20480 with the official sizes."""
        rows = self.bins
        for stride in STRIDES:
            rows = -(-rows // stride)
        return self.planes(len(STRIDES) - 1) * self.expansion * rows


class Fusion(nn.Module):
    """Mix two feature maps by attention: each channel leans to one or the other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = channels // FUSION_REDUCTION
        self.local_att = nn.Sequential(
            nn.Conv2d(2 * channels, narrow, 1),
            nn.BatchNorm2d(narrow),
            nn.SiLU(),
            nn.Conv2d(narrow, channels, 1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        lean = 1 + torch.tanh(self.local_att(torch.cat([x, y], dim=1)))
        return x * lean + y * (2 - lean)


class Block(nn.Module):
    """A residual block whose branches each see what the one before made."""

    def __init__(self, config: SpeakerConfig, inputs: int, stage: int, stride: int) -> None:
        super().__init__()
        width = config.branch_width(stage)
        outputs = config.planes(stage) * config.expansion
        self.conv1 = nn.Conv2d(inputs, width * config.scale, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width * config.scale)
        self.convs = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(config.scale)
        )
        self.bns = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(config.scale))
        self.fuse_models = None
        if stage >= FIRST_FUSING_STAGE:
            self.fuse_models = nn.ModuleList(Fusion(width) for _ in range(config.scale - 1))
        self.conv3 = nn.Conv2d(width * config.scale, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        parts = _clipped(self.bn1(self.conv1(x))).chunk(len(self.convs), dim=1)
        made: list[Tensor] = []
        for index, (conv, norm) in enumerate(zip(self.convs, self.bns, strict=True)):
            part = parts[index]
            if index and self.fuse_models is None:
                part = made[-1] + part
            elif index:
                part = self.fuse_models[index - 1](made[-1], part)
            made.append(_clipped(norm(conv(part))))
        return _clipped(self.bn3(self.conv3(torch.cat(made, dim=1))) + self.shortcut(x))


class SpeakerEncoder(nn.Module):
    """Filter bank energies -> speaker embedding."""

    def __init__(self, config: SpeakerConfig) -> None:
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv2d(1, config.channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(config.channels)
        inputs = config.channels
        for stage, (count, stride) in enumerate(zip(config.blocks, STRIDES, strict=True)):
            blocks = []
            for index in range(count):
                blocks.append(Block(config, inputs, stage, stride if index == 0 else 1))
                inputs = config.planes(stage) * config.expansion
            self.add_module(f'layer{stage + 1}', nn.Sequential(*blocks))
        self.layer3_ds = nn.Conv2d(inputs // 2, inputs, 3, stride=2, padding=1, bias=False)
        self.fuse34 = Fusion(inputs)

    def forward(self, energies: Tensor) -> Tensor:
        """Return the embedding [1, embedding_dim].

        Args:
            energies: log mel energies [1, F, bins], 100 frames per second, without mean
                subtraction (audio.kaldi.fbank).

        """
        third, fourth = self.stages(energies)[2:]
        fused = self.fuse34(fourth, self.layer3_ds(third))  # [1, C, bins / 8, F / 8]
        return fused.flatten(1, 2).mean(dim=-1)

    def stages(self, energies: Tensor) -> list[Tensor]:
        """Return the feature maps [1, C, bins', F'] after each of the four stages."""
        x = torch.relu(self.bn1(self.conv1(energies.transpose(1, 2).unsqueeze(1))))
        maps = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            maps.append(x)
        return maps


def _clipped(x: Tensor) -> Tensor:
    return F.hardtanh(x, 0.0, HIGHEST_ACTIVATION)
