"""Files of v3 and v4 become models: SoVITS file, LoRA file on its base, and vocoders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gptsovits_ros.acoustic.bigvgan import BigVgan
from gptsovits_ros.acoustic.cfm_acoustic import CfmAcoustic, CfmModel
from gptsovits_ros.acoustic.cfm_config import MelHifiGanConfig
from gptsovits_ros.acoustic.mel_hifigan import MelHifiGan
from gptsovits_ros.checkpoint import cfm_keymap
from gptsovits_ros.checkpoint.cfm_settings import bigvgan_config, cfm_config
from gptsovits_ros.checkpoint.keymap import fold_weight_norm
from gptsovits_ros.checkpoint.load import fill
from gptsovits_ros.checkpoint.lora import merge_lora
from gptsovits_ros.checkpoint.settings import MAX_SIZE
from gptsovits_ros.checkpoint.tensor_table import read_table
from gptsovits_ros.checkpoint.weights import ACOUSTIC, WeightFile, read_weights
from gptsovits_ros.errors import CheckpointError, DependencyMissingError

BIGVGAN_CONFIG, BIGVGAN_WEIGHTS = 'config.json', 'bigvgan_generator.pt'
# The same as a flat table, in a voice that came as a .gsvvoice file (checkpoint.portable).
PORTABLE_BIGVGAN_WEIGHTS = 'bigvgan_generator.safetensors'
MAX_CONFIG_BYTES = 1 << 20


def is_cfm(weights: WeightFile) -> bool:
    """Say whether a file is a v3 or v4 model, whole or LoRA, whatever its header says."""
    return weights.role == ACOUSTIC and any(
        name.startswith(cfm_keymap.FLOW_MATCHING) for name in weights.tensors
    )


def cfm_version(weights: WeightFile) -> str:
    """Return "v3" or "v4".

    Both have the same tensors, and a file without a header is taken for v3 by its size. The
    settings tell more, but those of the first v4 models still say v3; so v4 is what anyone says.
    """
    model = weights.settings.get('model')
    said = [weights.kind.version, weights.settings.get('version')]
    said += [model.get('version')] if isinstance(model, dict) else []
    return 'v4' if 'v4' in said else 'v3'


def load_cfm(
    path: Path,
    base: Path | None,
    vocoder: BigVgan | MelHifiGan,
    device: torch.device | str = 'cpu',
    dtype: torch.dtype = torch.float32,
) -> CfmAcoustic:
    """Read a v3 or v4 model; in evaluation mode, without gradients.

    Args:
        path: .pth or .safetensors, whole or LoRA.
        base: the model that a LoRA file was trained on, else None.
        vocoder: of `load_vocoder`, on the same device.
        device: where it runs.
        dtype: of its weights.

    Raises:
        CheckpointError: a file is damaged, is something else, or does not fit the others.
        DependencyMissingError: a LoRA file without its base.

    """
    model = _read_model(path, base).to(device=device, dtype=dtype).eval().requires_grad_(False)
    try:
        return CfmAcoustic(model, vocoder).eval()
    except ValueError as error:
        raise CheckpointError(f'the vocoder does not fit {path.name}: {error}') from error


def load_vocoder(
    path: Path, device: torch.device | str = 'cpu', dtype: torch.dtype = torch.float32
) -> BigVgan | MelHifiGan:
    """Read the folder of BigVGAN (v3) or the vocoder file of v4; ready for use.

    Raises:
        CheckpointError: a file is damaged, or it is no such vocoder.
        DependencyMissingError: it is not there.

    """
    vocoder = load_bigvgan(path) if path.is_dir() else load_mel_hifigan(path)
    return vocoder.to(device=device, dtype=dtype).eval().requires_grad_(False)


def cfm_model(weights: WeightFile, name: str) -> CfmModel:
    """Build the model that a whole v3 or v4 file describes, on the CPU in float32."""
    config = cfm_config(weights.settings, cfm_version(weights))
    with torch.device('meta'):
        model = CfmModel(config)
    stored = {
        key: value for key, value in weights.tensors.items() if not cfm_keymap.cfm_is_ignored(key)
    }
    tensors = {
        cfm_keymap.cfm_from_official(key): value for key, value in fold_weight_norm(stored).items()
    }
    return fill(model, tensors, name, cfm_keymap.cfm_to_official)


def load_bigvgan(folder: Path) -> BigVgan:
    """Read the folder of BigVGAN v2 as published; weights may be weight-normalised or not.

    Raises:
        CheckpointError: a file is damaged, or it is another BigVGAN than v3 needs.
        DependencyMissingError: the folder or one of its files is not there.

    """
    path = folder / PORTABLE_BIGVGAN_WEIGHTS
    if not path.is_file():
        path = folder / BIGVGAN_WEIGHTS
    for file in (folder / BIGVGAN_CONFIG, path):
        _require(file)
    config = bigvgan_config(_read_json(folder / BIGVGAN_CONFIG))
    content = read_table(path)
    if path.name == BIGVGAN_WEIGHTS:
        content = content.get('generator') if isinstance(content, dict) else None
    tensors = _tensors(path, content)
    with torch.device('meta'):
        model = BigVgan(config)
    ours = {
        cfm_keymap.bigvgan_from_official(key): value
        for key, value in fold_weight_norm(tensors).items()
    }
    return fill(model, ours, path.name, cfm_keymap.bigvgan_to_official)


def load_mel_hifigan(path: Path) -> MelHifiGan:
    """Read the vocoder file of v4, a plain dict of tensors.

    Raises:
        CheckpointError: the file is damaged or no such vocoder.
        DependencyMissingError: it is not there.

    """
    _require(path)
    tensors = _tensors(path, read_table(path))
    config = _mel_hifigan_config(path, tensors)
    with torch.device('meta'):
        model = MelHifiGan(config)
    return fill(model, tensors, path.name, str)


def _read_model(path: Path, base: Path | None) -> CfmModel:
    """Read a model; what the file holds is freed before anything else needs memory."""
    weights = read_weights(path)
    if weights.kind.is_lora:
        weights = _merged(path, weights, base)
    if not is_cfm(weights):
        raise CheckpointError(
            f'{path} is a GPT-SoVITS {weights.kind.version} {weights.role} model, but a v3 or v4 '
            'acoustic one is needed here'
        )
    return cfm_model(weights, path.name)


def _mel_hifigan_config(path: Path, tensors: dict[str, Tensor]) -> MelHifiGanConfig:
    """Tell widths by the first convolution; the file carries no settings."""
    first = tensors.get('conv_pre.weight')
    if first is None or first.dim() != 3 or not all(0 < size <= MAX_SIZE for size in first.shape):
        raise CheckpointError(f'{path} is no vocoder of v4: it has no usable conv_pre.weight')
    try:
        return MelHifiGanConfig(upsample_initial_channel=first.shape[0], mel_bands=first.shape[1])
    except ValueError as error:
        raise CheckpointError(f'{path} is no vocoder of v4: {error}') from error


def _merged(path: Path, lora: WeightFile, base: Path | None) -> WeightFile:
    if base is None:
        raise DependencyMissingError(
            f'{path} is a LoRA file, which holds differences only; the {cfm_version(lora)} model '
            'that it was trained on is needed beside it'
        )
    weights = read_weights(base)
    if cfm_version(weights) != cfm_version(lora):
        raise CheckpointError(
            f'{path} holds differences to a {cfm_version(lora)} model, but {base} is '
            f'{cfm_version(weights)}'
        )
    try:
        return merge_lora(weights, lora)
    except CheckpointError as error:
        raise CheckpointError(f'cannot merge {path} into {base}: {error}') from error


def _require(path: Path) -> None:
    if not path.is_file():
        raise DependencyMissingError(
            f'the vocoder file {path} is missing; v3 needs the folder of '
            'nvidia/bigvgan_v2_24khz_100band_256x, v4 gsv-v4-pretrained/vocoder.pth of '
            'lj1995/GPT-SoVITS (docs/versions.md)'
        )


def _read_json(path: Path) -> Any:
    try:
        with open(path, 'rb') as stream:
            data = stream.read(MAX_CONFIG_BYTES + 1)
        if len(data) > MAX_CONFIG_BYTES:
            raise CheckpointError(f'{path} is larger than {MAX_CONFIG_BYTES >> 20} MiB')
        return json.loads(data)
    except OSError as error:
        raise CheckpointError(f'cannot read {path}: {error.strerror}') from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f'{path} is not valid JSON: {error}') from error


def _tensors(path: Path, content: Any) -> dict[str, Tensor]:
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise CheckpointError(f'{path} holds no vocoder: a dict of tensors is expected')
    return content
