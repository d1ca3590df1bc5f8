"""The style encoder (upstream `ref_enc`): a reference spectrogram becomes one vector.

gptsovits-spec section 7.1; Min et al. 2021 (Meta-StyleSpeech).
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.acoustic.attention import masked
from gptsovits_ros.acoustic.config import SovitsConfig

DROPOUT = 0.1  # in training; fixed in the official model


class LinearNorm(nn.Module):
    """A linear layer under the name that checkpoints give it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.fc = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)


class ConvNorm(nn.Module):
    """A convolution under the name that checkpoints give it."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel_size, padding=(kernel_size - 1) // 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class GatedConv(nn.Module):
    """Residual gated convolution: x + a * sigmoid(b)."""

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(channels, 2 * channels, kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        return x + F.dropout(F.glu(self.conv1(x), dim=1), DROPOUT, self.training)


class SelfAttention(nn.Module):
    """Multi-head attention whose scores are divided by the root of the full width (as trained)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.w_qs = nn.Linear(channels, channels)
        self.w_ks = nn.Linear(channels, channels)
        self.w_vs = nn.Linear(channels, channels)
        self.fc = nn.Linear(channels, channels)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Attend within x [B, F, C]; mask bool [B, 1, 1, F] is True where there is data."""
        batch, frames, channels = x.shape
        q, k, v = (
            layer(x).view(batch, frames, self.heads, -1).transpose(1, 2)
            for layer in (self.w_qs, self.w_ks, self.w_vs)
        )
        out = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=mask,
            scale=1 / math.sqrt(channels),
            dropout_p=DROPOUT if self.training else 0.0,
        )
        out = self.fc(out.transpose(1, 2).reshape(batch, frames, channels))
        return x + F.dropout(out, DROPOUT, self.training)


class StyleEncoder(nn.Module):
    """Spectrogram [B, bins, F] -> style embedding [B, gin_channels, 1]."""

    def __init__(self, config: SovitsConfig) -> None:
        super().__init__()
        self.bins = config.style_bins
        width = config.style_channels
        self.spectral = nn.Sequential(
            LinearNorm(self.bins, width),
            nn.Mish(),
            nn.Dropout(DROPOUT),
            LinearNorm(width, width),
            nn.Mish(),
            nn.Dropout(DROPOUT),
        )
        self.temporal = nn.Sequential(GatedConv(width, 5), GatedConv(width, 5))
        self.slf_attn = SelfAttention(width, config.style_heads)
        self.fc = LinearNorm(width, config.gin_channels)

    def forward(self, spectrogram: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode; only the first style_bins rows are read. mask [B, 1, F] marks data, or None."""
        # Upstream masks what goes in and the attention, but not the steps between them: the last
        # frames of a padded clip see what the spectral layers make of zeros.
        x = masked(spectrogram[:, : self.bins], mask)
        x = self.spectral(x.transpose(1, 2))
        x = self.temporal(x.transpose(1, 2)).transpose(1, 2)
        x = self.fc(self.slf_attn(x, None if mask is None else mask.bool().unsqueeze(1)))
        if mask is None:
            return x.mean(dim=1).unsqueeze(-1)
        weight = mask.transpose(1, 2)
        return ((x * weight).sum(dim=1) / weight.sum(dim=1)).unsqueeze(-1)
