"""The node `player_node`: plays the audio of speech_node, and tells which samples were heard.

Threads: the executor's one thread takes messages; the device's thread takes samples; one more
opens devices, and one publishes the state. What they share is a PlayerCore.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import numpy as np
from rclpy.logging import LoggingSeverity
from rclpy.node import Node

from gptsovits_ros.errors import ConfigurationError, GptsovitsError
from gptsovits_ros.ros.logs import RosLogHandler
from gptsovits_ros.ros.node_main import run_node
from gptsovits_ros.ros.parameter_server import ParameterServer
from gptsovits_ros.ros.player_core import PlayerCore
from gptsovits_ros.ros.player_devices import NullDevice, OpenDevice
from gptsovits_ros.ros.player_input import AudioInput
from gptsovits_ros.ros.player_keeper import DeviceKeeper
from gptsovits_ros.ros.player_portaudio import PortAudio
from gptsovits_ros.ros.player_publishers import EchoPublisher, StateReporter, player_state
from gptsovits_ros.ros.player_table import NULL_DEVICE, PLAYER_SPECS, PlayerParameters

PACKAGE_LOGGER = logging.getLogger('gptsovits_ros')

# How often it looks whether anyone publishes what it listens to. [s]
LOOK_S = 2.0

# How long the end of the node waits for sound to fade out. [s]
FADE_OUT_S = 0.1


class PlayerNode(Node):
    """Plays what is published on `audio` on an output device."""

    def __init__(self, open_device: OpenDevice | None = None, **node_options: Any) -> None:
        """Create the node; start() opens the device.

        Args:
            open_device: opens the output device; None: as the parameters say.
            node_options: for rclpy's Node, e.g. its context.

        Raises:
            ParameterInvalidError: if a parameter has a value that is not allowed.

        """
        super().__init__('player_node', **node_options)
        self._log_handler = self._forward_logs()
        self._settings = ParameterServer(
            self, lambda _: None, self._apply, PLAYER_SPECS, PlayerParameters
        )
        parameters: PlayerParameters = self._settings.values
        self._audio_problem: GptsovitsError | None = None
        self._topic_problem: GptsovitsError | None = None
        self._is_dropping = False
        self._echo: EchoPublisher | None = None
        if parameters.player_echo_reference:
            self._echo = EchoPublisher(self, parameters.stream_frame_id)
        self._core = PlayerCore(
            on_change=self._notify, on_sound=self._echo.put if self._echo else None
        )
        self._keeper = DeviceKeeper(
            self._core, open_device or device_opener(parameters), self._notify
        )
        self._reporter = StateReporter(
            self,
            parameters.stream_frame_id,
            self._core.report,
            lambda report: player_state(
                report,
                self._settings.values,
                self._keeper,
                self._audio_problem or self._topic_problem,
            ),
            lambda: 1.0 / self._settings.values.player_report_hz,
        )
        self._apply(parameters)
        self._input = AudioInput(
            self,
            parameters.topic_audio,
            parameters.player_stamped,
            self._keeper.want,
            self._on_audio,
            self._core.flush,
            self._on_problem,
        )
        self.create_timer(LOOK_S, self._look)

    def start(self) -> None:
        """Open the device and begin to play; returns at once."""
        self._reporter.start()
        if self._echo:
            self._echo.start()
        self._keeper.start()

    def stop(self) -> None:
        """Fade out, close the device, and tell the last state; before destroy_node."""
        self._core.flush()
        deadline = time.monotonic() + FADE_OUT_S
        while not self._core.hold() and time.monotonic() < deadline:
            time.sleep(0.002)
        self._core.refuse()
        self._keeper.stop()
        if self._echo:
            self._echo.stop()
        self._reporter.stop()

    def destroy_node(self) -> None:
        """Destroy the node."""
        PACKAGE_LOGGER.removeHandler(self._log_handler)
        super().destroy_node()

    def _forward_logs(self) -> RosLogHandler:
        """Let what the modules without ROS log go to the node's logger."""
        handler = RosLogHandler(self.get_logger())
        PACKAGE_LOGGER.addHandler(handler)
        is_debug = self.get_logger().is_enabled_for(LoggingSeverity.DEBUG)
        PACKAGE_LOGGER.setLevel(logging.DEBUG if is_debug else logging.INFO)
        return handler

    def _notify(self) -> None:
        self._reporter.notify()

    def _apply(self, parameters: PlayerParameters) -> None:
        self._core.set_buffer(parameters.player_buffer_ms / 1e3)
        self._core.set_volume(0.0 if parameters.player_mute else parameters.player_volume)

    def _on_audio(self, samples: np.ndarray, sample_rate: int, stamp_ns: int) -> None:
        self._keeper.want(sample_rate)
        is_dropped = not self._core.push(samples, sample_rate, stamp_ns)
        if is_dropped and not self._is_dropping:
            reason = 'there is no device' if self._keeper.error else 'too much audio waits'
            self.get_logger().warning(f'audio is dropped: {reason}')
        self._is_dropping = is_dropped
        if self._audio_problem is not None:
            self._audio_problem = None
            self._notify()

    def _on_problem(self, error: GptsovitsError) -> None:
        if str(error) != str(self._audio_problem):
            self.get_logger().warning(f'{error.name}: {error}')
        self._audio_problem = error
        self._notify()

    def _look(self) -> None:
        """Tell when audio is published, but not where it is listened for."""
        problem = None
        plain = self._settings.values.topic_audio
        if self._input.topic != plain and not self.count_publishers(self._input.topic):
            if self.count_publishers(plain):
                problem = ConfigurationError(
                    f'audio is published on {plain}, but not on {self._input.topic}; set '
                    'stream.stamped of speech_node to true, or player.stamped to false'
                )
                if self._topic_problem is None:
                    self.get_logger().warning(f'{problem.name}: {problem}')
        if (problem is None) != (self._topic_problem is None):
            self._topic_problem = problem
            self._notify()


def device_opener(parameters: PlayerParameters) -> OpenDevice:
    """Return what opens the device that the parameters name."""
    if parameters.player_device == NULL_DEVICE:
        return NullDevice
    return PortAudio(parameters.player_device, parameters.player_latency_ms / 1e3).open


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; return the exit code."""
    return run_node('player_node', PlayerNode, args)


if __name__ == '__main__':
    sys.exit(main())
