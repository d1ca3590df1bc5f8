"""The normalising flow between the prior and the latent of the decoder (gptsovits-spec 7.4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gptsovits_ros.acoustic.attention import masked
from gptsovits_ros.acoustic.config import SovitsConfig
from gptsovits_ros.acoustic.wavenet import WaveNet


class CouplingLayer(nn.Module):
    """Shift the second half of the channels by a function of the first half and the style."""

    def __init__(self, config: SovitsConfig) -> None:
        super().__init__()
        self.half = config.inter_channels // 2
        self.pre = nn.Conv1d(self.half, config.hidden_channels, 1)
        self.enc = WaveNet(
            config.hidden_channels,
            config.wavenet_kernel_size,
            config.flow_wavenet_layers,
            config.gin_channels,
        )
        self.post = nn.Conv1d(config.hidden_channels, self.half, 1)
        # A fresh flow starts as the identity, as in VITS.
        nn.init.zeros_(self.post.weight)
        nn.init.zeros_(self.post.bias)

    def forward(self, x: Tensor, style: Tensor, mask: Tensor | None, inverse: bool) -> Tensor:
        """Transform x [B, inter_channels, F]."""
        first, second = x.split(self.half, dim=1)
        h = self.enc(masked(self.pre(first), mask), style, mask)
        shift = masked(self.post(h), mask)
        return torch.cat([first, second - shift if inverse else second + shift], dim=1)


class Flow(nn.Module):
    """Coupling layers with the channel order reversed after each."""

    def __init__(self, config: SovitsConfig) -> None:
        super().__init__()
        # How many frames on each side a frame depends on.
        self.context_frames = (
            config.flow_layers
            * config.flow_wavenet_layers
            * ((config.wavenet_kernel_size - 1) // 2)
        )
        self.layers = nn.ModuleList(CouplingLayer(config) for _ in range(config.flow_layers))

    def forward(self, z: Tensor, style: Tensor, mask: Tensor | None = None) -> Tensor:
        """Latent of the posterior -> latent of the prior (training)."""
        for layer in self.layers:
            z = layer(z, style, mask, inverse=False).flip(1)
        return z

    def inverse(self, z: Tensor, style: Tensor, mask: Tensor | None = None) -> Tensor:
        """Latent of the prior -> latent of the decoder (inference), [B, inter_channels, F]."""
        for layer in reversed(self.layers):
            z = layer(z.flip(1), style, mask, inverse=True)
        return z
