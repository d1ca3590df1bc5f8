"""Models by the files that they were read from, so that voices with a common file share it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import nn

from gptsovits_ros.engine.number_formats import Int8Linear

Model = TypeVar('Model', bound=nn.Module)
Thing = TypeVar('Thing')
# One file as it is on disk: its path, the time of its last change [ns] and its size [bytes].
FileState = tuple[str, int, int]


class ModelCache:
    """Keeps a model as long as anybody else holds it, and reads a file that changed anew."""

    def __init__(
        self, device: torch.device, prepare: Callable[[nn.Module], None] | None = None
    ) -> None:
        """Put all models on one device.

        Args:
            device: where.
            prepare: what is done to each model, in place, after it was read; None: nothing.

        """
        self._device = device
        self._prepare = prepare
        self._models: weakref.WeakValueDictionary[tuple, nn.Module] = weakref.WeakValueDictionary()

    def get(self, load: Callable[..., Model], *parts: Path | nn.Module | None) -> Model:
        """Return the model that load(*parts, device=...) makes, or the one that it made before.

        Args:
            load: reads and returns a model.
            parts: files or folders, and models that the new one keeps.

        """
        key = (load, *(_part_state(part) for part in parts))
        model = self._models.get(key)
        if model is None:
            model = load(*parts, device=self._device)
            if self._prepare is not None:
                self._prepare(model)
            self._models[key] = model
        return model


class ByModel(Generic[Thing]):
    """What is made of models in memory, and kept as long as somebody else holds it."""

    def __init__(self) -> None:
        self._things: weakref.WeakValueDictionary[int, Thing] = weakref.WeakValueDictionary()

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._things)

    def get(self, model: nn.Module, make: Callable[[], Thing | None]) -> Thing | None:
        """Return what was made of a model, or make it; None, which is not kept, if make does.

        A thing must hold its model, so that no other one has the same id meanwhile.
        """
        thing = self._things.get(id(model))
        if thing is None:
            thing = make()
            if thing is not None:
                self._things[id(model)] = thing
        return thing


def file_states(paths: Iterable[Path]) -> tuple[FileState, ...]:
    """Return the state of every file, folders being looked into; none for a missing one."""
    states = []
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        states += [_state(file) for file in inside if file.is_file()]
    return tuple(states)


def size_bytes(modules: Iterable[nn.Module]) -> int:
    """Return the memory of all parameters, buffers and packed weights, each counted once."""
    layers = {id(layer): layer for module in modules for layer in module.modules()}.values()
    tensors = {
        id(tensor): tensor
        for layer in layers
        for tensor in (*layer.parameters(recurse=False), *layer.buffers(recurse=False))
    }
    packed = sum(layer.packed_bytes for layer in layers if isinstance(layer, Int8Linear))
    return packed + sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _part_state(part: Path | nn.Module | None) -> tuple[FileState, ...] | nn.Module:
    """Return what tells whether a part is the same as before."""
    if isinstance(part, nn.Module):
        return part
    return file_states([part] if part else [])


def _state(file: Path) -> FileState:
    status = file.stat()
    return str(file.resolve()), status.st_mtime_ns, status.st_size
