"""The audio that the player hears, from the messages of the installed `audio_common_msgs`.

Messages of one publisher are put into the order in which it sent them, also across topics: what
was sent before a flush is dropped even if it arrives later.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from audio_common_msgs import msg as audio_common
from builtin_interfaces.msg import Time
from rclpy.node import Node
from std_msgs.msg import Empty

from gptsovits_ros.errors import AudioInvalidError, GptsovitsError
from gptsovits_ros.ros.conversions import BITS_PER_SAMPLE, PORTAUDIO_INT16
from gptsovits_ros.ros.qos import AUDIO_QOS, FLUSH_QOS, LATCHED_QOS

# For so long after a flush, audio that was sent before it may still arrive. Not longer, since the
# clock of another machine may be wrong. [s]
OVERTAKEN_S = 0.2

# For so long, audio waits for its format: that of a publisher who was just found comes on a topic
# of its own, perhaps later. [s]
FORMAT_WAIT_S = 2.0

# What a loudspeaker may be asked to play [Hz].
SLOWEST_RATE, FASTEST_RATE = 4000, 384000


def nanoseconds(stamp: Time) -> int:
    """Return a stamp in nanoseconds."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


@dataclass(frozen=True)
class Audio:
    """Samples of a message, int16 [T], their rate if it tells, and its stamp [ns, 0: none]."""

    samples: np.ndarray
    sample_rate: int | None
    stamp_ns: int


class RawFormat:
    """Reads messages of ros-drivers: bytes, which AudioInfo describes."""

    def __init__(self, messages: ModuleType, stamped: bool) -> None:
        """Read AudioDataStamped, or AudioData."""
        self._is_stamped = stamped
        self.audio_type = messages.AudioDataStamped if stamped else messages.AudioData
        self.info_type = messages.AudioInfo
        self.suffix = '_stamped' if stamped else ''

    def rate(self, info: Any) -> int:
        """Return the rate of the audio that a message describes.

        Raises:
            AudioInvalidError: if it is not mono, signed 16 bit, little endian.

        """
        kind = (info.channels, info.sample_format.upper(), info.coding_format.lower())
        if kind != (1, 'S16LE', 'wave'):
            raise AudioInvalidError(
                f'audio of {info.channels} channels, format {info.sample_format[:20]!r} and '
                f'coding {info.coding_format[:20]!r} cannot be played; it must be 1, S16LE, wave'
            )
        return _checked_rate(info.sample_rate)

    def read(self, message: Any) -> Audio:
        """Return the audio of a message, whose rate is only in the message before it.

        Raises:
            AudioInvalidError: if half a sample is missing.

        """
        data = message.audio.data if self._is_stamped else message.data
        if len(data) * 8 % BITS_PER_SAMPLE:
            raise AudioInvalidError(f'{len(data)} bytes are no whole number of 16-bit samples')
        stamp_ns = nanoseconds(message.header.stamp) if self._is_stamped else 0
        return Audio(np.frombuffer(data, '<i2').astype(np.int16), None, stamp_ns)


class TypedFormat:
    """Reads messages of mgonzs13, which describe themselves and bear stamps."""

    suffix = ''

    def __init__(self, messages: ModuleType) -> None:
        """Read AudioStamped."""
        self.audio_type = messages.AudioStamped
        self.info_type = messages.AudioInfo

    def rate(self, info: Any) -> int:
        """Return the rate of the audio that a message describes; raises as RawFormat does."""
        if (info.channels, info.format) != (1, PORTAUDIO_INT16):
            raise AudioInvalidError(
                f'audio of {info.channels} channels and format {info.format} cannot be played; it '
                f'must be 1 and {PORTAUDIO_INT16}'
            )
        return _checked_rate(info.rate)

    def read(self, message: Any) -> Audio:
        """Return the audio of a message; raises as rate() does."""
        samples = np.array(message.audio.audio_data.int16_data, np.int16)
        return Audio(samples, self.rate(message.audio.info), nanoseconds(message.header.stamp))


def _checked_rate(rate: int) -> int:
    if not SLOWEST_RATE <= rate <= FASTEST_RATE:
        raise AudioInvalidError(f'{rate} Hz cannot be played; [{SLOWEST_RATE}, {FASTEST_RATE}]')
    return int(rate)


def audio_format(messages: ModuleType, stamped: bool) -> RawFormat | TypedFormat:
    """Return what reads the messages of a module `audio_common_msgs.msg`."""
    if hasattr(messages, 'AudioStamped'):
        return TypedFormat(messages)
    return RawFormat(messages, stamped)


class AudioInput:
    """The subscriptions of the player."""

    def __init__(
        self,
        node: Node,
        topic: str,
        stamped: bool,
        on_rate: Callable[[int], None],
        on_audio: Callable[[np.ndarray, int, int], None],
        on_flush: Callable[[], None],
        on_problem: Callable[[GptsovitsError], None],
    ) -> None:
        """Subscribe.

        Args:
            stamped: whether to hear `<topic>_stamped`; no matter where `topic` bears stamps.
            on_rate: called with the rate of the audio to come.
            on_audio: called with int16 [T], rate and stamp [ns, 0: none].
            on_flush: called when all that came is to be dropped.
            on_problem: called with what is wrong with a message, which is dropped.

        """
        self._format = audio_format(audio_common, stamped)
        self._on_rate = on_rate
        self._on_audio = on_audio
        self._on_flush = on_flush
        self._on_problem = on_problem
        self._rate: int | None = None
        self._format_problem: GptsovitsError | None = None
        # For a format, with the time of arrival.
        self._waiting: deque[tuple[float, Audio]] = deque(maxlen=AUDIO_QOS.depth)
        self._flush_sent_ns = 0
        self._flush_came_s = 0.0
        self.topic = f'{topic}{self._format.suffix}'
        # The executor takes what is ready in this order, one of each topic in turn.
        node.create_subscription(Empty, f'{topic}_flush', self._hear_flush, FLUSH_QOS)
        node.create_subscription(
            self._format.info_type, f'{topic}_info', self._hear_info, LATCHED_QOS
        )
        node.create_subscription(self._format.audio_type, self.topic, self._hear_audio, AUDIO_QOS)

    def _hear_flush(self, message: Empty, info: dict[str, Any]) -> None:
        self._flush_sent_ns = info['source_timestamp']
        self._flush_came_s = time.monotonic()
        self._waiting.clear()
        self._on_flush()

    def _hear_info(self, message: Any) -> None:
        try:
            self._rate = self._format.rate(message)
        except GptsovitsError as error:
            self._rate, self._format_problem = None, error
            self._waiting.clear()
            self._on_problem(error)
            return
        self._format_problem = None
        self._on_rate(self._rate)
        while self._waiting:
            came_s, audio = self._waiting.popleft()
            if time.monotonic() - came_s < FORMAT_WAIT_S:
                self._deliver(audio)

    def _hear_audio(self, message: Any, info: dict[str, Any]) -> None:
        if (
            info['source_timestamp'] < self._flush_sent_ns
            and time.monotonic() - self._flush_came_s < OVERTAKEN_S
        ):
            return
        try:
            audio = self._format.read(message)
        except GptsovitsError as error:
            self._on_problem(error)
        else:
            self._deliver(audio)

    def _deliver(self, audio: Audio) -> None:
        try:
            self._play(audio)
        except GptsovitsError as error:
            self._on_problem(error)

    def _play(self, audio: Audio) -> None:
        rate = audio.sample_rate or self._rate
        if rate is not None:
            self._on_audio(audio.samples, rate, audio.stamp_ns)
            return
        if self._format_problem is not None:
            raise self._format_problem
        now = time.monotonic()
        self._waiting.append((now, audio))
        if now - self._waiting[0][0] > FORMAT_WAIT_S:
            self._waiting.popleft()
            raise AudioInvalidError('audio came without a format; its <topic>_info is missing')
