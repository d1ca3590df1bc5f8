"""Official configuration trees <-> our config dataclasses.

Official files name what upstream lets vary; a narrower model of ours adds the names of the other
fields to the same "model" section, and upstream ignores them.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from gptsovits_ros.acoustic.config import SovitsConfig
from gptsovits_ros.checkpoint.detect import V1_PHONEMES, CheckpointKind
from gptsovits_ros.errors import CheckpointError
from gptsovits_ros.semantic.config import SemanticConfig
from gptsovits_ros.types import SpectrogramConfig

# Far above any real model: a damaged or hostile file must not make us build forever.
MAX_SIZE = 1 << 16
MAX_LAYERS = 256
V1_STYLE_BINS = 1025
PRO_VERSIONS = ('v2Pro', 'v2ProPlus')
PRO_SPEAKER_DIM = 20480
_MAY_BE_ZERO = ('p_dropout', 'eos', 'min_tokens', 'speaker_dim', 'text_ahead')

# Official name -> field of SpectrogramConfig, in the section "data".
_SPECTROGRAM_NAMES = {
    'sampling_rate': 'sample_rate',
    'filter_length': 'n_fft',
    'hop_length': 'hop_length',
    'win_length': 'win_length',
}


def semantic_config(settings: dict[str, Any]) -> SemanticConfig:
    """Return the GPT's config from an official tree."""
    model, data = _section(settings, 'model'), _section(settings, 'data')
    values = _known(SemanticConfig, model)
    if 'EOS' in model:
        values['eos'] = model['EOS']
    if 'max_sec' in data:
        values['max_sec'] = data['max_sec']
    # The official models have 4 d here, whatever their `linear_units` says.
    values.setdefault('ffn_dim', 4 * values.get('hidden_dim', SemanticConfig.hidden_dim))
    return _build(SemanticConfig, values)


def acoustic_config(settings: dict[str, Any], kind: CheckpointKind) -> SovitsConfig:
    """Return the SoVITS config from an official tree."""
    model, data = _section(settings, 'model'), _section(settings, 'data')
    values = _known(SovitsConfig, model)
    values.pop('spectrogram', None)
    values['version'] = kind.version
    if kind.symbols == 'v1':
        values.setdefault('phoneme_vocab_size', V1_PHONEMES)
        values.setdefault('style_bins', V1_STYLE_BINS)
    if kind.version in PRO_VERSIONS:
        values.setdefault('speaker_dim', PRO_SPEAKER_DIM)
    spectrogram = {
        ours: data[official] for official, ours in _SPECTROGRAM_NAMES.items() if official in data
    }
    return _build(SovitsConfig, {**values, 'spectrogram': _build(SpectrogramConfig, spectrogram)})


def semantic_settings(config: SemanticConfig) -> dict[str, Any]:
    """Return an official tree for a GPT config."""
    model = {item.name: getattr(config, item.name) for item in fields(config)}
    model.update(
        EOS=config.eos,
        embedding_dim=config.hidden_dim,
        linear_units=config.ffn_dim,
        dropout=0,
        random_bert=0,
    )
    return {
        'model': model,
        'data': {'max_sec': config.max_sec, 'pad_val': config.eos},
        'inference': {'top_k': 15},
    }


def acoustic_settings(config: SovitsConfig) -> dict[str, Any]:
    """Return an official tree for a SoVITS config."""
    model = {
        item.name: _to_lists(getattr(config, item.name))
        for item in fields(config)
        if item.name != 'spectrogram'
    }
    model.update(
        resblock='1', use_spectral_norm=False, semantic_frame_rate='25hz', freeze_quantizer=True
    )
    data = {
        official: getattr(config.spectrogram, ours)
        for official, ours in _SPECTROGRAM_NAMES.items()
    }
    return {'model': model, 'data': data, 'train': {}, 'version': config.version}


def _section(settings: dict[str, Any], name: str) -> dict[str, Any]:
    section = settings.get(name, {})
    if not isinstance(section, dict):
        raise CheckpointError(f'the checkpoint\'s config has no section "{name}"')
    return section


def _known(cls: type, section: dict[str, Any]) -> dict[str, Any]:
    names = {item.name for item in fields(cls)}
    return {name: _to_tuples(value) for name, value in section.items() if name in names}


def _build(cls: type, values: dict[str, Any]) -> Any:
    for name, value in values.items():
        for number in _numbers(value):
            limit = MAX_LAYERS if name.endswith(('n_layer', '_layers')) else MAX_SIZE
            if not (0 < number <= limit or number == 0 and name in _MAY_BE_ZERO):
                raise CheckpointError(
                    f"the checkpoint's config says {name} = {number}; at most {limit} is "
                    'allowed, and more than 0'
                )
        wanted = type(next(item.default for item in fields(cls) if item.name == name))
        accepted = (int, float) if wanted is float else wanted
        if not isinstance(value, accepted) or isinstance(value, bool):
            raise CheckpointError(
                f"the checkpoint's config says {name} = {value!r}; a {wanted.__name__} is needed"
            )
    try:
        return cls(**values)
    except ValueError as error:
        raise CheckpointError(f"the checkpoint's config is contradictory: {error}") from error


def _numbers(value: Any) -> list[float]:
    if isinstance(value, tuple):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int | float) else []


def _to_tuples(value: Any) -> Any:
    return tuple(_to_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _to_lists(value: Any) -> Any:
    return [_to_lists(item) for item in value] if isinstance(value, tuple) else value
