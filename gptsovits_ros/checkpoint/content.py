"""Read and write the content encoder of a bundled voice: one safetensors file with its config."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gptsovits_ros.checkpoint.detect import CheckpointKind
from gptsovits_ros.checkpoint.weights import WeightFile, float_tensors, read_weights
from gptsovits_ros.encoders.content import ContentConfig, ContentEncoder
from gptsovits_ros.errors import CheckpointError

CONTENT = 'content'
CONTENT_FILE = 'content.safetensors'
# The encoder knows neither version nor symbols, but stands beside models that do.
KIND = CheckpointKind('v2', 'v2')
# Far above any sensible size; a file that asks for more would only fill the memory.
MAX_SETTING = 65536


def content_weights(config: ContentConfig, tensors: Mapping[str, Tensor], info: str) -> WeightFile:
    """Return an encoder's state as a file of weights, in half precision.

    Args:
        config: of the encoder.
        tensors: its state dict.
        info: what the trainer says of itself.

    """
    halves = {name: value.detach().cpu().half() for name, value in tensors.items()}
    return WeightFile(CONTENT, KIND, {'model': dataclasses.asdict(config)}, info, halves)


def load_content_encoder(path: Path, device: torch.device | str = 'cpu') -> ContentEncoder:
    """Read an encoder, in single precision and ready for use.

    Raises:
        CheckpointError: missing, damaged, or another kind of file.

    """
    weights = read_weights(path)
    if weights.role != CONTENT:
        raise CheckpointError(
            f'{path} is a {weights.role} model, not a content encoder; use the {CONTENT_FILE} '
            'that came with the voice'
        )
    encoder = ContentEncoder(_config(weights.settings, path))
    try:
        encoder.load_state_dict(float_tensors(weights.tensors))
    except RuntimeError as error:
        raise CheckpointError(f'{path} does not fit to its own settings: {error}') from error
    return encoder.to(device).eval().requires_grad_(False)


def _config(settings: dict[str, Any], path: Path) -> ContentConfig:
    kinds = {field.name: type(field.default) for field in dataclasses.fields(ContentConfig)}
    model = settings.get('model')
    if not isinstance(model, dict) or model.keys() != kinds.keys():
        raise CheckpointError(f'{path} does not tell the sizes of a content encoder')
    for name, kind in kinds.items():
        if type(model[name]) is not kind or not 0 <= model[name] <= MAX_SETTING:
            raise CheckpointError(f'{path} is damaged: {name} is {model[name]!r}')
    try:
        return ContentConfig(**model)
    except ValueError as error:
        raise CheckpointError(f'{path} is damaged: {error}') from error
