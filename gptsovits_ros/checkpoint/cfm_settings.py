"""Official configuration trees of v3, v4 and BigVGAN <-> our config dataclasses.

The official v3 and v4 trees say nothing about the transformer, whose sizes are fixed in upstream's
code; a narrower model of ours adds them to the "model" section, and upstream ignores them.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from gptsovits_ros.acoustic.cfm_config import CFM_CONFIGS, BigVganConfig, CfmConfig, DitConfig
from gptsovits_ros.checkpoint.detect import CheckpointKind
from gptsovits_ros.checkpoint.settings import (
    _build,
    _known,
    _section,
    acoustic_config,
    acoustic_settings,
)
from gptsovits_ros.errors import CheckpointError

# Section within "model" with the sizes of the transformer.
DIT_SECTION = 'dit'
# Fields of CfmConfig that stand in "model"; rates are fixed for each version.
STORED = (
    'mixer_layers',
    'mixer_kernel_size',
    'reference_frames',
    'chunk_frames',
    'overlap_frames',
)
# BigVGAN's name of a setting -> field of BigVganConfig.
_BIGVGAN_NAMES = {'sampling_rate': 'sample_rate', 'num_mels': 'mel_bands'}
# What our BigVgan is made for; a folder that says otherwise holds another model.
_BIGVGAN_KIND = {
    'resblock': '1',
    'activation': 'snakebeta',
    'snake_logscale': True,
    'use_tanh_at_final': False,
    'use_bias_at_final': False,
}


def cfm_config(settings: dict[str, Any], version: str) -> CfmConfig:
    """Return the config of a v3 or v4 model from an official tree.

    Raises:
        CheckpointError: a value is out of range, of the wrong type, or contradicts another.

    """
    model = _section(settings, 'model')
    values = {name: value for name, value in _known(CfmConfig, model).items() if name in STORED}
    sovits = acoustic_config(settings, CheckpointKind('v2', version))
    dit = _build(DitConfig, _known(DitConfig, _section(model, DIT_SECTION)))
    # Checks each value by itself; only with the sizes of the version do they have to fit.
    _build(CfmConfig, {**{'reference_frames': 1, 'overlap_frames': 1}, **values})
    try:
        return CFM_CONFIGS[version](sovits=sovits, dit=dit, **values)
    except ValueError as error:
        raise CheckpointError(f"the checkpoint's config is contradictory: {error}") from error


def cfm_settings(config: CfmConfig) -> dict[str, Any]:
    """Return an official tree for a v3 or v4 config."""
    settings = acoustic_settings(config.sovits)
    settings['model'].update({name: getattr(config, name) for name in STORED})
    settings['model'][DIT_SECTION] = {
        item.name: getattr(config.dit, item.name) for item in fields(config.dit)
    }
    return settings


def bigvgan_config(tree: Any) -> BigVganConfig:
    """Return the config of BigVGAN from the content of its config.json.

    Raises:
        CheckpointError: it is no such config, a value makes no sense, or it describes a kind of
            BigVGAN that v3 does not use.

    """
    if not isinstance(tree, dict):
        raise CheckpointError('the config of BigVGAN is not a JSON object')
    for name, wanted in _BIGVGAN_KIND.items():
        # A kind that is not named is the one that the first version of BigVGAN had.
        if tree.get(name) != wanted:
            raise CheckpointError(
                f'the config of BigVGAN says {name} = {tree.get(name)!r}, but v3 needs '
                f'{wanted!r}; take nvidia/bigvgan_v2_24khz_100band_256x'
            )
    renamed = {_BIGVGAN_NAMES.get(name, name): value for name, value in tree.items()}
    return _build(BigVganConfig, _known(BigVganConfig, renamed))


def bigvgan_settings(config: BigVganConfig) -> dict[str, Any]:
    """Return the content of config.json for a BigVGAN config."""
    official = {ours: name for name, ours in _BIGVGAN_NAMES.items()}
    sizes = {
        official.get(item.name, item.name): getattr(config, item.name) for item in fields(config)
    }
    return {**sizes, **_BIGVGAN_KIND}
