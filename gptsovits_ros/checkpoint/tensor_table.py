"""Read files that are a table of tensors and nothing else, with pickle or without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from gptsovits_ros.checkpoint.archive import read_archive
from gptsovits_ros.errors import CheckpointError


def read_table(path: Path) -> Any:
    """Return what a .safetensors file, or else a torch archive, holds.

    Raises:
        CheckpointError: it is missing or damaged.
        CheckpointUnsafeError: it asks to run code.

    """
    if path.suffix != '.safetensors':
        return read_archive(path)
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f'cannot read {path}: {error}') from error
