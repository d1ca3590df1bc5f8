"""The loop around both trainers: when to log, to evaluate, to save and to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from gptsovits_ros.checkpoint.weights import WeightFile, write_weights
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.training.batching import BatchStream
from gptsovits_ros.training.progress import Progress
from gptsovits_ros.training.settings import RunSettings
from gptsovits_ros.training.state import load_state, save_state

BEST_FILE = 'best.safetensors'
# Steps and epochs draw from streams of their own.
STEP_SEEDS = 1_000_003


class Trainer(Protocol):
    """What the loop needs of a trainer.

    Attributes:
        role: "acoustic" or "semantic".
        score: name of the value of `evaluate` whose least is the best.
        plain: the settings as plain values.

    """

    role: str
    score: str
    plain: dict[str, Any]

    def batches(self, epoch: int, index: int) -> BatchStream[Any]:
        """Return the training batches from a position on."""

    def step(self, batches: list[Any], step: int) -> dict[str, Tensor]:
        """Make one update and return the losses."""

    def evaluate(self) -> dict[str, float]:
        """Return values of the averaged weights on the dev splits."""

    def weights(self, info: str) -> WeightFile:
        """Return the averaged weights as a file."""

    def state(self) -> dict[str, Any]:
        """Return all that changes from step to step."""

    def load(self, state: dict[str, Any]) -> None:
        """Take it back."""


class Loop:
    """One run of one trainer in one folder."""

    def __init__(
        self, trainer: Trainer, settings: RunSettings, folder: Path, progress: Progress
    ) -> None:
        self._trainer = trainer
        self._settings = settings
        self._folder = folder
        self._progress = progress
        self._step = 0
        self._best: dict[str, float] = {}
        self._stream = trainer.batches(0, 0)
        self._losses: list[dict[str, Tensor]] = []
        self._saved_at = time.monotonic()

    def run(self, seconds: float, stopping: Callable[[], bool]) -> str:
        """Train until complete, out of time or asked to stop by stopping(); return which it was.

        Everything random in a step is a function of the seed and the number of the step, so a run
        that is interrupted and resumed ends with the weights of one that is not.

        Raises:
            ConfigurationError: the saved state belongs to other settings, or a loss is not finite.
            CheckpointError: the state cannot be read or written.

        """
        deadline = time.monotonic() + seconds
        self._resume()
        self._progress.start(self._step, self._settings.steps)
        try:
            reason = ''
            while not reason:
                self._update()
                reason = self._why_stop(deadline, stopping)
            self._report()
            self._save()
        finally:
            self._progress.close()
        self._progress.event('stopped', step=self._step, reason=reason)
        return reason

    def _update(self) -> None:
        settings = self._settings
        if self._step >= settings.steps:
            return
        torch.manual_seed(settings.seed * STEP_SEEDS + self._step)
        batches = [self._stream.next() for _ in range(settings.accumulate)]
        self._losses.append(self._trainer.step(batches, self._step))
        self._step += 1
        self._progress.advance(self._step)
        if self._step % settings.log_every == 0:
            self._report()
        if settings.evaluate_every and self._step % settings.evaluate_every == 0:
            self._evaluate()
        if time.monotonic() - self._saved_at >= settings.save_every_s:
            self._report()
            self._save()

    def _why_stop(self, deadline: float, stopping: Callable[[], bool]) -> str:
        if self._step >= self._settings.steps:
            return 'complete'
        if stopping():
            return 'asked to stop'
        return 'time is over' if time.monotonic() >= deadline else ''

    def _report(self) -> None:
        """Log the mean losses since the last time, and see that they are numbers."""
        if not self._losses:
            return
        means = {
            name: float(torch.stack([losses[name] for losses in self._losses]).mean())
            for name in self._losses[-1]
        }
        self._losses = []
        # float16 overflows now and then; such a step is left out, and the losses are scaled down.
        means = {
            name: value
            for name, value in means.items()
            if math.isfinite(value) or not name.endswith('gradient_norm')
        }
        wrong = [name for name, value in means.items() if not math.isfinite(value)]
        if wrong:
            raise ConfigurationError(
                f'training went wrong before step {self._step}: {wrong[0]} is {means[wrong[0]]}. '
                'The last saved state is sound; go on from it with a lower learning rate'
            )
        self._progress.values('train', self._step, means)

    def _evaluate(self) -> None:
        values = self._trainer.evaluate()
        if not values:
            return
        self._progress.values('dev', self._step, values)
        score = values.get(self._trainer.score)
        if score is not None and score < self._best.get('score', math.inf):
            self._best = {'score': score, 'step': self._step}
            weights = self._trainer.weights(f'step {self._step}')
            write_weights(weights, self._folder / BEST_FILE)

    def _save(self) -> None:
        save_state(
            self._folder,
            {
                'role': self._trainer.role,
                'settings': self._trainer.plain,
                'step': self._step,
                'epoch': self._stream.epoch,
                'index': self._stream.index,
                'best': self._best,
                'trainer': self._trainer.state(),
            },
        )
        self._saved_at = time.monotonic()
        self._progress.event('saved', step=self._step)

    def _resume(self) -> None:
        state = load_state(self._folder)
        if state is None:
            return
        if state['role'] != self._trainer.role:
            raise ConfigurationError(f'{self._folder} holds a run of the {state["role"]} trainer')
        _check_same(state['settings'], self._trainer.plain)
        self._trainer.load(state['trainer'])
        self._step, self._best = state['step'], state['best']
        self._stream = self._trainer.batches(state['epoch'], state['index'])
        self._progress.message(f'going on from step {self._step}')


def _check_same(saved: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse to go on with weights of another shape."""
    for section in ('model', 'discriminators'):
        if saved.get(section) != wanted.get(section):
            raise ConfigurationError(
                f'the settings of "{section}" differ from those that this run was started with; '
                'choose another folder for the run, or take the old settings'
            )
