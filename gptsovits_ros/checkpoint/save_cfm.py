"""v3 and v4 models, LoRA differences and vocoders become official files."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from gptsovits_ros.acoustic.bigvgan import BigVgan
from gptsovits_ros.acoustic.cfm_acoustic import CfmModel
from gptsovits_ros.acoustic.mel_hifigan import MelHifiGan
from gptsovits_ros.checkpoint import cfm_keymap
from gptsovits_ros.checkpoint.cfm_settings import bigvgan_settings, cfm_settings
from gptsovits_ros.checkpoint.detect import CheckpointKind
from gptsovits_ros.checkpoint.keymap import split_weight_norm
from gptsovits_ros.checkpoint.load_cfm import BIGVGAN_CONFIG, BIGVGAN_WEIGHTS
from gptsovits_ros.checkpoint.weights import ACOUSTIC, WeightFile
from gptsovits_ros.errors import CheckpointError


def cfm_weights(model: CfmModel, info: str) -> WeightFile:
    """Return the official half-precision tensors and settings of a v3 or v4 model."""
    tensors: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        official = cfm_keymap.cfm_to_official(name)
        if cfm_keymap.cfm_has_weight_norm(official):
            gain, direction = split_weight_norm(value)
            tensors[official + '_g'], tensors[official + '_v'] = gain.half(), direction.half()
        else:
            tensors[official] = value.half()
    kind = CheckpointKind('v2', model.config.version)
    return WeightFile(ACOUSTIC, kind, cfm_settings(model.config), info, tensors)


def write_bigvgan(model: BigVgan, folder: Path) -> None:
    """Write BigVGAN into a new folder as published, with the weight norm already removed."""
    try:
        folder.mkdir(parents=True)
        (folder / BIGVGAN_CONFIG).write_text(
            json.dumps(bigvgan_settings(model.config), indent=4) + '\n', encoding='utf-8'
        )
        torch.save({'generator': bigvgan_tensors(model)}, folder / BIGVGAN_WEIGHTS)
    except OSError as error:
        raise CheckpointError(f'cannot write {folder}: {error.strerror}') from error


def bigvgan_tensors(model: BigVgan) -> dict[str, Tensor]:
    """Return the official tensors of BigVGAN, in single precision as published."""
    return {
        cfm_keymap.bigvgan_to_official(name): value.float()
        for name, value in model.state_dict().items()
    }


def write_mel_hifigan(model: MelHifiGan, path: Path) -> None:
    """Write the vocoder file of v4."""
    try:
        torch.save({name: value.float() for name, value in model.state_dict().items()}, path)
    except OSError as error:
        raise CheckpointError(f'cannot write {path}: {error.strerror}') from error
