"""The subscription to a microphone, as long as somebody records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from audio_common_msgs import msg as audio_common
from rclpy.node import Node

from gptsovits_ros.errors import GptsovitsError
from gptsovits_ros.ros.player_input import audio_format
from gptsovits_ros.ros.qos import LATCHED_QOS, MICROPHONE_QOS


class Microphone:
    """Hears a topic of the installed `audio_common_msgs`: mono, 16 bit, little endian."""

    def __init__(
        self,
        node: Node,
        topic: str,
        sample_rate: int,
        on_audio: Callable[[np.ndarray, int], None],
        on_problem: Callable[[GptsovitsError], None],
    ) -> None:
        """Subscribe.

        Args:
            node: that hears it.
            topic: of the audio; `<topic>_info` tells its format, where messages do not.
            sample_rate: of it [Hz]; 0: as the messages tell.
            on_audio: called with int16 [T] and their rate.
            on_problem: called with what is wrong with a message.

        """
        self._ros_node = node
        self._format = audio_format(audio_common, stamped=False)
        self._rate = sample_rate
        self._is_rate_given = sample_rate > 0
        self._on_audio = on_audio
        self._on_problem = on_problem
        self._subscriptions = [
            node.create_subscription(
                self._format.audio_type, topic, self._hear_audio, MICROPHONE_QOS
            ),
            node.create_subscription(
                self._format.info_type, f'{topic}_info', self._hear_info, LATCHED_QOS
            ),
        ]

    def close(self) -> None:
        """Hear nothing more; not within `on_audio` or `on_problem`."""
        for subscription in self._subscriptions:
            self._ros_node.destroy_subscription(subscription)

    def _hear_info(self, message: Any) -> None:
        try:
            rate = self._format.rate(message)
        except GptsovitsError as error:
            self._on_problem(error)
            return
        if not self._is_rate_given:
            self._rate = rate

    def _hear_audio(self, message: Any) -> None:
        try:
            audio = self._format.read(message)
        except GptsovitsError as error:
            self._on_problem(error)
            return
        rate = audio.sample_rate or self._rate
        if rate:  # else its format is still to come
            self._on_audio(audio.samples, rate)
