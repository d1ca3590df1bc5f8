"""Optimizers as the settings describe them."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from torch.optim import AdamW, Optimizer

from gptsovits_ros.training.scaled_adam import ScaledAdam
from gptsovits_ros.training.settings import OptimizerSettings


def make_optimizer(
    groups: Iterable[tuple[list[nn.Parameter], float]], settings: OptimizerSettings
) -> Optimizer:
    """Return the optimizer of groups of parameters, each with a rate relative to the schedule."""
    filled = [
        {'params': parameters, 'relative_rate': rate} for parameters, rate in groups if parameters
    ]
    betas = (settings.betas[0], settings.betas[1])
    if settings.name == 'scaled_adam':
        return ScaledAdam(filled, settings.learning_rate, betas, eps=settings.eps)
    return AdamW(
        filled,
        settings.learning_rate,
        betas,
        settings.eps,
        settings.weight_decay,
        fused=True,
    )


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of the next step."""
    for group in optimizer.param_groups:
        group['lr'] = rate * group['relative_rate']
