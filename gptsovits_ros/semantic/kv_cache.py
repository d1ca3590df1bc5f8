"""The keys and values of earlier positions: explicit state, allocated once per generation."""

from __future__ import annotations

import torch
from torch import Tensor

from gptsovits_ros.semantic.config import SemanticConfig


class KVCache:
    """Preallocated keys and values of all layers.

    Layers append in order; `advance` commits the new rows once every layer has seen them.

    Attributes:
        keys: [layers, B, heads, capacity, head_dim].
        values: the same shape.
        length: rows that are filled.

    """

    def __init__(
        self,
        config: SemanticConfig,
        batch: int,
        capacity: int,
        device: torch.device | str = 'cpu',
        dtype: torch.dtype = torch.float32,
    ) -> None:
        shape = (config.n_layer, batch, config.head, capacity, config.head_dim)
        self.keys = torch.empty(shape, device=device, dtype=dtype)
        self.values = torch.empty(shape, device=device, dtype=dtype)
        self.length = 0

    @property
    def capacity(self) -> int:
        """Rows that fit."""
        return self.keys.shape[3]

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store rows [B, heads, T, head_dim] after the filled ones; return all of this layer."""
        end = self.length + keys.shape[2]
        self.keys[layer, :, :, self.length : end] = keys
        self.values[layer, :, :, self.length : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def advance(self, rows: int) -> None:
        """Count rows as filled after every layer has appended them."""
        self.length += rows
