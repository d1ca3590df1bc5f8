"""The transformer encoder of VITS: attention with relative positions, convolutional feed-forward.

Kim et al. 2021 (VITS), after Shaw et al. 2018 (relative positions). Tensors are [B, C, T]; a mask
is [B, 1, T] with 1 where there is data, or None when nothing is padded.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Score of a key that must not be seen; the official value, small enough to vanish in float16 too.
MASKED_SCORE = -1e4


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """Zero the padding of x."""
    return x if mask is None else x * mask


class ChannelNorm(nn.Module):
    """Layer norm over the channels of [B, C, T]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x.transpose(1, 2), self.gamma.shape, self.gamma, self.beta).transpose(
            1, 2
        )


class Attention(nn.Module):
    """Multi-head attention by 1x1 convolutions; a window adds relative positions for all heads."""

    def __init__(self, channels: int, heads: int, window: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.conv_q = nn.Conv1d(channels, channels, 1)
        self.conv_k = nn.Conv1d(channels, channels, 1)
        self.conv_v = nn.Conv1d(channels, channels, 1)
        self.conv_o = nn.Conv1d(channels, channels, 1)
        if window is not None:
            depth = channels // heads
            self.emb_rel_k = nn.Parameter(torch.randn(1, 2 * window + 1, depth) * depth**-0.5)
            self.emb_rel_v = nn.Parameter(torch.randn(1, 2 * window + 1, depth) * depth**-0.5)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
        """Let x [B, C, T] attend to context [B, C, T_keys].

        The mask is [B, 1, T, T_keys], 0 where it must not.
        """
        q, k, v = (
            self._split(conv(source))
            for conv, source in ((self.conv_q, x), (self.conv_k, context), (self.conv_v, context))
        )
        q = q / math.sqrt(q.shape[-1])
        scores = q @ k.transpose(-2, -1)  # (B, heads, T, T_keys)
        if self.window is not None:
            scores = scores + self._relative_scores(q)
        if mask is not None:
            scores = scores.masked_fill(mask == 0, MASKED_SCORE)
        weights = torch.softmax(scores, dim=-1)
        out = weights @ v
        if self.window is not None:
            out = out + self._relative_values(weights)
        return self.conv_o(out.transpose(2, 3).flatten(1, 2))

    def _split(self, x: Tensor) -> Tensor:
        """[B, C, T] -> [B, heads, T, C / heads]."""
        batch, channels, length = x.shape
        return x.view(batch, self.heads, channels // self.heads, length).transpose(2, 3)

    def _offsets(self, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return j - i + window [T, T], clamped to the table, and where it is in the window."""
        steps = torch.arange(length, device=device)
        offset = steps[None, :] - steps[:, None] + self.window
        return offset.clamp(0, 2 * self.window), (offset >= 0) & (offset <= 2 * self.window)

    def _relative_scores(self, q: Tensor) -> Tensor:
        by_offset = q @ self.emb_rel_k[0].T  # (B, heads, T, 2 window + 1)
        offset, inside = self._offsets(q.shape[2], q.device)
        return torch.gather(by_offset, 3, offset.expand(*q.shape[:2], -1, -1)) * inside

    def _relative_values(self, weights: Tensor) -> Tensor:
        # Column w of `near` is the weight of the key at distance w - window, 0 in the padding.
        padded = F.pad(weights, (self.window, self.window))
        length = weights.shape[2]
        columns = torch.arange(length, device=weights.device)[:, None] + torch.arange(
            2 * self.window + 1, device=weights.device
        )
        near = torch.gather(padded, 3, columns.expand(*weights.shape[:2], -1, -1))
        return near @ self.emb_rel_v[0]


class FeedForward(nn.Module):
    """Two convolutions with a ReLU between them, padded so that the length stays."""

    def __init__(self, channels: int, filter_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.padding = ((kernel_size - 1) // 2, kernel_size // 2)
        self.conv_1 = nn.Conv1d(channels, filter_channels, kernel_size)
        self.conv_2 = nn.Conv1d(filter_channels, channels, kernel_size)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = torch.relu(self.conv_1(F.pad(masked(x, mask), self.padding)))
        return masked(self.conv_2(F.pad(masked(x, mask), self.padding)), mask)


class Encoder(nn.Module):
    """A stack of post-norm layers: attention, then feed-forward."""

    def __init__(
        self,
        channels: int,
        filter_channels: int,
        heads: int,
        layers: int,
        kernel_size: int,
        window: int,
        p_dropout: float,
    ) -> None:
        super().__init__()
        self.drop = nn.Dropout(p_dropout)
        self.attn_layers = nn.ModuleList(Attention(channels, heads, window) for _ in range(layers))
        self.norm_layers_1 = nn.ModuleList(ChannelNorm(channels) for _ in range(layers))
        self.ffn_layers = nn.ModuleList(
            FeedForward(channels, filter_channels, kernel_size) for _ in range(layers)
        )
        self.norm_layers_2 = nn.ModuleList(ChannelNorm(channels) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode x [B, C, T]."""
        pairs = None if mask is None else mask.unsqueeze(2) * mask.unsqueeze(-1)
        x = masked(x, mask)
        for attention, norm_1, feed, norm_2 in zip(
            self.attn_layers, self.norm_layers_1, self.ffn_layers, self.norm_layers_2, strict=True
        ):
            x = norm_1(x + self.drop(attention(x, x, pairs)))
            x = norm_2(x + self.drop(feed(x, mask)))
        return masked(x, mask)
