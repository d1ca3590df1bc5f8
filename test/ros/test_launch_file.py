"""The launch file, where ROS's launch is installed (the PyPI wheels do not have it)."""

from __future__ import annotations

from pathlib import Path

import pytest

launch = pytest.importorskip('launch')
launch_ros = pytest.importorskip('launch_ros')

LAUNCH_FILE = str(Path(__file__).parents[2] / 'launch' / 'speech.launch.py')


def run(**arguments: str) -> tuple[int, list[str]]:
    """Launch, end it once the process of the node has started; return exit code and command."""
    from launch.event_handlers import OnProcessStart
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    commands: list[list[str]] = []

    def on_start(event, context):
        commands.append(event.cmd)
        return launch.actions.Shutdown()

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
    return service.run(), commands[0] if commands else []


def test_every_argument_is_explained():
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    description = get_launch_description_from_python_launch_file(LAUNCH_FILE)
    arguments = description.get_launch_arguments()
    assert [argument.name for argument in arguments] == [
        'robot',
        'namespace',
        'config_dir',
        'params_file',
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
    _, command = run(**arguments)
    given = [word.removeprefix('__ns:=') for word in command if word.startswith('__ns:=')]
    assert given == [namespace]
    assert [Path(word).name for word in command if word.endswith('.yaml')] == files
    assert command[command.index('--log-level') + 1] == 'info'


def test_unknown_robot_ends_the_launch(ros_domain):
    assert run(robot='r9') == (1, [])
