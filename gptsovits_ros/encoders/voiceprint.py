"""Whose voice it is: a recording becomes one vector, near those of the same speaker.

Wang et al. 2023 (CAM++): convolutions over a map of filter bank energies, then densely connected
layers over time, each of whose outputs is weighted by what the whole recording sounds like.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BINS = 80
EMBEDDING_DIM = 192
_MAP_CHANNELS = 32
_CHANNELS = 128  # of the first layer over time, and inside each dense layer
_GROWTH = 32  # channels that each dense layer adds
_KERNEL = 3
_BLOCKS = ((12, 1), (24, 2), (16, 2))  # layers and dilation of each block
_SEGMENT_FRAMES = 100  # that are averaged as the near context of a frame


class MapBlock(nn.Module):
    """Two convolutions over the map beside a shortcut."""

    def __init__(self, stride: int) -> None:
        """Take the stride over frequency."""
        super().__init__()
        channels = _MAP_CHANNELS
        self.conv1 = nn.Conv2d(channels, channels, 3, (stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, channels, 1, (stride, 1), bias=False),
                nn.BatchNorm2d(channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class MapLayers(nn.Module):
    """Energies [B, 80, T] -> [B, 320, T], by convolutions that halve the frequencies thrice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, _MAP_CHANNELS, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_MAP_CHANNELS)
        self.layer1 = nn.Sequential(MapBlock(2), MapBlock(1))
        self.layer2 = nn.Sequential(MapBlock(2), MapBlock(1))
        self.conv2 = nn.Conv2d(_MAP_CHANNELS, _MAP_CHANNELS, 3, (2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(_MAP_CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x[:, None])))))
        return F.relu(self.bn2(self.conv2(y))).flatten(1, 2)


class ContextMask(nn.Module):
    """A convolution over time, weighted by the sound of the whole and of the second around."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(
            _CHANNELS, _GROWTH, _KERNEL, padding=dilation, dilation=dilation, bias=False
        )
        self.linear1 = nn.Conv1d(_CHANNELS, _CHANNELS // 2, 1)
        self.linear2 = nn.Conv1d(_CHANNELS // 2, _GROWTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        near = F.avg_pool1d(x, _SEGMENT_FRAMES, ceil_mode=True)
        near = near.repeat_interleave(_SEGMENT_FRAMES, dim=-1)[..., : x.shape[-1]]
        context = x.mean(dim=-1, keepdim=True) + near
        return self.linear_local(x) * self.linear2(F.relu(self.linear1(context))).sigmoid()


class DenseLayer(nn.Module):
    """Adds channels to those that there are."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _norm(channels)
        self.linear1 = nn.Conv1d(channels, _CHANNELS, 1, bias=False)
        self.nonlinear2 = _norm(_CHANNELS)
        self.cam_layer = ContextMask(dilation)

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear1(F.relu(self.nonlinear1(x)))
        return torch.cat([x, self.cam_layer(F.relu(self.nonlinear2(y)))], dim=1)


class VoiceprintEncoder(nn.Module):
    """Filter bank energies -> the vector of a speaker."""

    def __init__(self) -> None:
        super().__init__()
        self.head = MapLayers()
        layers = nn.ModuleDict()
        layers['tdnn'] = nn.ModuleDict(
            {
                'linear': nn.Conv1d(
                    _MAP_CHANNELS * BINS // 8, _CHANNELS, 5, stride=2, padding=2, bias=False
                ),
                'nonlinear': _norm(_CHANNELS),
            }
        )
        channels = _CHANNELS
        for number, (count, dilation) in enumerate(_BLOCKS, 1):
            block = nn.Sequential()
            for index in range(1, count + 1):
                block.add_module(f'tdnnd{index}', DenseLayer(channels, dilation))
                channels += _GROWTH
            layers[f'block{number}'] = block
            layers[f'transit{number}'] = nn.ModuleDict(
                {
                    'nonlinear': _norm(channels),
                    'linear': nn.Conv1d(channels, channels // 2, 1, bias=False),
                }
            )
            channels //= 2
        layers['out_nonlinear'] = _norm(channels)
        layers['dense'] = nn.ModuleDict(
            {
                'linear': nn.Conv1d(2 * channels, EMBEDDING_DIM, 1, bias=False),
                'nonlinear': _norm(EMBEDDING_DIM, affine=False),
            }
        )
        self.xvector = layers

    @torch.inference_mode()
    def forward(self, energies: Tensor) -> Tensor:
        """Return unit vectors [B, 192].

        Args:
            energies: log mel energies [B, F, 80], 100 frames per second (audio.kaldi.fbank).

        """
        x = energies - energies.mean(dim=1, keepdim=True)
        layers = self.xvector
        x = layers['tdnn']['linear'](self.head(x.transpose(1, 2)))
        x = F.relu(layers['tdnn']['nonlinear'](x))
        for number in range(1, len(_BLOCKS) + 1):
            x = layers[f'block{number}'](x)
            transit = layers[f'transit{number}']
            x = transit['linear'](F.relu(transit['nonlinear'](x)))
        x = F.relu(layers['out_nonlinear'](x))
        statistics = torch.cat([x.mean(dim=-1), x.std(dim=-1)], dim=1)[..., None]
        vector = layers['dense']['nonlinear'](layers['dense']['linear'](statistics))[..., 0]
        return F.normalize(vector, dim=1)


def _norm(channels: int, affine: bool = True) -> nn.Sequential:
    """Return a normalisation, under the name that the published file has for it."""
    return nn.Sequential(OrderedDict(batchnorm=nn.BatchNorm1d(channels, affine=affine)))
