"""The launch file, where ROS's launch is installed (the PyPI wheels do not have it)."""

from __future__ import annotations

from pathlib import Path

import pytest

launch = pytest.importorskip('launch')
launch_ros = pytest.importorskip('launch_ros')

LAUNCH_FILE = str(Path(__file__).parents[2] / 'launch' / 'speech.launch.py')


def run(nodes: int = 1, **arguments: str) -> tuple[int, list[list[str]]]:
    """Launch, end it once so many nodes have started; return exit code and their commands."""
    from launch.event_handlers import OnProcessStart
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    commands: list[list[str]] = []

    def on_start(event, context):
        commands.append(event.cmd)
        return launch.actions.Shutdown() if len(commands) == nodes else None

    service = launch.LaunchService()
    service.include_launch_description(
        launch.LaunchDescription(
            [
                launch.actions.RegisterEventHandler(OnProcessStart(on_start=on_start)),
                launch.actions.IncludeLaunchDescription(
                    PythonLaunchDescriptionSource(LAUNCH_FILE), launch_arguments=arguments.items()
                ),
            ]
        )
    )
    return service.run(), commands


def test_every_argument_is_explained():
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    description = get_launch_description_from_python_launch_file(LAUNCH_FILE)
    arguments = description.get_launch_arguments()
    assert [argument.name for argument in arguments] == [
        'robot',
        'namespace',
        'config_dir',
        'params_file',
        'player',
        'log_level',
    ]
    assert all(len(argument.description) > 30 for argument in arguments)
    assert 'default, r1, r2' in arguments[0].description


@pytest.mark.parametrize(
    'arguments, namespace, files',
    [
        ({}, '/', ['default.yaml']),
        ({'robot': 'r2'}, '/r2', ['default.yaml', 'r2.yaml']),
        ({'robot': 'r2', 'namespace': 'hall'}, '/hall', ['default.yaml', 'r2.yaml']),
        ({'robot': 'r1', 'namespace': '/'}, '/', ['default.yaml', 'r1.yaml']),
    ],
)
def test_robot_gives_namespace_and_files(ros_domain, arguments, namespace, files):
    _, (command,) = run(**arguments)
    given = [word.removeprefix('__ns:=') for word in command if word.startswith('__ns:=')]
    assert given == [namespace]
    assert [Path(word).name for word in command if word.endswith('.yaml')] == files
    assert command[command.index('--log-level') + 1] == 'info'


def test_player_starts_beside_it_with_the_same_files(ros_domain):
    _, commands = run(nodes=2, player='true', robot='r2')
    speech, player = sorted(commands, key=lambda command: 'player_node' in command[0])
    files = [[Path(word).name for word in command if '.yaml' in word] for command in commands]
    assert [Path(command[0]).name for command in (speech, player)] == [
        'speech_node',
        'player_node',
    ]
    assert '__ns:=/r2' in speech and '__ns:=/r2' in player
    assert ['player.yaml', 'default.yaml', 'r2.yaml'] in files


def test_unknown_robot_ends_the_launch(ros_domain):
    assert run(robot='r9') == (1, [])
