"""The keys and values of earlier positions: explicit state of a generation.

KVCache grows by what is appended to it. FixedCache holds the same rows in tensors whose shapes and
addresses stay, and counts them on the device, so that one step can be captured and replayed.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from gptsovits_ros.semantic.config import SemanticConfig


class RowCache(Protocol):
    """What the layers of the GPT need of a cache."""

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store rows [B, heads, T, head_dim] of a layer; return all that is read of it."""

    def advance(self, rows: int) -> None:
        """Take notice that every layer has appended so many rows."""


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


class FixedCache:
    """A KVCache for one row at a time, of which a span is read whatever is filled.

    What is not filled is hidden by `mask`.

    Attributes:
        rows: the rows, to be filled with a text and a prompt before `begin`.
        row: int64 [1], how many are filled, on the device.
        span: how many are read, filled or not.

    """

    def __init__(
        self,
        config: SemanticConfig,
        capacity: int,
        device: torch.device | str = 'cpu',
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.rows = KVCache(config, 1, capacity, device, dtype)
        # Rows that are not filled are multiplied by 0, so they must be numbers.
        self.rows.keys.zero_()
        self.rows.values.zero_()
        self.span = capacity
        self._hidden = torch.zeros(capacity, dtype=torch.bool, device=device)
        self.row = torch.zeros(1, dtype=torch.int64, device=device)
        self._numbers = torch.arange(capacity, device=device)

    def begin(self) -> None:
        """Go on behind the rows that are filled, of which all are seen."""
        self.row.fill_(self.rows.length)
        self._hidden.zero_()

    def see(self, visible: Tensor) -> None:
        """Let the next step see those of the first rows alone that are True in visible [rows]."""
        torch.logical_not(visible, out=self._hidden[: len(visible)])

    def mask(self) -> Tensor:
        """Return what a new row sees, [1, 1, 1, span]: 0, or minus infinity for what is hidden."""
        hidden = self._hidden[: self.span] | (self._numbers[: self.span] > self.row)
        mask = torch.zeros(self.span, dtype=self.rows.keys.dtype, device=hidden.device)
        return mask.masked_fill(hidden, -torch.inf)[None, None, None]

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store one row [1, heads, 1, head_dim] behind the filled ones; return the span."""
        all_keys, all_values = self.rows.keys[layer], self.rows.values[layer]
        all_keys.index_copy_(2, self.row, keys)
        all_values.index_copy_(2, self.row, values)
        return all_keys[:, :, : self.span], all_values[:, :, : self.span]

    def advance(self, rows: int) -> None:
        """Count rows as filled after every layer has appended them."""
        self.row += rows
