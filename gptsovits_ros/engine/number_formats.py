"""Layers that compute in int8 or bfloat16, and what puts them in the place of float32 ones.

Every layer takes and gives float32: what lies between the layers (residuals, norms, attention)
stays as exact as it was, and no other module needs to know. In float16, which is for GPUs, whole
models compute, as upstream lets them: to convert between the layers would take as long as they.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FLOAT32, BFLOAT16, FLOAT16, INT8 = 'float32', 'bfloat16', 'float16', 'int8'

# Weights are rounded to -127..127, so that the scale is the same on both sides of 0.
_LARGEST = 127


class Int8Linear(nn.Module):
    """A linear layer with int8 weights, one scale per output; inputs are made uint8 as they come.

    The inputs of one call share a scale and a zero point. The packed weights belong to torch's
    backend and are no parameters.

    Attributes:
        packed_bytes: memory of the packed weights and the bias.

    """

    def __init__(self, linear: nn.Linear, half_range: bool) -> None:
        """Take the weights of a layer.

        Args:
            linear: on the CPU, in float32.
            half_range: use 7 of the 8 bits of the inputs; needed where the CPU adds products up in
                16 bits (no VNNI), which would overflow.

        """
        super().__init__()
        weight = linear.weight.detach()
        scales = (weight.abs().amax(dim=1) / _LARGEST).clamp_min(torch.finfo(torch.float32).tiny)
        zeros = torch.zeros(len(scales), dtype=torch.int64)
        bias = None if linear.bias is None else linear.bias.detach()
        with warnings.catch_warnings():
            # torch plans to drop tensors of this kind; int8_exists tells when it has.
            warnings.filterwarnings('ignore', 'torch.quantize_per_tensor', UserWarning)
            quantized = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        self._packed = torch.ops.quantized.linear_prepack(quantized, bias)
        self._half_range = half_range
        floats = (scales,) if bias is None else (scales, bias)
        self.packed_bytes = weight.numel() + sum(values.nbytes for values in floats)

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.quantized.linear_dynamic(x, self._packed, self._half_range)


class Bfloat16Linear(nn.Module):
    """A linear layer that multiplies in bfloat16."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        bias = None if linear.bias is None else _halved(linear.bias)
        self.weight = _halved(linear.weight)
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.to(torch.bfloat16), self.weight, self.bias).to(x.dtype)


class Bfloat16Convolutions(nn.Module):
    """Convolutions and what lies between them, computed in bfloat16.

    They become convolutions over an image one row high, because those have a memory format with
    the channels last, which saves the reordering before and behind each of them.
    """

    def __init__(self, stack: nn.Module) -> None:
        """Take a module, and change it.

        Args:
            stack: maps [B, C, T] to [B, C, T] by Conv1d and by functions of single numbers.

        """
        super().__init__()
        replace_layers(stack, nn.Conv1d, _one_row_high)
        self.stack = stack.to(torch.bfloat16, memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        image = x.unsqueeze(2).to(torch.bfloat16, memory_format=torch.channels_last)
        return self.stack(image).squeeze(2).to(x.dtype, memory_format=torch.contiguous_format)


def replace_layers(
    module: nn.Module,
    kind: type[nn.Module] | tuple[type[nn.Module], ...],
    make: Callable[[nn.Module], nn.Module],
) -> None:
    """Put make(layer) in the place of every layer of a kind below a module.

    Each old layer is let go before the next is made, so that both copies of a model are never in
    memory together.
    """
    for name, child in module.named_children():
        if isinstance(child, kind):
            setattr(module, name, make(child))
        else:
            replace_layers(child, kind, make)


def convert_linears(module: nn.Module, number_format: str, half_range: bool = False) -> None:
    """Let all linear layers below a module compute in a number format.

    Args:
        module: on the CPU for int8.
        number_format: FLOAT32, which changes nothing, BFLOAT16 or INT8.
        half_range: see Int8Linear.

    """
    if number_format == INT8:
        replace_layers(module, nn.Linear, lambda linear: Int8Linear(linear, half_range))
    elif number_format == BFLOAT16:
        replace_layers(module, nn.Linear, Bfloat16Linear)


def int8_exists() -> bool:
    """Say whether this build of torch can multiply in int8."""
    try:
        Int8Linear(nn.Linear(1, 1), half_range=False)(torch.zeros(1, 1))
    except (AttributeError, RuntimeError):
        # The operators are missing, or have no kernel for this CPU.
        return False
    return True


def _one_row_high(convolution: nn.Conv1d) -> nn.Conv2d:
    image = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        (1, *convolution.kernel_size),
        (1, *convolution.stride),
        (0, *convolution.padding),
        (1, *convolution.dilation),
        convolution.groups,
        bias=False,
        device='meta',
    )
    image.weight = nn.Parameter(convolution.weight.detach().unsqueeze(2), requires_grad=False)
    image.bias = convolution.bias
    return image


def _halved(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight.detach().to(torch.bfloat16), requires_grad=False)
