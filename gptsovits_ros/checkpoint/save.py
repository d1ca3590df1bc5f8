"""Models become official files, that upstream can read too."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.checkpoint import keymap
from gptsovits_ros.checkpoint.archive import ZIP_MAGIC
from gptsovits_ros.checkpoint.detect import HEADERS, CheckpointKind
from gptsovits_ros.checkpoint.settings import acoustic_settings, semantic_settings
from gptsovits_ros.checkpoint.weights import (
    ACOUSTIC,
    SEMANTIC,
    V1_GPT_PHONEMES,
    WeightFile,
)
from gptsovits_ros.errors import CheckpointError
from gptsovits_ros.semantic.model import Text2Semantic


def semantic_weights(model: Text2Semantic, info: str) -> WeightFile:
    """Return the official half-precision tensors and settings of a GPT."""
    tensors = {
        keymap.semantic_to_official(name): value.half()
        for name, value in model.state_dict().items()
    }
    symbols = 'v1' if model.config.phoneme_vocab_size == V1_GPT_PHONEMES else 'v2'
    return WeightFile(
        SEMANTIC, CheckpointKind(symbols, symbols), semantic_settings(model.config), info, tensors
    )


def acoustic_weights(model: Sovits, info: str) -> WeightFile:
    """Return the official half-precision tensors and settings of a SoVITS model."""
    tensors: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        official = keymap.acoustic_to_official(name)
        if keymap.has_weight_norm(official):
            gain, direction = keymap.split_weight_norm(value)
            tensors[official + '_g'], tensors[official + '_v'] = gain.half(), direction.half()
        else:
            tensors[official] = value.half()
    kind = CheckpointKind(model.config.symbols, model.config.version)
    return WeightFile(ACOUSTIC, kind, acoustic_settings(model.config), info, tensors)


def write_official(weights: WeightFile, path: Path) -> None:
    """Write a .ckpt (GPT, plain settings) or .pth (SoVITS, `utils.HParams`), atomically.

    Versions that upstream tells by the header get theirs (gptsovits-spec section 1.2).
    """
    settings: Any = weights.settings
    if weights.role == ACOUSTIC:
        settings = _hparams(settings)
    content = {'weight': weights.tensors, 'config': settings, 'info': weights.info}
    partial = path.with_name(path.name + '.part')
    try:
        torch.save(
            content, partial, pickle_module=SimpleNamespace(Pickler=_Pickler, __name__='pickle')
        )
        with partial.open('r+b') as stream:
            stream.write(_header(weights))
        partial.replace(path)
    except OSError as error:
        raise CheckpointError(f'cannot write {path}: {error.strerror}') from error
    finally:
        partial.unlink(missing_ok=True)


def _header(weights: WeightFile) -> bytes:
    """Return the first two bytes; v1 and v2 keep those of a zip file, as upstream writes them."""
    if weights.role != ACOUSTIC or weights.kind.version in ('v1', 'v2'):
        return ZIP_MAGIC
    for header, kind in HEADERS.items():
        if kind == weights.kind:
            return header
    raise CheckpointError(
        f'no official file can say that it is {weights.kind}; write it as .safetensors'
    )


class _HParams:
    """Pickled under the name `utils.HParams`, as upstream expects it."""


def _hparams(tree: dict[str, Any]) -> _HParams:
    node = _HParams()
    for name, value in tree.items():
        setattr(node, name, _hparams(value) if isinstance(value, dict) else value)
    return node


class _Pickler(pickle._Pickler):
    """The standard pickler (the extensible one, in Python), with one class under another name."""

    def save_global(self, obj: Any, name: str | None = None) -> None:
        if obj is _HParams:
            self.write(pickle.GLOBAL + b'utils\nHParams\n')
            self.memoize(obj)
        else:
            super().save_global(obj, name)
