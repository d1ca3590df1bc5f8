"""Start the speech node of one robot: `ros2 launch gptsovits_ros speech.launch.py robot:=r1`.

With `player:=true` the player starts beside it. Parameters come from config/default.yaml (for the
player also config/player.yaml), then config/robots/<robot>.yaml, then `params_file`; later files
win. `--show-args` explains every argument.
"""

from __future__ import annotations

from pathlib import Path

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from gptsovits_ros.ros.robot_config import (
    DEFAULT_ROBOT,
    namespace_of,
    parameter_files,
    player_files,
    robots,
)
from launch import LaunchContext, LaunchDescription

# Beside launch/ in the source tree as well as in share/.
CONFIG_DIR = Path(__file__).parent.parent / 'config'


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    known = ', '.join([DEFAULT_ROBOT, *robots(CONFIG_DIR)])
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                'robot',
                default_value=DEFAULT_ROBOT,
                description=f'Name of the robot: one of {known}. config/robots/<robot>.yaml '
                'holds what differs from config/default.yaml.',
            ),
            DeclareLaunchArgument(
                'namespace',
                default_value='',
                description='Namespace of the topics, "r1" gives /r1/say. Empty: the name of the '
                'robot, and none for the robot "default". "/": none.',
            ),
            DeclareLaunchArgument(
                'config_dir',
                default_value=str(CONFIG_DIR),
                description='Folder with default.yaml and robots/; set it to keep yours outside '
                'of this package.',
            ),
            DeclareLaunchArgument(
                'params_file',
                default_value='',
                description='One more parameter file, which wins over the others. Empty: none.',
            ),
            DeclareLaunchArgument(
                'player',
                default_value='false',
                choices=['true', 'false'],
                description='Whether player_node plays the audio on this machine. Then the '
                'speech node publishes the stamps that it needs (docs/player.md).',
            ),
            DeclareLaunchArgument(
                'log_level',
                default_value='info',
                choices=['debug', 'info', 'warn', 'error', 'fatal'],
                description='Least severity that is logged. Texts to speak never are.',
            ),
            OpaqueFunction(function=start_nodes),
        ]
    )


def start_nodes(context: LaunchContext) -> list[Node]:
    """Return the nodes, with the arguments that are known by now."""

    def argument(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    def node(name: str, parameters: list[str | dict]) -> Node:
        return Node(
            package='gptsovits_ros',
            executable=name,
            name=name,
            namespace=namespace_of(robot, argument('namespace')),
            parameters=parameters,
            ros_arguments=['--log-level', argument('log_level')],
            output='screen',
        )

    robot = argument('robot')
    config_dir = Path(argument('config_dir'))
    files = [str(file) for file in parameter_files(config_dir, robot, argument('params_file'))]
    if argument('player') == 'false':
        return [node('speech_node', files)]
    defaults = [str(file) for file in player_files(config_dir)]
    return [
        node('speech_node', [*files, {'stream.stamped': True}]),
        node('player_node', [*defaults, *files]),
    ]
