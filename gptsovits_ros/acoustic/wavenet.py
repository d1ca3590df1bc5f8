"""The gated convolution stack (upstream `WN`) inside the flow and the posterior encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gptsovits_ros.acoustic.attention import masked


class WaveNet(nn.Module):
    """Convolutions with tanh-sigmoid gates, conditioned by the style (gptsovits-spec 7.4)."""

    def __init__(
        self, channels: int, kernel_size: int, layers: int, condition_channels: int
    ) -> None:
        super().__init__()
        self.channels = channels
        self.cond_layer = nn.Conv1d(condition_channels, 2 * channels * layers, 1)
        self.in_layers = nn.ModuleList(
            nn.Conv1d(channels, 2 * channels, kernel_size, padding=(kernel_size - 1) // 2)
            for _ in range(layers)
        )
        # The last layer feeds nobody, so it has no residual half.
        self.res_skip_layers = nn.ModuleList(
            nn.Conv1d(channels, 2 * channels if index < layers - 1 else channels, 1)
            for index in range(layers)
        )

    def forward(self, x: Tensor, style: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the sum of skips [B, C, F] for x [B, C, F], style [B, condition_channels, 1]."""
        conditions = self.cond_layer(style).split(2 * self.channels, dim=1)
        skips = torch.zeros_like(x)
        for conv, mix, condition in zip(
            self.in_layers, self.res_skip_layers, conditions, strict=True
        ):
            to_tanh, to_sigmoid = (conv(x) + condition).split(self.channels, dim=1)
            out = mix(torch.tanh(to_tanh) * torch.sigmoid(to_sigmoid))
            if out.shape[1] == self.channels:
                skips = skips + out
            else:
                x = masked(x + out[:, : self.channels], mask)
                skips = skips + out[:, self.channels :]
        return masked(skips, mask)
