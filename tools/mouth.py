"""Draws a mouth that moves with what the speech node says (docs/marks.md).

    python tools/mouth.py

It hears `speech_marks` and `audio_flush`; the node needs `speech.marks: true`.
"""

from __future__ import annotations

import sys
from collections import deque

import rclpy
from gptsovits_ros.msg import SpeechMark, SpeechMarks
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Empty

FRAME_S = 0.02
MOUTHS = {
    'sil': '  ---  ', 'PP': '  ===  ', 'FF': '  =v=  ', 'TH': '  <~>  ', 'DD': ' (---) ',
    'kk': ' ( - ) ', 'CH': '  [=]  ', 'SS': ' [===] ', 'nn': ' (-_-) ', 'RR': '  (=)  ',
    'aa': '( ___ )', 'E': '(=====)', 'ih': '<----->', 'oh': '  (O)  ', 'ou': '  (o)  ',
}  # fmt: skip


class Mouth(Node):
    """Shows each mark when it is due."""

    def __init__(self) -> None:
        """Listen."""
        super().__init__('mouth')
        self._marks: deque[SpeechMark] = deque()
        self._shape, self._word = 'sil', ''
        self.create_subscription(SpeechMarks, 'speech_marks', self._on_marks, 100)
        self.create_subscription(Empty, 'audio_flush', self._on_flush, 10)
        self.create_timer(FRAME_S, self._draw)

    def _on_marks(self, message: SpeechMarks) -> None:
        self._marks.extend(message.marks)

    def _on_flush(self, _: Empty) -> None:
        self._marks.clear()
        self._shape = 'sil'

    def _draw(self) -> None:
        now = self.get_clock().now()
        while self._marks and Time.from_msg(self._marks[0].stamp) <= now:
            mark = self._marks.popleft()
            if mark.kind == SpeechMark.VISEME:
                self._shape = mark.text
            elif mark.kind == SpeechMark.WORD:
                self._word = mark.text
        # What is said came over the network: nothing of it may steer the terminal.
        word = ''.join(character for character in self._word if character.isprintable())
        sys.stdout.write(f'\r\x1b[K{MOUTHS.get(self._shape, MOUTHS["sil"])}  {word[:40]}')
        sys.stdout.flush()


def main() -> None:
    """Run until it is stopped."""
    rclpy.init()
    try:
        rclpy.spin(Mouth())
    except (KeyboardInterrupt, ExternalShutdownException):
        sys.stdout.write('\n')


if __name__ == '__main__':
    main()
