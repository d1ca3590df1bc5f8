"""The moving average of weights: smoother than the last ones, and what is exported."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class MovingAverage:
    """Exponential moving average of named tensors, in float32.

    The decay of update n (from 0) is min(decay, (1 + n) / (10 + n)), so that the random start is
    soon forgotten.

    Attributes:
        tensors: the average by name.

    """

    def __init__(self, tensors: Mapping[str, Tensor], decay: float) -> None:
        self.tensors = {name: value.detach().clone() for name, value in tensors.items()}
        self.decay = decay

    @torch.no_grad()
    def update(self, tensors: Mapping[str, Tensor], count: int) -> None:
        """Take in the tensors of update number `count`."""
        decay = min(self.decay, (1 + count) / (10 + count))
        for name, value in self.tensors.items():
            if value.is_floating_point():
                value.lerp_(tensors[name], 1 - decay)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the average from a saved state."""
        for name, value in self.tensors.items():
            value.copy_(tensors[name])
