"""Read what training starts from: pairs of weight norm, discriminators, a tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from gptsovits_ros.acoustic.posterior_encoder import PosteriorEncoder
from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.checkpoint import keymap
from gptsovits_ros.checkpoint.archive import read_archive
from gptsovits_ros.checkpoint.load import load_acoustic
from gptsovits_ros.checkpoint.weight_norm import pair_name
from gptsovits_ros.checkpoint.weights import read_weights
from gptsovits_ros.errors import CheckpointError

CODEBOOK = 'quantizer.codebook'
TOKENIZER_TENSORS = (CODEBOOK, 'ssl_projection.weight', 'ssl_projection.bias')


def load_acoustic_start(path: Path) -> tuple[Sovits, dict[str, Tensor]]:
    """Return a model with a posterior encoder, and the stored g and v by our names.

    Released files leave the posterior encoder out; then it is a new one, with random weights.

    Raises:
        CheckpointError: as `load_acoustic`.

    """
    stored = read_weights(path).tensors
    has_posterior = any(keymap.POSTERIOR.match(name) for name in stored)
    model = load_acoustic(path, with_posterior=has_posterior)
    if model.posterior is None:
        model.posterior = PosteriorEncoder(model.config)
    return model, {keymap.acoustic_from_official(name): stored[name] for name in stored}


def load_discriminators(model: nn.Module, path: Path) -> None:
    """Fill discriminators, whose weights are split by weight norm, from an official s2D file.

    Raises:
        CheckpointError: the file is damaged or does not fit.

    """
    content = read_archive(path)
    tensors = content.get('weight') if isinstance(content, dict) else None
    if not isinstance(tensors, dict):
        raise CheckpointError(f'{path} holds no discriminators (a dict with "weight" is expected)')
    wanted = {name: pair_name(name) for name in model.state_dict()}
    _check_fit(path, tensors, {wanted[name]: value for name, value in model.state_dict().items()})
    model.load_state_dict({name: tensors[official].float() for name, official in wanted.items()})


def load_tokenizer(model: Sovits, path: Path) -> None:
    """Copy codebook and content projection from a safetensors file.

    Its names are ours or the official ones.

    Raises:
        CheckpointError: the file is damaged or does not fit the model.

    """
    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f'cannot read the tokenizer {path}: {error}') from error
    tensors = {keymap.acoustic_from_official(name): value for name, value in stored.items()}
    # Some writers keep an axis for several codebooks, of which there is one.
    if (codebook := tensors.get(CODEBOOK)) is not None and codebook.dim() == 3:
        tensors[CODEBOOK] = codebook.squeeze(0)
    state = model.state_dict()
    _check_fit(path, tensors, {name: state[name] for name in TOKENIZER_TENSORS})
    for name in TOKENIZER_TENSORS:
        state[name].copy_(tensors[name])


def _check_fit(path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Raise for the first tensor that is missing or has another shape."""
    for name, value in wanted.items():
        if name not in found:
            raise CheckpointError(f'{path} has no tensor {name}')
        if found[name].shape != value.shape:
            raise CheckpointError(
                f'{path}: {name} has shape {list(found[name].shape)}, but the model needs '
                f'{list(value.shape)}'
            )
