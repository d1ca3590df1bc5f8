"""Weights in eight bits, for files that are small enough to ship with the code.

Only how they are stored: in memory they are floating point again. A matrix or kernel becomes int8
with one scale per row (output channel), so that its largest weight is 127; vectors, and matrices
in which every bit counts, stay as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gptsovits_ros.errors import CheckpointError

PACKING = 'int8-rows'
SCALE_SUFFIX = ':scale'
LARGEST = 127
# Smaller tensors would save nothing worth speaking of.
SMALLEST_SIZE = 2048


def pack(tensors: dict[str, Tensor], keep: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Return tensors with the large ones as int8 [R, ...] and "<name>:scale" float32 [R].

    Args:
        tensors: floating point.
        keep: beginnings of names that stay as they are.

    """
    packed = {}
    for name, tensor in tensors.items():
        if tensor.dim() < 2 or tensor.numel() < SMALLEST_SIZE or name.startswith(keep):
            packed[name] = tensor
            continue
        rows = tensor.float().flatten(1)
        scale = rows.abs().amax(dim=1) / LARGEST
        # A row of zeros has no scale; any will do.
        scale = torch.where(scale > 0, scale, torch.ones_like(scale))
        packed[name] = (rows / scale[:, None]).round().to(torch.int8).reshape(tensor.shape)
        packed[name + SCALE_SUFFIX] = scale
    return packed


def unpack(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return what `pack` was given, each packed weight within half a scale, as float32.

    Raises:
        CheckpointError: an int8 tensor has no scale that fits, or a scale no tensor.

    """
    scales = {name: tensor for name, tensor in tensors.items() if name.endswith(SCALE_SUFFIX)}
    unpacked = {}
    for name, tensor in tensors.items():
        if name.endswith(SCALE_SUFFIX):
            continue
        if tensor.dtype == torch.int8:
            scale = scales.pop(name + SCALE_SUFFIX, None)
            if scale is None or tensor.dim() < 2 or scale.shape != tensor.shape[:1]:
                raise CheckpointError(f'the packed tensor "{name}" has no scale that fits to it')
            tensor = tensor.float() * scale.float().reshape(-1, *[1] * (tensor.dim() - 1))
        unpacked[name] = tensor
    if scales:
        raise CheckpointError(f'"{next(iter(scales))}" belongs to no packed tensor')
    return unpacked
