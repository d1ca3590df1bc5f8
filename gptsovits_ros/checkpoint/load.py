"""Weights become models: names translated, weight norm folded, every tensor checked before use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.checkpoint import keymap
from gptsovits_ros.checkpoint.settings import acoustic_config, semantic_config
from gptsovits_ros.checkpoint.weights import (
    ACOUSTIC,
    SEMANTIC,
    WeightFile,
    float_tensors,
    read_weights,
)
from gptsovits_ros.errors import CheckpointError, VersionUnsupportedError
from gptsovits_ros.semantic.model import Text2Semantic

RUNNABLE_VERSIONS = ('v1', 'v2', 'v2Pro', 'v2ProPlus')
LISTED_PROBLEMS = 8

Model = TypeVar('Model', bound=nn.Module)


def load_semantic(
    path: Path, device: torch.device | str = 'cpu', dtype: torch.dtype = torch.float32
) -> Text2Semantic:
    """Read a GPT file and return the model, in evaluation mode, without gradients.

    Raises:
        CheckpointError: the file is damaged, is no GPT, or tensors are missing or misshapen.
        VersionUnsupportedError: its version was recognised but cannot be run.

    """
    weights = read_weights(path)
    _expect(path, weights, SEMANTIC)
    return semantic_model(weights, path.name).to(device=device, dtype=dtype)


def load_acoustic(
    path: Path,
    device: torch.device | str = 'cpu',
    dtype: torch.dtype = torch.float32,
    with_posterior: bool = False,
) -> Sovits:
    """Read a SoVITS file and return the model, in evaluation mode, without gradients.

    Args:
        path: .pth or .safetensors.
        device: where it runs.
        dtype: of its weights.
        with_posterior: also load the posterior encoder, which released files leave out.

    Raises:
        CheckpointError: the file is damaged or no SoVITS model, or tensors are missing or
            misshapen.
        VersionUnsupportedError: its version was recognised but cannot be run.

    """
    weights = read_weights(path)
    _expect(path, weights, ACOUSTIC)
    return acoustic_model(weights, path.name, with_posterior).to(device=device, dtype=dtype)


def semantic_model(weights: WeightFile, name: str) -> Text2Semantic:
    """Build the GPT that a weight file describes, on the CPU in float32; name is for messages."""
    config = semantic_config(weights.settings)
    with torch.device('meta'):
        model = Text2Semantic(config)
    tensors = {keymap.semantic_from_official(key): value for key, value in weights.tensors.items()}
    return fill(model, tensors, name, keymap.semantic_to_official)


def acoustic_model(weights: WeightFile, name: str, with_posterior: bool = False) -> Sovits:
    """Build the SoVITS model that a weight file describes, on the CPU in float32."""
    config = acoustic_config(weights.settings, weights.kind)
    with torch.device('meta'):
        model = Sovits(config, with_posterior)
    stored = {
        key: value
        for key, value in weights.tensors.items()
        if not keymap.ACOUSTIC_IGNORED.match(key)
        and (with_posterior or not keymap.POSTERIOR.match(key))
    }
    tensors = {
        keymap.acoustic_from_official(key): value
        for key, value in keymap.fold_weight_norm(stored).items()
    }
    return fill(model, tensors, name, keymap.acoustic_to_official)


def _expect(path: Path, weights: WeightFile, role: str) -> None:
    if weights.role != role:
        raise CheckpointError(
            f'{path} is a {weights.role} model, but a {role} one is needed here; '
            'are the two files of the voice swapped?'
        )
    if weights.kind.version not in RUNNABLE_VERSIONS or weights.kind.is_lora:
        lora = ' LoRA' if weights.kind.is_lora else ''
        raise VersionUnsupportedError(
            f'{path} is a GPT-SoVITS {weights.kind.version}{lora} model; this release runs '
            f'{", ".join(RUNNABLE_VERSIONS)}'
        )


def fill(
    model: Model, tensors: Mapping[str, Tensor], name: str, official_name: Callable[[str], str]
) -> Model:
    """Check every tensor by name and shape, then put them into the model, and freeze it.

    Args:
        model: on the device "meta", or anywhere else.
        tensors: by the names of the model; halves are widened.
        name: of the file, for messages.
        official_name: turns a name of the model into the one that the file has.

    Raises:
        CheckpointError: tensors are missing, misshapen or unknown; the message lists them.

    """
    wanted = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    problems = [
        f'{official_name(key)} {list(shape)} is missing'
        for key, shape in wanted.items()
        if key not in tensors
    ]
    problems += [
        f'{official_name(key)} is not part of this model' for key in tensors if key not in wanted
    ]
    problems += [
        f'{official_name(key)} has shape {list(tensors[key].shape)} instead of {list(shape)}'
        for key, shape in wanted.items()
        if key in tensors and tuple(tensors[key].shape) != shape
    ]
    if problems:
        more = (
            f' and {len(problems) - LISTED_PROBLEMS} more'
            if len(problems) > LISTED_PROBLEMS
            else ''
        )
        raise CheckpointError(
            f'{name} does not fit its own config, {len(problems)} tensors are wrong: '
            + '; '.join(problems[:LISTED_PROBLEMS])
            + more
        )
    model.load_state_dict(float_tensors(dict(tensors)), assign=True)
    return model.eval().requires_grad_(False)
