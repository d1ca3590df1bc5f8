"""Which files a robot is started with, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.ros.robot_config import (
    check_file,
    namespace_of,
    parameter_files,
    player_files,
    robots,
)

CONFIG_DIR = Path(__file__).parents[3] / 'config'


def write(folder: Path, text: str) -> Path:
    """Write a parameter file."""
    path = folder / 'params.yaml'
    path.write_text(text)
    return path


def test_robots_of_this_package_are_valid_and_differ():
    assert robots(CONFIG_DIR) == ['r1', 'r2']
    files = [parameter_files(CONFIG_DIR, robot) for robot in ('r1', 'r2')]
    assert files[0] == [CONFIG_DIR / 'default.yaml', CONFIG_DIR / 'robots' / 'r1.yaml']
    assert files[0][1].read_text() != files[1][1].read_text()


def test_default_robot_has_default_yaml_alone_and_a_further_file_comes_last(tmp_path):
    extra = write(tmp_path, '/**:\n  ros__parameters:\n    voice: anna\n')
    assert parameter_files(CONFIG_DIR, 'default') == [CONFIG_DIR / 'default.yaml']
    assert parameter_files(CONFIG_DIR, 'r1', str(extra))[-1] == extra


@pytest.mark.parametrize('robot', ['r3', '', '../default', 'r1.yaml', '/etc/passwd', 'r1\n'])
def test_unknown_robot_is_told_which_there_are(robot):
    with pytest.raises(ConfigurationError, match='default, r1, r2'):
        parameter_files(CONFIG_DIR, robot)


@pytest.mark.parametrize(
    'robot, given, namespace',
    [('default', '', ''), ('r1', '', 'r1'), ('r1', 'lobby', 'lobby'), ('r1', '/', '/')],
)
def test_namespace_is_the_given_one_or_the_robot(robot, given, namespace):
    assert namespace_of(robot, given) == namespace


@pytest.mark.parametrize(
    'text, words',
    [
        ('/**:\n  ros__parameters:\n    voise: anna\n', 'did you mean voice'),
        ('/**:\n  ros__parameters:\n    speech:\n      speed: 9.0\n', r'\[0.5, 2.0\]'),
        ('/**:\n  ros__parameters:\n    speech:\n      speed: 1\n', 'decimal point'),
        ('voice: anna\n', 'no parameter file'),
        ('/**:\n  voice: anna\n', 'no parameter file'),
        ('', 'no parameter file'),
        ('- a\n', 'no parameter file'),
        ('{', 'not YAML'),
        ('!!python/object/apply:os.system [ls]', 'not YAML'),
        ('#' * 300_000, 'larger than'),
    ],
)
def test_wrong_file_is_named_with_what_is_wrong(tmp_path, text, words):
    path = write(tmp_path, text)
    with pytest.raises(ConfigurationError, match=words) as error:
        check_file(path)
    assert str(path) in str(error.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match='nothing.yaml'):
        check_file(tmp_path / 'nothing.yaml')


def test_file_may_hold_parameters_of_the_player(tmp_path):
    text = '/**:\n  ros__parameters:\n    player:\n      device: null\n      volume: {}\n'
    check_file(write(tmp_path, text.format(0.5)))
    with pytest.raises(ConfigurationError, match=r'player.volume must be in \[0.0, 1.0\]'):
        check_file(write(tmp_path, text.format(1.5)))


def test_player_has_a_file_of_defaults_where_the_folder_has_one(tmp_path):
    assert player_files(CONFIG_DIR) == [CONFIG_DIR / 'player.yaml']
    assert player_files(tmp_path) == []
    (tmp_path / 'player.yaml').write_text('voice: anna')
    with pytest.raises(ConfigurationError, match='no parameter file'):
        player_files(tmp_path)


def test_parameters_of_every_node_are_let_through(tmp_path):
    check_file(write(tmp_path, '/**:\n  ros__parameters:\n    use_sim_time: true\n'))
