"""Which parameter files a robot is started with, and whether they make sense. No ROS import.

The ROS client libraries ignore a parameter that no node declares, so a misspelt name would be lost
in silence; here it is an error that names the file.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.ros.parameter_spec import Value
from gptsovits_ros.ros.parameter_table import SPECS, find_problem
from gptsovits_ros.ros.parameters import unknown_names
from gptsovits_ros.ros.player_table import PLAYER_SPECS

DEFAULT_ROBOT = 'default'
ROBOT_PATTERN = r'[A-Za-z][A-Za-z0-9_]{0,63}'  # also a valid ROS namespace
MAX_FILE_BYTES = 256 * 1024

# A file may hold parameters of both nodes; each takes its own.
ALL_SPECS = {**SPECS, **PLAYER_SPECS}


def robots(config_dir: Path) -> list[str]:
    """Return the names of the robots that have a file in config_dir/robots."""
    return sorted(path.stem for path in (config_dir / 'robots').glob('*.yaml'))


def namespace_of(robot: str, namespace: str) -> str:
    """Return the namespace: the given one, else the robot's name; none for `default`."""
    if namespace:
        return namespace
    return '' if robot == DEFAULT_ROBOT else robot


def parameter_files(config_dir: Path, robot: str, extra: str = '') -> list[Path]:
    """Return the files for a robot, in the order in which the later ones win.

    Args:
        config_dir: folder with default.yaml and robots/<robot>.yaml.
        robot: name of a robot; "default": default.yaml alone.
        extra: one more file, or empty.

    Raises:
        ConfigurationError: if there is no such robot or file, or a file is wrong.

    """
    files = [config_dir / 'default.yaml']
    if robot != DEFAULT_ROBOT:
        files.append(_robot_file(config_dir, robot))
    if extra:
        files.append(Path(extra).expanduser())
    for file in files:
        check_file(file)
    return files


def player_files(config_dir: Path) -> list[Path]:
    """Return the file with the defaults of the player, which those of the robot win over.

    A folder of one's own need not have it: its values are those that the node has anyway.

    Raises:
        ConfigurationError: if the file is wrong.

    """
    files = [path for path in (config_dir / 'player.yaml',) if path.exists()]
    for file in files:
        check_file(file)
    return files


def check_file(path: Path) -> None:
    """Raise ConfigurationError if a file is unreadable, or a name or value in it is wrong."""
    for name, value in _parameters_in(path):
        if name not in ALL_SPECS:
            if unknown_names([name]):
                similar = difflib.get_close_matches(name, ALL_SPECS, 1)
                hint = f'; did you mean {similar[0]}?' if similar else ''
                raise ConfigurationError(f'{path}: there is no parameter {name}{hint}')
            continue
        problem = find_problem(name, value, ALL_SPECS)
        if problem:
            raise ConfigurationError(f'{path}: {problem}')


def values_in(path: Path) -> dict[str, Value]:
    """Return what a file says of the parameters of speech_node; raises as check_file does."""
    check_file(path)
    return {name: value for name, value in _parameters_in(path) if name in SPECS}


def _robot_file(config_dir: Path, robot: str) -> Path:
    # The pattern keeps the name from leading out of the folder.
    if re.fullmatch(ROBOT_PATTERN, robot) and robot in robots(config_dir):
        return config_dir / 'robots' / f'{robot}.yaml'
    known = ', '.join([DEFAULT_ROBOT, *robots(config_dir)])
    raise ConfigurationError(
        f'there is no robot {robot[:64]!r}; the robots are: {known}. For a new one write '
        f'{config_dir / "robots"}/<robot>.yaml with what differs from default.yaml'
    )


def _parameters_in(path: Path) -> Iterator[tuple[str, object]]:
    """Yield dotted name and value of every parameter in a file."""
    try:
        with path.open('rb') as file:
            text = file.read(MAX_FILE_BYTES + 1)
        if len(text) > MAX_FILE_BYTES:
            raise ConfigurationError(f'{path} is larger than {MAX_FILE_BYTES} bytes')
        nodes = yaml.safe_load(text)
    except OSError as error:
        raise ConfigurationError(f'cannot read the parameter file {path}: {error}') from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f'{path} is not YAML: {error}') from error
    sections = list(nodes.values()) if isinstance(nodes, dict) else []
    groups = [section.get('ros__parameters') for section in sections if isinstance(section, dict)]
    if (
        not groups
        or len(groups) < len(sections)
        or not all(isinstance(group, dict) for group in groups)
    ):
        raise ConfigurationError(
            f'{path} is no parameter file: it must be a map of node names '
            '("/**") to "ros__parameters"'
        )
    for group in groups:
        yield from _flatten(group, '')


def _flatten(values: dict, prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flatten(value, f'{prefix}{key}.')
        else:
            # ROS takes a bare null for the word, as in `device: null`.
            yield f'{prefix}{key}', 'null' if value is None else value
