"""Official tensor names of v3, v4 and their vocoders <-> names of our modules, both ways."""

from __future__ import annotations

import re

from gptsovits_ros.checkpoint.keymap import (
    ACOUSTIC_IGNORED,
    acoustic_from_official,
    acoustic_to_official,
)

# Where the names of the flow matching part start, in whole files and in LoRA files.
FLOW_MATCHING = 'cfm.'
# Official prefix -> ours, of the transformer; the first that fits is used.
DIT = 'cfm.estimator.'
DIT_PREFIXES = (
    ('time_embed.time_mlp.', 'time_embedding.mlp.'),
    ('d_embed.time_mlp.', 'step_embedding.mlp.'),
    ('text_embed.text_blocks.', 'text_embedding.blocks.'),
    ('input_embed.proj.', 'input_embedding.projection.'),
    ('input_embed.conv_pos_embed.conv1d.', 'input_embedding.position.'),
    ('rotary_embed.inv_freq', 'rotary.frequencies'),
    ('transformer_blocks.', 'blocks.'),
    ('norm_out.linear.', 'output_modulation.'),
    ('proj_out.', 'output.'),
)
# Official infix -> ours, of its blocks.
DIT_INFIXES = (
    ('.attn_norm.linear.', '.modulation.'),
    ('.attn.to_out.0.', '.attention.to_out.'),
    ('.attn.', '.attention.'),
    ('.ff.ff.0.0.', '.feed_forward.0.'),
    ('.ff.ff.2.', '.feed_forward.2.'),
)
FEATURE_PREFIXES = (('bridge.0.', 'bridge.'), ('wns1.', 'mixer.'))
# A head that only training reads.
TRAINING_HEAD = re.compile(r'linear_mel\.')

_WEIGHT_NORM = re.compile(r'^wns1\.enc\.(in_layers|res_skip_layers|cond_layer)\b.*weight$')
_VOCODER_INFIXES = (
    ('.act.', '.activation.'),
    ('.upsample.filter', '.up_filter'),
    ('.downsample.lowpass.filter', '.down_filter'),
)
_UP = re.compile(r'^ups\.(\d+)\.0\.')
_OUR_UP = re.compile(r'^ups\.(\d+)\.')


def cfm_is_ignored(official_name: str) -> bool:
    """Say whether inference does without this tensor of a v3 or v4 file."""
    return bool(ACOUSTIC_IGNORED.match(official_name) or TRAINING_HEAD.match(official_name))


def cfm_from_official(name: str) -> str:
    """Return our name of an official tensor of a v3 or v4 file."""
    if name.startswith(DIT):
        return 'dit.' + _forth(name[len(DIT) :], DIT_PREFIXES, DIT_INFIXES)
    for official, ours in FEATURE_PREFIXES:
        if name.startswith(official):
            return f'features.{ours}{name[len(official) :]}'
    return 'features.' + acoustic_from_official(name)


def cfm_to_official(name: str) -> str:
    """Return the official name of one of the tensors of our CfmModel."""
    part, _, rest = name.partition('.')
    if part == 'dit':
        return DIT + _back(rest, DIT_PREFIXES, DIT_INFIXES)
    for official, ours in FEATURE_PREFIXES:
        if rest.startswith(ours):
            return official + rest[len(ours) :]
    return acoustic_to_official(rest)


def cfm_has_weight_norm(official_name: str) -> bool:
    """Say whether official v3 and v4 files store a weight-normalised pair here."""
    return _WEIGHT_NORM.match(official_name) is not None


def bigvgan_from_official(name: str) -> str:
    """Return our name of a tensor of BigVGAN."""
    return _UP.sub(r'ups.\1.', _forth(name, (), _VOCODER_INFIXES))


def bigvgan_to_official(name: str) -> str:
    """Return the official name of one of the tensors of our BigVgan."""
    return _OUR_UP.sub(r'ups.\1.0.', _back(name, (), _VOCODER_INFIXES))


Rules = tuple[tuple[str, str], ...]


def _forth(name: str, prefixes: Rules, infixes: Rules) -> str:
    for official, ours in infixes:
        name = name.replace(official, ours)
    for official, ours in prefixes:
        if name.startswith(official):
            return ours + name[len(official) :]
    return name


def _back(name: str, prefixes: Rules, infixes: Rules) -> str:
    return _forth(
        name,
        tuple((ours, official) for official, ours in prefixes),
        tuple((ours, official) for official, ours in infixes),
    )
