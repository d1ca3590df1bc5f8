"""Captures without a GPU, and what a function must keep to so that a GPU can capture it.

Tensors are on torch's device "meta": they have shapes and no values. So whatever asks for a value
fails, as it would while a GPU captures, and what brings values to the device is refused here.
"""

from __future__ import annotations

from collections.abc import Callable
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

NO_VALUES = torch.device('meta')


class Recorder:
    """Captures as a GPU does, but for speed: what it returns runs the function again."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, function: Callable[[], None]) -> Callable[[], None]:
        self.count += 1
        function()
        return function


class _OnDeviceOnly(TorchDispatchMode):
    """Refuses operations with a tensor that is elsewhere."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        for value in tree_leaves((args, kwargs, result)):
            if isinstance(value, torch.Tensor) and value.device != NO_VALUES:
                raise AssertionError(f'{operation} has a tensor on {value.device}')
        return result


def capture(function: Callable[[], None]) -> Callable[[], None]:
    """Run a function once freely and once by the rules; what it returns does nothing."""
    function()
    # On this device it makes a tensor without an operation that could be seen.
    brings = mock.Mock(side_effect=AssertionError('values of the host are brought'))
    with _OnDeviceOnly(), mock.patch.object(torch, 'tensor', brings):
        function()
    return lambda: None
