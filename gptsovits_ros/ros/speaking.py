"""Whether the robot speaks right now, told at each change; no ROS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from gptsovits_ros.ros.playback import Playback, Report

# How long a player may take to fall silent and to tell what was heard before. [s]
FLUSH_ANSWER_S = 0.25


class SpeakingState:
    """Follows what is heard, and tells when that begins and ends. Every method: any thread."""

    def __init__(self, publish: Callable[[bool], None], hold_s: float) -> None:
        """Create it in silence, and tell so.

        Args:
            publish: told each change, in order.
            hold_s: how long it counts as speaking behind the last sample [s].

        """
        self._publish = publish
        self._playback = Playback(hold_s)
        self._changed = threading.Condition()
        self._report: Report | None = None
        self._speaking = False
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name='is_speaking', daemon=True)
        publish(False)
        self._thread.start()

    def set_hold(self, hold_s: float) -> None:
        """Change how long it counts as speaking behind the last sample."""
        with self._changed:
            self._playback.hold_s = hold_s
            self._update()

    def sent(self, due_in_s: float, stamp_ns: int, samples: int, sample_rate: int) -> None:
        """Note that a message is sent now, to be heard in due_in_s."""
        with self._changed:
            self._playback.sent(time.monotonic(), due_in_s, stamp_ns, samples, sample_rate)
            self._update()

    def reported(self, report: Report) -> None:
        """Note what a player tells."""
        with self._changed:
            self._playback.reported(time.monotonic(), report)
            self._report = report
            self._update()

    def flush(self, send: Callable[[], None], unheard_s: float) -> float:
        """Have everything dropped that is not heard; return how much that was [s].

        Args:
            send: tells the player.
            unheard_s: how much it is if all is heard when it is due [s].

        """
        with self._changed:
            before = self._report
            follows = self._playback.follows_player(time.monotonic())
            self._playback.flushed(time.monotonic())
            send()
            self._update()
            if not follows:
                return unheard_s
            # Its answer tells what was heard to the sample; without one the last report has to do.
            self._changed.wait_for(lambda: self._is_silent_since(before), FLUSH_ANSWER_S)
            told = self._playback.unheard_s()
            return unheard_s if told is None else told

    def close(self) -> None:
        """End in silence."""
        with self._changed:
            self._is_closed = True
            self._tell(False)
            self._changed.notify_all()
        self._thread.join()

    def _is_silent_since(self, before: Report) -> bool:
        """Tell whether the player has dropped everything and has faded out."""
        return self._report.flushes != before.flushes and not self._report.is_playing

    def _run(self) -> None:
        with self._changed:
            while not self._is_closed:
                now = time.monotonic()
                self._tell(self._playback.is_speaking(now))
                self._changed.wait(self._playback.changes_in(now))

    def _update(self) -> None:
        if not self._is_closed:
            self._tell(self._playback.is_speaking(time.monotonic()))
            self._changed.notify_all()

    def _tell(self, speaking: bool) -> None:
        if speaking != self._speaking:
            self._speaking = speaking
            self._publish(speaking)
