"""The averaged weights of a run as a file that voices are made of."""

from __future__ import annotations

from pathlib import Path

from gptsovits_ros.checkpoint.save import acoustic_weights, semantic_weights
from gptsovits_ros.checkpoint.weights import ACOUSTIC, write_weights
from gptsovits_ros.errors import CheckpointError, ConfigurationError
from gptsovits_ros.training.acoustic_trainer import averaged_acoustic
from gptsovits_ros.training.semantic_trainer import averaged_semantic
from gptsovits_ros.training.settings import AcousticSettings, SemanticSettings, build_settings
from gptsovits_ros.training.state import STATE_FILE, load_state

# Samples are made of the decoder's weights directly, and tokens must be found again exactly.
UNPACKED = ('dec.', 'quantizer.', 'ssl_proj.')


def export(run: Path, folder: Path, is_packed: bool = False) -> Path:
    """Write semantic.safetensors or acoustic.safetensors, and return its path.

    Args:
        run: folder of the run.
        folder: where the file goes.
        is_packed: True stores most weights in eight bits, False all in half precision.

    Raises:
        ConfigurationError: the folder holds no run.
        CheckpointError: the state cannot be read, or the file cannot be written.

    """
    state = load_state(run)
    if state is None:
        raise ConfigurationError(f'{run} holds no run (there is no {STATE_FILE} in it)')
    role, tensors, info = state['role'], state['trainer']['average'], f'step {state["step"]}'
    if role == ACOUSTIC:
        settings = build_settings(AcousticSettings, state['settings'], STATE_FILE)
        weights = acoustic_weights(averaged_acoustic(settings, tensors), info)
    else:
        settings = build_settings(SemanticSettings, state['settings'], STATE_FILE)
        weights = semantic_weights(averaged_semantic(settings, tensors), info)
    path = folder / f'{role}.safetensors'
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f'cannot make the folder {folder}: {error.strerror}') from error
    write_weights(weights, path, is_packed=is_packed, keep=UNPACKED)
    return path
