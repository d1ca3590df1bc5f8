"""Start the speech node of one robot: `ros2 launch gptsovits_ros speech.launch.py robot:=r1`.

Parameters come from config/default.yaml, then config/robots/<robot>.yaml, then `params_file`;
later files win. `--show-args` explains every argument.
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
                'log_level',
                default_value='info',
                choices=['debug', 'info', 'warn', 'error', 'fatal'],
                description='Least severity that is logged. Texts to speak never are.',
            ),
            OpaqueFunction(function=start_node),
        ]
    )


def start_node(context: LaunchContext) -> list[Node]:
    """Return the node, with the arguments that are known by now."""

    def argument(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    robot = argument('robot')
    files = parameter_files(Path(argument('config_dir')), robot, argument('params_file'))
    return [
        Node(
            package='gptsovits_ros',
            executable='speech_node',
            name='speech_node',
            namespace=namespace_of(robot, argument('namespace')),
            parameters=[str(file) for file in files],
            ros_arguments=['--log-level', argument('log_level')],
            output='screen',
        )
    ]
