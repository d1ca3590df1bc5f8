"""Mixed precision, the same on CPU and CUDA: what is cast, and how losses are scaled."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gptsovits_ros.errors import ConfigurationError


class Precision:
    """Casts forward passes, and scales losses where gradients would vanish otherwise."""

    def __init__(self, name: str, device: torch.device) -> None:
        if name == 'float16' and device.type != 'cuda':
            raise ConfigurationError('precision float16 needs CUDA; use bfloat16 or float32')
        self._device = device.type
        self._dtype = getattr(torch, name)
        self._scaler = torch.amp.GradScaler(device.type, enabled=name == 'float16')

    def autocast(self) -> torch.autocast:
        """Return the context of forward passes."""
        mixed = self._dtype != torch.float32
        return torch.autocast(self._device, self._dtype if mixed else None, enabled=mixed)

    def keep_float32(self, module: nn.Module) -> None:
        """Let a module of one input compute in float32 all the same."""
        forward = module.forward

        def exact(x: Tensor) -> Tensor:
            with torch.autocast(self._device, enabled=False):
                return forward(x.float())

        module.forward = exact

    def backward(
        self, loss: Tensor, parameters: Sequence[nn.Parameter], retain_graph: bool = False
    ) -> None:
        """Add the gradient of the loss to these parameters, and to no others."""
        self._scaler.scale(loss).backward(inputs=list(parameters), retain_graph=retain_graph)

    def update(
        self, optimizer: Optimizer, parameters: Sequence[nn.Parameter], clip_norm: float
    ) -> Tensor:
        """Let the optimizer step; return the norm of the gradient."""
        self._scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_(parameters, clip_norm or torch.inf)
        self._scaler.step(optimizer)
        optimizer.zero_grad(set_to_none=True)
        return norm

    def end_step(self) -> None:
        """Adapt the scale, after all optimizers of a step."""
        self._scaler.update()

    def state(self) -> dict:
        """Return what must be saved."""
        return self._scaler.state_dict()

    def load(self, state: dict) -> None:
        """Take it back."""
        if state:
            self._scaler.load_state_dict(state)
