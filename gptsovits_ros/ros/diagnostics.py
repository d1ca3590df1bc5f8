"""The topic `/diagnostics` (REP 107): how speaking goes, once a second and at each change."""

from __future__ import annotations

import threading
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile

from gptsovits_ros.engine.client import EngineStatus
from gptsovits_ros.errors import GptsovitsError
from gptsovits_ros.msg import PlayerState
from gptsovits_ros.ros.health import Health, Report
from gptsovits_ros.ros.qos import LATCHED_QOS
from gptsovits_ros.ros.utterance import State, Utterance

# Absolute, as aggregators expect it; names of the parts tell nodes apart.
TOPIC = '/diagnostics'
PLAYER_TOPIC = 'player_state'
PERIOD_S = 1.0


class DiagnosticsPublisher:
    """Publishes a Health. Every method may be called by any thread."""

    def __init__(
        self,
        node: Node,
        queue_length: Callable[[], int],
        real_time_factor: Callable[[], float | None],
    ) -> None:
        """Create the topic, its timer, and the subscription to a player, if there is one.

        Args:
            queue_length: how many utterances wait.
            real_time_factor: of what the engine was asked last; None: it has given nothing.

        """
        self._node = node
        self._queue_length = queue_length
        self._real_time_factor = real_time_factor
        self._health = Health()
        self._lock = threading.Lock()
        self._published: list[tuple[str, bytes, str]] = []
        self._name = node.get_fully_qualified_name().lstrip('/')
        self._publisher = node.create_publisher(DiagnosticArray, TOPIC, QoSProfile(depth=10))
        node.create_subscription(PlayerState, PLAYER_TOPIC, self._on_player, LATCHED_QOS)
        # Steady: diagnostics of a paused simulation go on.
        node.create_timer(PERIOD_S, self._on_timer, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def on_engine(self, status: EngineStatus) -> None:
        """Note how the engine is."""
        self._health.on_engine(status)
        self._publish(only_changes=True)

    def on_state(self, utterance: Utterance, state: State, error: GptsovitsError | None) -> None:
        """Note that an utterance entered a state; only ends count."""
        if state.is_end:
            self._health.on_end(utterance, state, error, self._real_time_factor())
            self._publish(only_changes=True)

    def _on_player(self, message: PlayerState) -> None:
        self._health.on_player(message)
        self._publish(only_changes=True)

    def _on_timer(self) -> None:
        if not self._node.count_publishers(self._node.resolve_topic_name(PLAYER_TOPIC)):
            self._health.on_player(None)
        self._publish(only_changes=False)

    def _publish(self, only_changes: bool) -> None:
        reports = self._health.report(self._queue_length())
        state = [(report.name, report.level, report.message) for report in reports]
        with self._lock:
            if only_changes and state == self._published:
                return
            self._published = state
            message = DiagnosticArray(status=[self._message(report) for report in reports])
            message.header.stamp = self._node.get_clock().now().to_msg()
            self._publisher.publish(message)

    def _message(self, report: Report) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=report.level,
            name=f'{self._name}: {report.name}',
            message=report.message,
            hardware_id=report.hardware,
            values=[KeyValue(key=key, value=value) for key, value in report.values.items()],
        )
