"""The player's table of parameters, its YAML file and its page say the same."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from gptsovits_ros.errors import ParameterInvalidError
from gptsovits_ros.ros.parameter_spec import ParamSpec
from gptsovits_ros.ros.player_table import (
    PLAYER_PARAMETERS,
    PLAYER_SPECS,
    SHARED_PARAMETERS,
    PlayerParameters,
)

REPO = Path(__file__).parents[3]
PLAYER_YAML = REPO / 'config' / 'player.yaml'
PAGE = (REPO / 'docs' / 'player.md').read_text()


def comment_of(name: str) -> str:
    """Return the comment of a parameter in player.yaml, which may go on in the next lines."""
    leaf = name.rpartition('.')[2]
    lines = PLAYER_YAML.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith(f'{leaf}:'))
    comment = lines[start].partition('#')[2]
    for line in lines[start + 1 :]:
        if not line.strip().startswith('#'):
            break
        comment += line.partition('#')[2]
    return comment


def row_of(name: str) -> list[str]:
    """Return the cells of a parameter in the table of the page."""
    line = next(line for line in PAGE.splitlines() if line.startswith(f'| `{name}` |'))
    return [cell.strip() for cell in re.split(r'(?<!\\)\|', line)[2:-1]]


def test_player_yaml_holds_every_parameter_with_its_default():
    values = yaml.safe_load(PLAYER_YAML.read_text())['/**']['ros__parameters']['player']
    expected = {spec.name.partition('.')[2]: spec.default for spec in PLAYER_PARAMETERS}
    assert values == expected
    assert all(type(values[name]) is type(value) for name, value in expected.items())


@pytest.mark.parametrize('spec', PLAYER_PARAMETERS, ids=lambda spec: spec.name)
def test_player_yaml_explains_it_with_range_and_when_it_is_read(spec: ParamSpec):
    comment = comment_of(spec.name)
    assert len(comment) > 20
    assert spec.constraint in comment
    assert ('start;' in comment) == spec.read_only


@pytest.mark.parametrize('spec', PLAYER_PARAMETERS, ids=lambda spec: spec.name)
def test_page_tells_type_default_range_and_meaning(spec: ParamSpec):
    kind, default, allowed, when, meaning = row_of(spec.name)
    assert kind == type(spec.default).__name__
    text = default.strip('`')
    assert (ast.literal_eval(text.capitalize()) if text else text) == spec.default
    assert allowed == (spec.constraint or 'any')
    assert when == ('start' if spec.read_only else 'any time')
    assert meaning == spec.description


def test_page_lists_no_parameter_that_is_not_there():
    listed = re.findall(r'^\| `(player\.\w+)`', PAGE, re.MULTILINE)
    assert listed == [spec.name for spec in PLAYER_PARAMETERS]


def test_every_parameter_has_its_field():
    fields = [field.name for field in dataclasses.fields(PlayerParameters)]
    assert fields == [spec.field for spec in PLAYER_SPECS.values()]
    assert [*PLAYER_SPECS][: len(SHARED_PARAMETERS)] == [*SHARED_PARAMETERS]


def test_change_gives_new_parameters_or_none():
    before = PlayerParameters.from_values({})
    after = before.changed({'player.volume': 0.5})
    assert (before.player_volume, after.player_volume) == (1.0, 0.5)
    with pytest.raises(ParameterInvalidError, match=r'\[0.0, 1.0\]'):
        before.changed({'player.volume': float('nan')})
    with pytest.raises(ParameterInvalidError, match='no parameter player.loudness'):
        PlayerParameters.from_values({'player.loudness': 1.0})
