"""The topics that the node publishes. Every method may be called by any thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from audio_common_msgs import msg as audio_common
from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.node import Node
from std_msgs.msg import Empty

from gptsovits_ros.msg import SpeechMark, SpeechMarks, SpeechState
from gptsovits_ros.ros.conversions import audio_messages
from gptsovits_ros.ros.parameters import Parameters
from gptsovits_ros.ros.qos import AUDIO_QOS, FLUSH_QOS, LATCHED_QOS, STATE_QOS
from gptsovits_ros.types import Mark


class AudioPublisher:
    """The audio and its description, in the messages of the installed `audio_common_msgs`."""

    def __init__(self, node: Node, parameters: Parameters) -> None:
        """Create `audio` and what goes with it; `audio_stamped` if it is asked for."""
        self._clock = node.get_clock()
        self._frame_id = parameters.stream_frame_id
        self._messages = audio_messages(audio_common)
        topic = parameters.topic_audio
        self._audio = node.create_publisher(self._messages.audio_type, topic, AUDIO_QOS)
        self._info = node.create_publisher(self._messages.info_type, f'{topic}_info', LATCHED_QOS)
        self._stamped = None
        if parameters.stream_stamped and self._messages.stamped_type:
            self._stamped = node.create_publisher(
                self._messages.stamped_type, f'{topic}_stamped', AUDIO_QOS
            )
        self._marks = node.create_publisher(SpeechMarks, 'speech_marks', AUDIO_QOS)
        self._flush = node.create_publisher(Empty, f'{topic}_flush', FLUSH_QOS)
        self._lock = threading.Lock()
        self._announced: Any = None

    def announce(self, sample_rate: int, chunk_length: int) -> None:
        """Publish the format of the audio to come, if it differs from the last one announced."""
        info = self._messages.info(sample_rate, chunk_length)
        with self._lock:
            if info == self._announced:
                return
            self._announced = info
            self._info.publish(info)

    def stamp(self, due_in_s: float) -> Time:
        """Return the stamp of samples that are to be heard in due_in_s seconds."""
        return (self._clock.now() + Duration(seconds=due_in_s)).to_msg()

    def publish(self, samples: np.ndarray, sample_rate: int, stamp: Time) -> None:
        """Publish int16 [T] samples that are to be heard at the time of the stamp."""
        message = self._messages.audio(samples, sample_rate, stamp, self._frame_id)
        self._audio.publish(message)
        if self._stamped is not None:
            self._stamped.publish(self._messages.stamped(message, stamp, self._frame_id))

    def publish_marks(self, utterance_id: str, marks: Sequence[tuple[Mark, float]]) -> None:
        """Publish marks, at least one, and in how many seconds each is due to be heard."""
        message = SpeechMarks(utterance_id=utterance_id)
        now = self._clock.now()
        for mark, due_in_s in marks:
            message.marks.append(
                SpeechMark(
                    kind=getattr(SpeechMark, mark.kind.upper()),
                    text=mark.text,
                    stamp=(now + Duration(seconds=due_in_s)).to_msg(),
                    duration=mark.duration_s,
                )
            )
        message.header.stamp = message.marks[0].stamp
        message.header.frame_id = self._frame_id
        self._marks.publish(message)

    def flush(self) -> None:
        """Tell players to drop what they have not played."""
        self._flush.publish(Empty())


class StatePublisher:
    """The topic `speech_state`: what happened to utterances, and last of all the present state.

    News of an utterance that waits, was refused or ended is followed by the present state once
    more (with its old stamp), so that the latest message, also for a late joiner, tells what is
    going on. Not safe for threads: the caller holds a lock around a change and its message.
    """

    def __init__(self, node: Node, frame_id: str) -> None:
        """Create the topic; publish_rest() sends the first state."""
        self._clock = node.get_clock()
        self._frame_id = frame_id
        self._publisher = node.create_publisher(SpeechState, 'speech_state', STATE_QOS)
        self._rest: SpeechState | None = None
        self._active: SpeechState | None = None

    def publish_rest(self, message: SpeechState) -> None:
        """Publish the state between utterances, IDLE or UNAVAILABLE; not while one is spoken."""
        self._rest = message
        self._stamp(message)
        if self._active is None:
            self._publisher.publish(message)

    def publish(self, message: SpeechState) -> None:
        """Publish the state of an utterance."""
        if message.state in (SpeechState.SYNTHESIZING, SpeechState.SPEAKING):
            self._active = message
        elif self._active is not None and self._active.utterance_id == message.utterance_id:
            self._active = None
        self._stamp(message)
        self._publisher.publish(message)
        present = self._active or self._rest
        if present is None or present is message:
            return
        # Between two utterances of a queue the node is not idle.
        if present.state != SpeechState.IDLE or message.queue_length == 0:
            present.queue_length = message.queue_length
            self._publisher.publish(present)

    def _stamp(self, message: SpeechState) -> None:
        message.header.stamp = self._clock.now().to_msg()
        message.header.frame_id = self._frame_id
