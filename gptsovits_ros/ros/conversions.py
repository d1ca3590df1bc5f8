"""Our values <-> messages: pure functions and the two families of audio messages.

Two packages are called `audio_common_msgs`: that of ros-drivers (AudioData: bare bytes, described
by AudioInfo on a latched topic) and that of mgonzs13 (AudioStamped: typed samples, described
in each message). They cannot be installed together; audio_messages() takes the one that is there.
"""

from __future__ import annotations

import array
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from builtin_interfaces.msg import Duration, Time

from gptsovits_ros.ros.playback import Report
from gptsovits_ros.ros.utterance import Ending, State, Utterance
from gptsovits_ros.types import VoiceInfo

# PortAudio's number for signed 16-bit samples (paInt16), used by mgonzs13's AudioInfo.format.
PORTAUDIO_INT16 = 8

BITS_PER_SAMPLE = 16


class AudioMessages(Protocol):
    """One family of audio messages.

    Attributes:
        audio_type: message class of the topic `audio`.
        info_type: message class of the topic `audio_info`.
        stamped_type: message class of the topic `audio_stamped`; None where `audio` is stamped.

    """

    audio_type: type
    info_type: type
    stamped_type: type | None

    def audio(self, samples: np.ndarray, sample_rate: int, stamp: Time, frame_id: str) -> Any:
        """Return a message with int16 [T] samples that are due to be heard at stamp."""

    def stamped(self, message: Any, stamp: Time, frame_id: str) -> Any:
        """Return the stamped twin of a message; only where there is a stamped_type."""

    def info(self, sample_rate: int, chunk_length: int) -> Any:
        """Return the description of a stream whose messages hold chunk_length samples."""


class RawAudioMessages:
    """The messages of ros-drivers: bytes S16LE, mono."""

    def __init__(self, messages: ModuleType) -> None:
        """Use the message classes of this module."""
        self._messages = messages
        self.audio_type = messages.AudioData
        self.info_type = messages.AudioInfo
        self.stamped_type = messages.AudioDataStamped

    def audio(self, samples: np.ndarray, sample_rate: int, stamp: Time, frame_id: str) -> Any:
        """Return AudioData; neither rate nor time fits in it."""
        message = self._messages.AudioData()
        # The one assignment that rclpy copies in bulk on every distribution.
        message.data = array.array('B', samples.astype('<i2', copy=False).tobytes())
        return message

    def stamped(self, message: Any, stamp: Time, frame_id: str) -> Any:
        """Return AudioDataStamped."""
        stamped = self._messages.AudioDataStamped(audio=message)
        stamped.header.stamp = stamp
        stamped.header.frame_id = frame_id
        return stamped

    def info(self, sample_rate: int, chunk_length: int) -> Any:
        """Return AudioInfo, in the words that audio_capture and audio_play use."""
        return self._messages.AudioInfo(
            channels=1,
            sample_rate=sample_rate,
            sample_format='S16LE',
            bitrate=sample_rate * BITS_PER_SAMPLE,
            coding_format='wave',
        )


class TypedAudioMessages:
    """The messages of mgonzs13: 16-bit samples with rate, format and time."""

    def __init__(self, messages: ModuleType) -> None:
        """Use the message classes of this module."""
        self._messages = messages
        self.audio_type = messages.AudioStamped
        self.info_type = messages.AudioInfo
        self.stamped_type = None

    def audio(self, samples: np.ndarray, sample_rate: int, stamp: Time, frame_id: str) -> Any:
        """Return AudioStamped."""
        message = self._messages.AudioStamped()
        message.header.stamp = stamp
        message.header.frame_id = frame_id
        message.audio.audio_data.int16_data = array.array('h', samples.astype('=i2').tobytes())
        # Its player drops a message that holds fewer samples than `chunk` says.
        message.audio.info = self.info(sample_rate, len(samples))
        return message

    def info(self, sample_rate: int, chunk_length: int) -> Any:
        """Return AudioInfo."""
        return self._messages.AudioInfo(
            format=PORTAUDIO_INT16, channels=1, rate=sample_rate, chunk=chunk_length
        )


def audio_messages(messages: ModuleType) -> AudioMessages:
    """Return the family that a module `audio_common_msgs.msg` holds."""
    if hasattr(messages, 'AudioStamped'):
        return TypedAudioMessages(messages)
    return RawAudioMessages(messages)


def duration_message(seconds: float) -> Duration:
    """Return a length of time as a message, to the nanosecond."""
    whole, nanoseconds = divmod(round(seconds * 1e9), 1_000_000_000)
    return Duration(sec=whole, nanosec=nanoseconds)


def voice_message(voice: VoiceInfo, message_type: type) -> Any:
    """Return a voice as msg/Voice."""
    return message_type(
        name=voice.name,
        description=voice.description,
        languages=list(voice.languages),
        model_version=voice.model_version,
        sample_rate=voice.sample_rate,
        is_default=voice.is_default,
    )


def duration_s(message: Duration) -> float:
    """Return a length of time in seconds."""
    return message.sec + message.nanosec * 1e-9


def state_message(
    state: State,
    utterance: Utterance | None,
    segment: str,
    ending: Ending | None,
    message_type: type,
) -> Any:
    """Return a state as msg/SpeechState, without header, voice and queue length."""
    message = message_type(state=int(state), segment=segment)
    if utterance is not None:
        message.utterance_id = utterance.id
        message.source = utterance.source
        message.priority = int(utterance.order.priority)
        message.guard = utterance.guard_summary
        if utterance.heard is not None:
            message.heard = duration_message(utterance.heard.duration_s)
            message.heard_text = utterance.heard.text
    if ending is not None:
        message.error_code = ending.error.code
        message.error_msg = str(ending.error)
        message.reason = int(ending.reason)
    return message


def player_report(message: Any) -> Report:
    """Return what msg/PlayerState tells of the samples."""
    stamp = message.chunk_stamp
    return Report(
        is_playing=message.playing,
        stamp_ns=stamp.sec * 1_000_000_000 + stamp.nanosec,
        samples=message.chunk_samples,
        has_played=message.played_samples > 0,
        flushes=message.flushes,
    )
