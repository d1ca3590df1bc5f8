"""ScaledAdam: Adam with steps relative to the size of each tensor, which is learned as well.

After Yao et al. 2023 (Zipformer, arXiv:2310.11230), with the constants of gptsovits-spec
section 10.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

# From here on the average of squares needs no correction for its start at zero.
CORRECTED = 0.99


class ScaledAdam(Optimizer):
    """Optimizer of the GPT.

    Clipping shortens only the gradients of the sizes, as in the official trainer
    (gptsovits-spec section 12.19).
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 0.002,
        betas: tuple[float, float] = (0.9, 0.95),
        *,
        clipping_scale: float = 2.0,
        clipping_update_period: int = 1000,
        scalar_lr_scale: float = 0.1,
        eps: float = 1e-8,
        param_min_rms: float = 1e-5,
        param_max_rms: float = 3.0,
        scalar_max: float = 10.0,
        size_update_period: int = 4,
    ) -> None:
        """Take over parameters.

        Args:
            params: parameters or groups of them.
            lr: size of a step relative to the root mean square of the tensor.
            betas: decay of the momentum and of the squares.
            clipping_scale: gradients longer than this many medians are shortened.
            clipping_update_period: steps that the median is taken over.
            scalar_lr_scale: for single numbers and for sizes, relative to lr.
            eps: keeps divisions finite.
            param_min_rms: a tensor is treated as at least this large, and is not made smaller.
            param_max_rms: a tensor is not made larger than this.
            scalar_max: single numbers stay within plus and minus this.
            size_update_period: steps between two updates of the sizes.

        """
        defaults = {
            'lr': lr,
            'betas': betas,
            'clipping_scale': clipping_scale,
            'clipping_update_period': clipping_update_period,
            'scalar_lr_scale': scalar_lr_scale,
            'eps': eps,
            'param_min_rms': param_min_rms,
            'param_max_rms': param_max_rms,
            'scalar_max': scalar_max,
            'size_update_period': size_update_period,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [p for p in group['params'] if p.grad is not None]
            clipping = self._clipping(group, parameters)
            for parameter in parameters:
                self._update(group, parameter, clipping)
        return loss

    def _state(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        state = self.state[p]
        if not state:
            state['step'] = 0
            state['delta'] = torch.zeros_like(p)
            state['squares'] = torch.zeros_like(p)
            if p.numel() > 1:
                state['rms'] = _rms(p)
                state['size_squares'] = torch.zeros_like(state['rms'])
                state['size_gradients'] = p.new_zeros(group['size_update_period'])
        return state

    def _clipping(self, group: dict[str, Any], parameters: list[Tensor]) -> float:
        """Return the factor that the gradients of the sizes are shortened by.

        The first step has none. The norms of the last period live with the first parameter,
        and are saved with it.
        """
        if not parameters or not self.state[parameters[0]]:
            return 1.0
        state, period = self.state[parameters[0]], group['clipping_update_period']
        step = state['step']
        squares = sum(
            (p.grad * self.state[p]['rms'] if p.numel() > 1 else p.grad).pow(2).sum()
            for p in parameters
        )
        norm = squares.sqrt()
        if 'norms' not in state:
            state['norms'] = norm.new_zeros(period)
        state['norms'][step % period] = norm
        if step % period == 0:
            median = state['norms'].sort().values[min(period - 1, period // 4 * 2)]
            state['threshold'] = group['clipping_scale'] * float(median)
        if 'threshold' not in state:
            return 1.0
        return min(1.0, state['threshold'] / (float(norm) + 1e-20))

    def _update(self, group: dict[str, Any], p: Tensor, clipping: float) -> None:
        state = self._state(group, p)
        state['delta'].mul_(group['betas'][0])
        if p.numel() > 1:
            self._update_size(group, p, state, clipping)
            self._update_values(group, p, state)
        else:
            self._update_scalar(group, p, state)
        state['step'] += 1

    def _update_size(
        self, group: dict[str, Any], p: Tensor, state: dict[str, Any], clipping: float
    ) -> None:
        """Every few steps, let the tensor as a whole grow or shrink along its gradient."""
        period, (beta1, beta2) = group['size_update_period'], group['betas']
        gradients = state['size_gradients']
        gradients[state['step'] % period] = (p * p.grad).sum() * clipping
        if state['step'] % period != period - 1:
            return
        rms = state['rms'].copy_(_rms(p))
        decay = beta2**period
        squares = state['size_squares']
        squares.mul_(decay).add_(gradients.pow(2).mean(), alpha=1 - decay)
        correction = (1 - decay ** ((state['step'] + 1) // period)) ** 0.5
        rate = group['lr'] * group['scalar_lr_scale']
        change = -rate * correction * gradients.sum() / (squares.sqrt() + group['eps'])
        change = torch.where(rms < group['param_min_rms'], 0.0, change)
        change = torch.where(rms > group['param_max_rms'], -rate * period, change)
        state['delta'].add_(p * change, alpha=1 - beta1)

    def _update_values(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        beta1, beta2 = group['betas']
        squares = state['squares'].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
        correction = 1 - beta2 ** (state['step'] + 1)
        if correction < CORRECTED:
            squares = squares / correction
        size = state['rms'].clamp(min=group['param_min_rms'])
        rate = -group['lr'] * (1 - beta1) * size
        state['delta'].add_(p.grad / squares.sqrt().add_(group['eps']) * rate)
        p.add_(state['delta'])

    def _update_scalar(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        """A single number has no size to be relative to: plain Adam, more slowly."""
        beta1, beta2 = group['betas']
        squares = state['squares'].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
        squares = squares / (1 - beta2 ** (state['step'] + 1))
        rate = -group['lr'] * group['scalar_lr_scale'] * (1 - beta1)
        state['delta'].add_(p.grad / (squares.sqrt() + group['eps']), alpha=rate)
        p.clamp_(-group['scalar_max'], group['scalar_max']).add_(state['delta'])


def _rms(p: Tensor) -> Tensor:
    return p.pow(2).mean().sqrt()
