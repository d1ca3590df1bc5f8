"""What the trainers have in common: a model that learns, its optimizer, and its average."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import Optimizer

from gptsovits_ros.training.batching import BatchStream
from gptsovits_ros.training.ema import MovingAverage
from gptsovits_ros.training.precision import Precision


class TrainedModel:
    """The part of loop.Trainer that is the same for every model; trainers set the attributes."""

    _model: nn.Module
    _optimizer: Optimizer
    _average: MovingAverage
    _precision: Precision

    def batches(self, epoch: int, index: int) -> BatchStream[Any]:
        """Return the training batches from a position on."""
        return BatchStream(self._plan, epoch, index)

    def state(self) -> dict[str, Any]:
        """Return all that changes from step to step."""
        return {
            'model': self._model.state_dict(),
            'optimizer': self._optimizer.state_dict(),
            'average': self._average.tensors,
            'precision': self._precision.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self._model.load_state_dict(state['model'])
        self._optimizer.load_state_dict(state['optimizer'])
        self._average.load(state['average'])
        self._precision.load(state['precision'])

    def _plan(self, epoch: int) -> list[list[Any]]:
        """Return the batches of an epoch."""
        raise NotImplementedError
