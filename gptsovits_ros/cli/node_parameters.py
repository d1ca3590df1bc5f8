"""The parameters of the node, for verbs that do what it would do."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gptsovits_ros.cli import UsageError

if TYPE_CHECKING:
    from gptsovits_ros.ros.parameters import Parameters


def add_parameters(parser: argparse.ArgumentParser) -> None:
    """Declare --params-file and -p."""
    parser.add_argument(
        '--params-file',
        type=Path,
        action='append',
        default=[],
        metavar='YAML',
        help='parameters of the node, as config/robots/<robot>.yaml; later files win',
    )
    parser.add_argument(
        '-p',
        dest='parameters',
        action='append',
        default=[],
        metavar='NAME:=VALUE',
        help='one parameter, as behind --ros-args: -p speech.speed:=1.1',
    )


def read_parameters(args: argparse.Namespace, **others: object) -> Parameters:
    """Return the parameters of the node: files first, then -p, then others that are not None.

    Raises:
        UsageError: one is not written as NAME:=VALUE.
        GptsovitsError: one is not allowed, or a file cannot be read.

    """
    from gptsovits_ros.ros.parameters import Parameters
    from gptsovits_ros.ros.robot_config import values_in

    values = {}
    for path in args.params_file:
        values.update(values_in(path))
    values.update(_value(text) for text in args.parameters)
    values.update((name, value) for name, value in others.items() if value is not None)
    return Parameters.from_values(values)


def _value(text: str) -> tuple[str, object]:
    """Return name and value of NAME:=VALUE, the value read as YAML as ROS does."""
    import yaml

    name, separator, value = text.partition(':=')
    if not separator:
        raise UsageError(f'-p {text}: write NAME:=VALUE')
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise UsageError(f'-p {name}: {value!r} is not YAML') from error
