"""Batches of utterances of similar length, each once per epoch, in an order fixed by the seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from gptsovits_ros.training.settings import BatchSettings

Example = TypeVar('Example')


def make_batches(
    lengths: Sequence[int], settings: BatchSettings, rng: np.random.Generator
) -> list[list[int]]:
    """Group all indices of lengths into batches of similar length, in random order."""
    order = rng.permutation(len(lengths))
    pool_size = settings.batch_size * settings.pool_batches
    batches: list[list[int]] = []
    for start in range(0, len(order), pool_size):
        pool = sorted(order[start : start + pool_size].tolist(), key=lambda index: lengths[index])
        batches += _cut(pool, lengths, settings)
    return [batches[index] for index in rng.permutation(len(batches))]


def _cut(pool: list[int], lengths: Sequence[int], settings: BatchSettings) -> list[list[int]]:
    """Cut a pool, sorted by length, into batches within the limits, of one item at least."""
    batches: list[list[int]] = []
    for index in pool:
        size = len(batches[-1]) + 1 if batches else 1
        # The new item is the longest of its batch, since the pool is sorted.
        fits = not settings.max_positions or size * lengths[index] <= settings.max_positions
        if batches and fits and size <= settings.batch_size:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


class BatchStream(Generic[Example]):
    """Batches without end, from a plan per epoch; its position is two numbers.

    Attributes:
        epoch: that the next batch belongs to.
        index: of the next batch within the epoch.

    """

    def __init__(
        self, plan: Callable[[int], list[list[Example]]], epoch: int = 0, index: int = 0
    ) -> None:
        self._plan = plan
        self._batches = plan(epoch)
        self.epoch = epoch
        self.index = index

    def next(self) -> list[Example]:
        """Return the examples of the next batch."""
        if self.index >= len(self._batches):
            self.epoch, self.index = self.epoch + 1, 0
            self._batches = self._plan(self.epoch)
        batch = self._batches[self.index]
        self.index += 1
        return batch


def pad(rows: Sequence[np.ndarray], value: int = 0) -> tuple[Tensor, Tensor]:
    """Return rows [T_i] as one tensor [B, max T], padded on the right, and their lengths [B]."""
    lengths = torch.tensor([len(row) for row in rows])
    padded = torch.full((len(rows), int(lengths.max())), value)
    padded = padded.to(torch.from_numpy(rows[0]).dtype)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = torch.from_numpy(row)
    return padded, lengths
