"""What the player tells: its state, and what is heard. Plain threads: rclpy timers cost more."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Full, Queue

import numpy as np
from audio_common_msgs import msg as audio_common
from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.node import Node

from gptsovits_ros.errors import GptsovitsError
from gptsovits_ros.msg import PlayerState
from gptsovits_ros.ros.conversions import audio_messages
from gptsovits_ros.ros.player_core import Report
from gptsovits_ros.ros.player_keeper import DeviceKeeper
from gptsovits_ros.ros.player_table import PlayerParameters
from gptsovits_ros.ros.qos import AUDIO_QOS, LATCHED_QOS

logger = logging.getLogger(__name__)

# Length of a message of the echo reference: little delay, few messages. [s]
ECHO_S = 0.02

# How often its thread looks whether it is to end, while there is no sound. [s]
ECHO_POLL_S = 0.5

# Most blocks that wait to be published; more are dropped, for the device must not wait. [1]
ECHO_QUEUE = 200


def stamp(nanoseconds: int) -> Time:
    """Return a time as a message."""
    return Time(sec=nanoseconds // 1_000_000_000, nanosec=nanoseconds % 1_000_000_000)


def player_state(
    report: Report,
    parameters: PlayerParameters,
    keeper: DeviceKeeper,
    problem: GptsovitsError | None,
) -> PlayerState:
    """Return msg/PlayerState without its header.

    Args:
        problem: what is wrong besides the device; None: nothing.

    """
    device = keeper.device
    error = keeper.error or problem
    return PlayerState(
        playing=report.playing,
        audio_stamp=stamp(report.audio_stamp_ns),
        chunk_stamp=stamp(report.chunk_stamp_ns),
        chunk_samples=report.chunk_samples,
        sample_rate=report.sample_rate,
        received_samples=report.received_samples,
        played_samples=report.played_samples,
        dropped_samples=report.dropped_samples,
        buffered_s=report.buffered_s,
        latency_s=device.latency_s if device else 0.0,
        underruns=report.underruns,
        device_underruns=keeper.underruns,
        flushes=report.flushes,
        volume=parameters.player_volume,
        muted=parameters.player_mute,
        device=device.name if device else '',
        error_code=error.code if error else 0,
        error_msg=str(error) if error else '',
    )


class StateReporter:
    """Publishes `player_state` at each change, and regularly while there is sound."""

    def __init__(
        self,
        node: Node,
        frame_id: str,
        report: Callable[[float], Report],
        message: Callable[[Report], PlayerState],
        period_s: Callable[[], float],
    ) -> None:
        """Create the topic; start() begins.

        Args:
            report: tells what has been heard at a monotonic time.
            message: makes the message of a report.
            period_s: tells how often to publish while there is sound.

        """
        self._clock = node.get_clock()
        self._frame_id = frame_id
        self._report = report
        self._message = message
        self._period_s = period_s
        self._publisher = node.create_publisher(PlayerState, 'player_state', LATCHED_QOS)
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name='player state', daemon=True)

    def start(self) -> None:
        """Start the thread; the first state is sent at once."""
        self._changed.set()
        self._thread.start()

    def notify(self) -> None:
        """Note that something has changed; may be called by any thread, and never waits."""
        self._changed.set()

    def stop(self) -> None:
        """Send the last state and end the thread."""
        self._closing.set()
        self._changed.set()
        self._thread.join(2)

    def _run(self) -> None:
        while not self._closing.is_set():
            report = self._publish()
            self._changed.wait(self._pause_s(report))
            self._changed.clear()
        self._publish()

    def _publish(self) -> Report:
        report = self._report(time.monotonic())
        message = self._message(report)
        message.header.stamp = self._clock.now().to_msg()
        message.header.frame_id = self._frame_id
        self._publisher.publish(message)
        return report

    def _pause_s(self, report: Report) -> float | None:
        """Return how long nothing new is to be told, if nothing changes; None: for ever."""
        pause_s = self._period_s() if report.playing else None
        if report.next_change_s is not None:
            until_s = max(0.0, report.next_change_s - time.monotonic())
            pause_s = until_s if pause_s is None else min(pause_s, until_s)
        return pause_s


@dataclass
class Piece:
    """What is heard without a break: when it begins [s, monotonic], int16 [T] each, their rate."""

    heard_at: float
    blocks: list[np.ndarray]
    sample_rate: int

    @property
    def duration_s(self) -> float:
        """How long it is."""
        return sum(map(len, self.blocks)) / self.sample_rate

    def goes_on_with(self, other: Piece) -> bool:
        """Tell whether another piece follows at once."""
        gap_s = other.heard_at - self.heard_at - self.duration_s
        return other.sample_rate == self.sample_rate and abs(gap_s) < ECHO_S


class EchoPublisher:
    """Publishes what is heard, after volume and mute, with the time at which it is heard."""

    def __init__(self, node: Node, frame_id: str) -> None:
        """Create the topics `echo_reference` and `echo_reference_info`."""
        self._clock = node.get_clock()
        self._frame_id = frame_id
        self._messages = audio_messages(audio_common)
        audio_type = self._messages.stamped_type or self._messages.audio_type
        self._audio = node.create_publisher(audio_type, 'echo_reference', AUDIO_QOS)
        self._info = node.create_publisher(
            self._messages.info_type, 'echo_reference_info', LATCHED_QOS
        )
        self._announced = 0
        self._pieces: Queue[Piece] = Queue(ECHO_QUEUE)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name='echo reference', daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, heard_at: float, samples: np.ndarray, sample_rate: int) -> None:
        """Take what is heard from a monotonic time on, int16 [T]; never waits."""
        try:
            self._pieces.put_nowait(Piece(heard_at, [samples], sample_rate))
        except Full:
            logger.warning('the echo reference is behind; %d samples are left out', len(samples))

    def stop(self) -> None:
        """End the thread; what has not been published is not."""
        self._closing.set()
        self._thread.join(2)

    def _run(self) -> None:
        piece: Piece | None = None
        while not self._closing.is_set():
            try:
                new = self._pieces.get(timeout=ECHO_S if piece else ECHO_POLL_S)
            except Empty:
                new = None
            if piece and (new is None or not piece.goes_on_with(new)):
                self._publish(piece)
                piece = None
            if new is not None:
                piece = Piece(new.heard_at, [], new.sample_rate) if piece is None else piece
                piece.blocks += new.blocks
            if piece and piece.duration_s >= ECHO_S:
                self._publish(piece)
                piece = None

    def _publish(self, piece: Piece) -> None:
        samples = np.concatenate(piece.blocks)
        if piece.sample_rate != self._announced:
            self._announced = piece.sample_rate
            chunk_length = round(ECHO_S * piece.sample_rate)
            self._info.publish(self._messages.info(piece.sample_rate, chunk_length))
        until_s = piece.heard_at - time.monotonic()
        heard_at = (self._clock.now() + Duration(seconds=until_s)).to_msg()
        message = self._messages.audio(samples, piece.sample_rate, heard_at, self._frame_id)
        if self._messages.stamped_type is not None:
            message = self._messages.stamped(message, heard_at, self._frame_id)
        self._audio.publish(message)
