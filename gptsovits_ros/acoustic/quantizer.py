"""The codebook of semantic tokens (gptsovits-spec section 7.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Quantizer(nn.Module):
    """One table of content vectors; a semantic token is the number of a row."""

    def __init__(self, codebook_size: int, width: int) -> None:
        super().__init__()
        # A buffer: the table is learned by moving averages, not by gradient.
        self.register_buffer('codebook', torch.zeros(codebook_size, width))

    def encode(self, features: Tensor) -> Tensor:
        """Return the nearest rows, int64 [B, S], for features [B, width, S]."""
        x = features.transpose(1, 2)
        # |x - e|^2 without the |x|^2 that is equal for all rows.
        distance = self.codebook.pow(2).sum(1) - 2 * (x @ self.codebook.T)
        return distance.argmin(dim=-1)

    def decode(self, tokens: Tensor) -> Tensor:
        """Return features [B, width, S] of tokens [B, S]."""
        return self.codebook[tokens].transpose(1, 2)
