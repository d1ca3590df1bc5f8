"""Models as they may travel: without pickles, in files that any machine can check before use.

GPT, SoVITS and content encoder become our safetensors form, the folders of BERT and HuBERT what
transformers calls so, and speaker encoder and vocoders a flat table of the same tensors.
"""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gptsovits_ros.checkpoint.archive import read_archive
from gptsovits_ros.checkpoint.encoders import transformers_class
from gptsovits_ros.checkpoint.load_cfm import (
    BIGVGAN_CONFIG,
    BIGVGAN_WEIGHTS,
    PORTABLE_BIGVGAN_WEIGHTS,
)
from gptsovits_ros.checkpoint.weights import FORMAT, read_weights, write_weights
from gptsovits_ros.errors import CheckpointError

PORTABLE = '.safetensors'
ENCODER_CONFIG, ENCODER_WEIGHTS = 'config.json', 'model.safetensors'
OFFICIAL_ENCODER_WEIGHTS = 'pytorch_model.bin'
VOCABULARIES = ('tokenizer.json', 'vocab.txt')
# Settings of official encoders stay far below; more would only fill the memory.
MAX_CONFIG_BYTES, MAX_SETTING, MAX_LAYERS = 64 * 1024, 1 << 18, 256
# What a config may describe beyond what the file holds: heads that are left out, tied weights.
SPARE_WEIGHTS = 1.25


def copy_model(source: Path, target: Path) -> None:
    """Write GPT, SoVITS or content encoder to a .safetensors file.

    Raises:
        CheckpointError: the source cannot be read, or is no such file.

    """
    if source.suffix == PORTABLE:
        shutil.copyfile(source, target)
    else:
        write_weights(read_weights(source), target)


def copy_table(source: Path, target: Path) -> None:
    """Write speaker encoder or v4 vocoder, a flat table of tensors, to a .safetensors file.

    Raises:
        CheckpointError: as `copy_model`.

    """
    if source.suffix == PORTABLE:
        shutil.copyfile(source, target)
    else:
        _write_table(read_archive(source), source, target)


def copy_encoder(source: Path, target: Path) -> None:
    """Write the folder of BERT or HuBERT: config, weights and vocabulary.

    Raises:
        CheckpointError: as `copy_model`.

    """
    target.mkdir()
    names = (ENCODER_CONFIG, *VOCABULARIES, ENCODER_WEIGHTS)
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    official = source / OFFICIAL_ENCODER_WEIGHTS
    if (source / ENCODER_WEIGHTS).is_file():
        return
    try:
        # Builds nothing but tensors; official files are older than the archives that we read.
        content = torch.load(official, map_location='cpu', weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f'cannot read {official}: {error}') from error
    _write_table(content, official, target / ENCODER_WEIGHTS)


def copy_bigvgan(source: Path, target: Path) -> None:
    """Write the folder of the v3 vocoder.

    Raises:
        CheckpointError: as `copy_model`.

    """
    target.mkdir()
    shutil.copyfile(source / BIGVGAN_CONFIG, target / BIGVGAN_CONFIG)
    portable = target / PORTABLE_BIGVGAN_WEIGHTS
    if (source / PORTABLE_BIGVGAN_WEIGHTS).is_file():
        shutil.copyfile(source / PORTABLE_BIGVGAN_WEIGHTS, portable)
        return
    content = read_archive(source / BIGVGAN_WEIGHTS)
    tensors = content.get('generator') if isinstance(content, dict) else None
    _write_table(tensors, source / BIGVGAN_WEIGHTS, portable)


def check_tensors(path: Path) -> None:
    """Look whether a .safetensors file is whole; its tensors are not read.

    Raises:
        CheckpointError: it is not.

    """
    _header(path)


def check_model(path: Path, role: str) -> None:
    """Look whether a .safetensors file says that it is a model of ours and of this role.

    Raises:
        CheckpointError: it is not.

    """
    metadata, _ = _header(path)
    if metadata.get('format') != FORMAT or metadata.get('role') != role:
        raise CheckpointError(
            f'{path.name} is a {metadata.get("role")!r} of format {metadata.get("format")!r}, '
            f'but a {role!r} of format {FORMAT!r} is needed'
        )


def check_encoder(folder: Path, class_name: str) -> None:
    """Look whether the config of BERT or HuBERT describes no more than its weights.

    Args:
        folder: of the encoder.
        class_name: of transformers, "BertModel" or "HubertModel".

    Raises:
        CheckpointError: it describes more, or something else.

    """
    settings = _read_config(folder / ENCODER_CONFIG)
    _, held = _header(folder / ENCODER_WEIGHTS)
    cls = transformers_class(class_name)
    try:
        with torch.device('meta'):
            model = cls(cls.config_class(**settings))
    # Whatever a nonsense setting makes of a library, the file is to blame.
    except Exception as error:
        raise CheckpointError(
            f'{folder.name}/{ENCODER_CONFIG} describes no {class_name}: {error}'
        ) from error
    described = sum(parameter.numel() for parameter in model.parameters())
    if described > held * SPARE_WEIGHTS:
        raise CheckpointError(
            f'{folder.name}/{ENCODER_CONFIG} describes {described} weights, but there are {held}'
        )


def _read_config(path: Path) -> dict[str, Any]:
    """Return the settings of an encoder, none of which is larger than sane ones are."""
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise CheckpointError(f'{path.name} is larger than {MAX_CONFIG_BYTES >> 10} KiB')
        settings = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f'{path.name} cannot be read: {error}') from error
    if not isinstance(settings, dict):
        raise CheckpointError(f'{path.name} holds no settings')
    layers = [len(value) for value in settings.values() if isinstance(value, list)]
    layers += [settings.get('num_hidden_layers', 0)]
    numbers = [value for value in settings.values() if isinstance(value, int)]
    if max(numbers, default=0) > MAX_SETTING or not all(
        isinstance(count, int) and count <= MAX_LAYERS for count in layers
    ):
        raise CheckpointError(f'{path.name} describes a model beyond all sane sizes')
    return settings


def _header(path: Path) -> tuple[dict[str, str], int]:
    """Return the metadata of a .safetensors file, and how many numbers it holds."""
    try:
        with safe_open(path, framework='pt') as stream:
            shapes = [stream.get_slice(name).get_shape() for name in stream.keys()]  # noqa: SIM118
            return stream.metadata() or {}, sum(torch.Size(shape).numel() for shape in shapes)
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(f'{path.name} is damaged: {error}') from error


def _write_table(content: Any, source: Path, target: Path) -> None:
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise CheckpointError(f'{source} holds no table of tensors')
    # Tensors that share memory are written apart.
    save_file(
        {name: value.clone().contiguous() for name, value in content.items()},
        target,
        {'format': 'pt'},
    )
