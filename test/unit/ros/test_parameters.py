"""The table of parameters, the YAML files, and the documentation say the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from gptsovits_ros.errors import ParameterInvalidError
from gptsovits_ros.ros.parameter_spec import ParamSpec
from gptsovits_ros.ros.parameter_table import PARAMETERS, SPECS, find_problem
from gptsovits_ros.ros.parameters import Parameters, unknown_names

REPO = Path(__file__).parents[3]
DEFAULT_YAML = REPO / 'config' / 'default.yaml'


def flatten(values: dict, prefix: str = '') -> dict[str, object]:
    """Return nested parameters by dotted name."""
    flat = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= flatten(value, f'{prefix}{key}.')
        else:
            flat[prefix + key] = value
    return flat


def comment_of(name: str) -> str:
    """Return the comment of a parameter in default.yaml, which may go on in the next lines."""
    leaf = name.rpartition('.')[2]
    lines = DEFAULT_YAML.read_text().splitlines()
    # A section may be called as a parameter of another one; only the latter has a value.
    start = next(i for i, line in enumerate(lines) if line.strip().startswith(f'{leaf}: '))
    comment = lines[start].partition('#')[2]
    for line in lines[start + 1 :]:
        if not line.strip().startswith('#'):
            break
        comment += line.partition('#')[2]
    return comment


def test_default_yaml_holds_every_parameter_with_its_default():
    content = yaml.safe_load(DEFAULT_YAML.read_text())
    values = flatten(content['/**']['ros__parameters'])
    assert values == {spec.name: spec.default for spec in PARAMETERS}
    assert all(type(values[spec.name]) is type(spec.default) for spec in PARAMETERS)


@pytest.mark.parametrize('spec', PARAMETERS, ids=lambda spec: spec.name)
def test_default_yaml_explains_it_with_range_and_when_it_is_read(spec: ParamSpec):
    comment = comment_of(spec.name)
    assert len(comment) > 20
    if spec.bounds and spec.name != 'speech.seed':
        assert spec.constraint in comment
    assert all(choice in comment for choice in spec.choices)
    assert ('start;' in comment) == spec.read_only


def test_every_parameter_has_its_field():
    fields = [field.name for field in dataclasses.fields(Parameters)]
    assert fields == [spec.field for spec in PARAMETERS]


@pytest.mark.parametrize('spec', PARAMETERS, ids=lambda spec: spec.name)
def test_default_is_allowed(spec: ParamSpec):
    assert find_problem(spec.name, spec.default) is None


@pytest.mark.parametrize(
    'name, value, words',
    [
        ('speech.speed', 0.49, '[0.5, 2.0]'),
        ('speech.speed', float('nan'), '[0.5, 2.0]'),
        ('speech.speed', 1, 'decimal point'),
        ('sampling.top_k', 0, '[1, 1025]'),
        ('sampling.top_k', True, 'int'),
        ('speech.seed', -2, '[-1, '),
        ('language', 'xx', 'auto, auto_yue, zh, en'),
        ('engine.device', 'tpu', 'cuda'),
        ('topic.say', '~/say', 'matching'),
        ('topic.audio', 'a//b', 'matching'),
        ('speach.speed', 1.0, 'no parameter speach.speed'),
    ],
)
def test_value_that_is_not_allowed_is_told_with_what_is(name, value, words):
    assert words in find_problem(name, value)


@pytest.mark.parametrize(
    'name, value',
    [('engine.device', 'cuda:1'), ('topic.say', '/abs/name'), ('speech.seed', 2**63 - 1)],
)
def test_value_at_the_edge_is_allowed(name, value):
    assert find_problem(name, value) is None


def test_change_gives_new_parameters_or_none():
    before = Parameters.from_values({})
    after = before.changed({'speech.speed': 1.5, 'voice': 'anna'})
    assert (after.speech_speed, after.voice, before.speech_speed) == (1.5, 'anna', 1.0)
    with pytest.raises(ParameterInvalidError):
        before.changed({'voice': 'anna', 'speech.speed': 9.0})


def test_engine_settings_come_from_the_parameters():
    settings = Parameters.from_values(
        {
            'voice': 'anna',
            'engine.device': 'cpu',
            'engine.threads': 2,
            'engine.precision': 'int8',
            'engine.memory_budget_mb': 3000,
            'engine.voice_root': '/v',
            'text.upstream_compatible': True,
            'text.lexicon': '/l.yaml',
            'engine.cache': 'all',
            'engine.cache_root': '/c',
            'engine.cache_mb': 64,
            'engine.cache_memory_mb': 8,
        }
    ).engine_settings
    assert (settings.default_voice, settings.device, settings.threads) == ('anna', 'cpu', 2)
    assert settings.precision == 'int8'
    assert (settings.voice_root, settings.memory_budget_mb) == ('/v', 3000)
    assert (settings.upstream_compatible, settings.lexicon) == (True, '/l.yaml')
    assert (settings.cache, settings.cache_root) == ('all', '/c')
    assert (settings.cache_mb, settings.cache_memory_mb) == (64, 8)
    assert settings.max_text_length == SPECS['speech.max_text_length'].bounds[1]


def test_misspelt_names_are_found_and_those_of_every_node_are_not():
    names = ['voice', 'use_sim_time', 'qos_overrides./say.depth', 'voise']
    assert unknown_names(names) == ['voise']
