"""The averaged weights of a run as a file that voices are made of."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from gptsovits_ros.checkpoint.save import acoustic_weights, semantic_weights
from gptsovits_ros.checkpoint.weights import ACOUSTIC, write_weights
from gptsovits_ros.errors import CheckpointError, ConfigurationError
from gptsovits_ros.training.acoustic_parts import averaged_acoustic, with_autoencoder
from gptsovits_ros.training.semantic_trainer import averaged_semantic
from gptsovits_ros.training.settings import AcousticSettings, SemanticSettings, build_settings
from gptsovits_ros.training.state import STATE_FILE, load_state

# Samples are made of the decoder's weights directly, and tokens must be found again exactly.
UNPACKED = ('dec.', 'quantizer.', 'ssl_proj.')


def export(
    run: Path,
    folder: Path,
    is_packed: bool = False,
    decoder_run: Path | None = None,
    with_posterior: bool = False,
    prior_scale: float = 1.0,
) -> Path:
    """Write semantic.safetensors or acoustic.safetensors, and return its path.

    Args:
        run: folder of the run.
        folder: where the file goes.
        is_packed: True stores most weights in eight bits, False all in half precision.
        decoder_run: folder of the run of the autoencoder that posterior and decoder come from, for
            a run that learned only the prior.
        with_posterior: also write the posterior, which fine-tuning starts from and speaking does
            not need.
        prior_scale: the deviation of the prior is multiplied by it; speech drawn from a young
            model is clearer with less.

    Raises:
        ConfigurationError: a folder holds no run, those of the two do not fit together, or the
            scale is not above 0.
        CheckpointError: the state cannot be read, or the file cannot be written.

    """
    if prior_scale <= 0:
        raise ConfigurationError(f'the scale of the prior is {prior_scale}; it must be above 0')
    state = _state(run)
    role, tensors, info = state['role'], state['trainer']['average'], f'step {state["step"]}'
    if role == ACOUSTIC:
        settings = build_settings(AcousticSettings, state['settings'], STATE_FILE)
        if decoder_run is not None:
            other = _state(decoder_run)
            if other['settings'].get('model') != state['settings']['model']:
                raise ConfigurationError(f'{decoder_run} and {run} are of different sizes')
            tensors = with_autoencoder(tensors, other['trainer']['average'])
            info += f', decoder of step {other["step"]}'
        model = averaged_acoustic(settings, tensors, with_posterior=with_posterior)
        # The second half of the rows gives the log deviations.
        model.prior.projection.bias[settings.model.inter_channels :] += math.log(prior_scale)
        weights = acoustic_weights(model, info)
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


def _state(run: Path) -> dict[str, Any]:
    state = load_state(run)
    if state is None:
        raise ConfigurationError(f'{run} holds no run (there is no {STATE_FILE} in it)')
    return state
