"""A file of weights, whichever its form: official .ckpt and .pth, or this project's safetensors.

In memory and in our own form the tensors keep their official names and values, so that a
conversion loses nothing; checkpoint/load.py translates them for the models.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gptsovits_ros.checkpoint.archive import read_archive
from gptsovits_ros.checkpoint.compact import PACKING, pack, unpack
from gptsovits_ros.checkpoint.detect import TEXT_EMBEDDING, CheckpointKind, detect_file, refine
from gptsovits_ros.errors import CheckpointError

FORMAT = 'gptsovits_ros'
FORMAT_VERSION = '1'
SEMANTIC, ACOUSTIC = 'semantic', 'acoustic'
GPT_PHONEME_TABLE = 'model.ar_text_embedding.word_embeddings.weight'
# Rows of the phoneme table of a v1 GPT, of which 322 are used.
V1_GPT_PHONEMES = 512


@dataclass(frozen=True)
class WeightFile:
    """What a file of weights holds.

    Attributes:
        role: SEMANTIC (GPT, "s1") or ACOUSTIC (SoVITS, "s2").
        kind: version and symbol set.
        settings: the official configuration tree ("model", "data", "train", ...).
        info: what the trainer wrote about itself, e.g. "GPT-e15".
        tensors: official name -> tensor, as stored.
        lora_rank: of a LoRA file, else None.

    """

    role: str
    kind: CheckpointKind
    settings: dict[str, Any]
    info: str
    tensors: dict[str, Tensor] = field(repr=False)
    lora_rank: int | None = None

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor."""
        return {name: tuple(tensor.shape) for name, tensor in self.tensors.items()}


def read_weights(path: Path) -> WeightFile:
    """Read a .ckpt, .pth or .safetensors file.

    Raises:
        CheckpointError: missing, damaged, or no such file; CheckpointUnsafeError: it asks to run
            code.

    """
    if path.suffix == '.safetensors':
        return _read_own(path)
    return _read_official(path)


def write_weights(
    weights: WeightFile, path: Path, *, is_packed: bool = False, keep: tuple[str, ...] = ()
) -> None:
    """Write our safetensors form; the old file stays until the new one is complete.

    Args:
        weights: what to write.
        path: of the file.
        is_packed: True stores large tensors in eight bits (compact.py), which loses a little.
        keep: beginnings of the names of tensors that are not packed.

    Raises:
        CheckpointError: the file cannot be written.

    """
    tensors = pack(weights.tensors, keep) if is_packed else weights.tensors
    metadata = {
        'format': FORMAT,
        'format_version': FORMAT_VERSION,
        'role': weights.role,
        'version': weights.kind.version,
        'symbols': weights.kind.symbols,
        'info': weights.info,
        'settings': json.dumps(weights.settings, sort_keys=True),
        'is_lora': str(weights.kind.is_lora),
        'lora_rank': str(weights.lora_rank or ''),
        'packing': PACKING if is_packed else '',
    }
    partial = path.with_name(path.name + '.part')
    try:
        save_file(
            {name: tensor.contiguous() for name, tensor in tensors.items()}, partial, metadata
        )
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f'cannot write {path}: {error}') from error
    finally:
        partial.unlink(missing_ok=True)


def convert(source: Path, folder: Path) -> tuple[Path, WeightFile]:
    """Write `<role>.safetensors` into a folder and return its path and content.

    Raises:
        CheckpointError: the source cannot be read, the target cannot be written, or what was
            written differs from what was read.

    """
    weights = read_weights(source)
    target = folder / f'{weights.role}.safetensors'
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f'cannot make the folder {folder}: {error.strerror}') from error
    write_weights(weights, target)
    again = read_weights(target).tensors
    if again.keys() != weights.tensors.keys() or not all(
        torch.equal(again[name], tensor) for name, tensor in weights.tensors.items()
    ):
        raise CheckpointError(f'{target} does not hold what was written to it; is the disk sound?')
    return target, weights


def _read_official(path: Path) -> WeightFile:
    content = read_archive(path)
    tensors = content.get('weight') if isinstance(content, dict) else None
    settings = content.get('config', {}) if isinstance(content, dict) else None
    if (
        not isinstance(tensors, dict)
        or not isinstance(settings, dict)
        or not all(
            isinstance(name, str) and isinstance(value, Tensor) for name, value in tensors.items()
        )
    ):
        raise CheckpointError(
            f'{path} is not a GPT-SoVITS inference checkpoint: expected a dict with "weight" '
            '(tensors) and "config"; a training checkpoint (logs_s2/G_*.pth, epoch=*.ckpt) '
            'cannot be used'
        )
    if GPT_PHONEME_TABLE in tensors:
        symbols = 'v1' if tensors[GPT_PHONEME_TABLE].shape[0] == V1_GPT_PHONEMES else 'v2'
        role, kind = SEMANTIC, CheckpointKind(symbols, symbols)
    else:
        role = ACOUSTIC
        kind = refine(
            detect_file(path), {name: tuple(value.shape) for name, value in tensors.items()}
        )
        if TEXT_EMBEDDING not in tensors and not kind.is_lora:
            raise CheckpointError(
                f'{path} holds neither a GPT ({GPT_PHONEME_TABLE}) '
                f'nor a SoVITS model ({TEXT_EMBEDDING})'
            )
    return WeightFile(
        role, kind, settings, str(content.get('info', '')), tensors, content.get('lora_rank')
    )


def _read_own(path: Path) -> WeightFile:
    try:
        with safe_open(path, framework='pt') as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f'cannot read {path}: {error}') from error
    if metadata.get('format') != FORMAT or metadata.get('format_version') != FORMAT_VERSION:
        raise CheckpointError(
            f'{path} is a safetensors file, but not of format {FORMAT} {FORMAT_VERSION} (found '
            f'{metadata.get("format")} {metadata.get("format_version")}); '
            'make one by `gptsovits_ros convert`'
        )
    packing = metadata.get('packing', '')
    if packing not in ('', PACKING):
        raise CheckpointError(f'{path} is packed as "{packing}", which this release cannot read')
    if packing:
        tensors = unpack(tensors)
    try:
        kind = CheckpointKind(
            metadata['symbols'], metadata['version'], metadata['is_lora'] == 'True'
        )
        rank = int(metadata['lora_rank']) if metadata['lora_rank'] else None
        return WeightFile(
            metadata['role'],
            kind,
            json.loads(metadata['settings']),
            metadata['info'],
            tensors,
            rank,
        )
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f'{path} has damaged metadata: {type(error).__name__} {error}'
        ) from error


def float_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Widen stored halves to float32; leave other types."""
    return {
        name: tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
        for name, tensor in tensors.items()
    }
