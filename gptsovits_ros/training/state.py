"""The state of a run on disk: written as a whole or not at all, read without running code."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from gptsovits_ros.errors import CheckpointError, ConfigurationError

FORMAT = 'gptsovits_ros.training'
FORMAT_VERSION = 1
STATE_FILE = 'state.pt'


def save_state(folder: Path, state: dict[str, Any]) -> None:
    """Write the state of a run; the old one stays until the new one is safely on the disk.

    Raises:
        CheckpointError: it cannot be written, for example because the disk is full.

    """
    path = folder / STATE_FILE
    partial = path.with_name(path.name + '.part')
    try:
        with open(partial, 'wb') as stream:
            torch.save({'format': FORMAT, 'format_version': FORMAT_VERSION, **state}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    # The zip writer of torch turns a failed write into a RuntimeError.
    except (OSError, RuntimeError) as error:
        raise CheckpointError(
            f'cannot save the training state {path}: {error}; an older state is left as it was. '
            'Make room on the disk and start the run again'
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def load_state(folder: Path, device: torch.device | str = 'cpu') -> dict[str, Any] | None:
    """Return the saved state of a run, or None if there is none.

    Raises:
        CheckpointError: the file is damaged or of another format.

    """
    path = folder / STATE_FILE
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f'cannot read the training state {path}: {error}') from error
    if not isinstance(state, dict) or (state.get('format'), state.get('format_version')) != (
        FORMAT,
        FORMAT_VERSION,
    ):
        raise CheckpointError(f'{path} is not a training state of this version')
    return state


def run_state(folder: Path, role: str, device: torch.device | str = 'cpu') -> dict[str, Any]:
    """Return the saved state of a run that must be there, and of the trainer of this role.

    Raises:
        ConfigurationError: it is not.
        CheckpointError: the file is damaged or of another format.

    """
    state = load_state(folder, device)
    if state is None or state['role'] != role:
        raise ConfigurationError(f'{folder} holds no run of the {role} trainer')
    return state
