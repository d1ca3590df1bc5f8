"""The audio that the player hears, from the messages of the installed `audio_common_msgs`.

Messages of one publisher are put into the order in which it sent them, also across topics: what
was sent before a flush is dropped even if it arrives later.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from audio_common_msgs import msg as audio_common
from builtin_interfaces.msg import Time
from rclpy.node import Node
from std_msgs.msg import Empty

from gptsovits_ros.errors import AudioInvalidError, GptsovitsError
from gptsovits_ros.ros.conversions import BITS_PER_SAMPLE, PORTAUDIO_INT16
from gptsovits_ros.ros.qos import AUDIO_QOS, LATCHED_QOS, SAY_QOS

# For so long after a flush, audio that was sent before it may still arrive. Not longer, since the
# clock of another machine may be wrong. [s]
OVERTAKEN_S = 0.2

# What a loudspeaker may be asked to play [Hz].
SLOWEST_RATE, FASTEST_RATE = 4000, 384000


def nanoseconds(stamp: Time) -> int:
    """Return a stamp in nanoseconds."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


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

    def read(self, message: Any, rate: int | None) -> tuple[np.ndarray, int, int]:
        """Return int16 [T], their rate, and the stamp [ns, 0: none] of a message.

        Raises:
            AudioInvalidError: if the format is not known, or half a sample is missing.

        """
        if rate is None:
            raise AudioInvalidError('audio came without a format; its <topic>_info is missing')
        data = message.audio.data if self._is_stamped else message.data
        if len(data) * 8 % BITS_PER_SAMPLE:
            raise AudioInvalidError(f'{len(data)} bytes are no whole number of 16-bit samples')
        stamp_ns = nanoseconds(message.header.stamp) if self._is_stamped else 0
        return np.frombuffer(data, '<i2').astype(np.int16), rate, stamp_ns


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

    def read(self, message: Any, rate: int | None) -> tuple[np.ndarray, int, int]:
        """Return int16 [T], their rate, and the stamp [ns] of a message; raises as rate()."""
        rate = self.rate(message.audio.info)
        samples = np.array(message.audio.audio_data.int16_data, np.int16)
        return samples, rate, nanoseconds(message.header.stamp)


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
        self._node = node
        self._format = audio_format(audio_common, stamped)
        self._on_rate = on_rate
        self._on_audio = on_audio
        self._on_flush = on_flush
        self._on_problem = on_problem
        self._rate: int | None = None
        self._flush_sent_ns = 0
        self._flush_came_s = 0.0
        self.topic = f'{topic}{self._format.suffix}'
        # The executor takes what is ready in this order, one of each topic in turn.
        node.create_subscription(Empty, f'{topic}_flush', self._hear_flush, SAY_QOS)
        node.create_subscription(
            self._format.info_type, f'{topic}_info', self._hear_info, LATCHED_QOS
        )
        node.create_subscription(self._format.audio_type, self.topic, self._hear_audio, AUDIO_QOS)

    def _hear_flush(self, message: Empty, info: dict[str, Any]) -> None:
        self._flush_sent_ns = info['source_timestamp']
        self._flush_came_s = time.monotonic()
        self._on_flush()

    def _hear_info(self, message: Any) -> None:
        try:
            self._rate = self._format.rate(message)
        except GptsovitsError as error:
            self._rate = None
            self._on_problem(error)
        else:
            self._on_rate(self._rate)

    def _hear_audio(self, message: Any, info: dict[str, Any]) -> None:
        if (
            info['source_timestamp'] < self._flush_sent_ns
            and time.monotonic() - self._flush_came_s < OVERTAKEN_S
        ):
            return
        try:
            self._on_audio(*self._format.read(message, self._rate))
        except GptsovitsError as error:
            self._on_problem(error)
