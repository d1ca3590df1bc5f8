"""What of the audio that was sent is being heard. No ROS and no clock: the caller tells the time.

Without a player that reports, audio is heard when it is due. A player (msg/PlayerState) tells it
better: it names the message that was heard last by its stamp, and counts the samples within it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

# A player that is silent for so long, while it should play, is taken for gone. [s]
PLAYER_SILENCE_S = 1.0
# Messages that are remembered: more than any player has not played yet.
MAX_MESSAGES = 10_000


@dataclass(frozen=True)
class Report:
    """What a player tells.

    Attributes:
        is_playing: whether a sample is heard.
        stamp_ns: stamp of the message that was heard last; 0: none, or it had no stamp.
        samples: how many samples of that message were heard.
        has_played: whether any sample was ever heard.
        flushes: how often the player was told to drop everything.

    """

    is_playing: bool
    stamp_ns: int
    samples: int
    has_played: bool
    flushes: int


@dataclass(frozen=True)
class _Message:
    stamp_ns: int
    samples: int
    sample_rate: int


class Playback:
    """Whether there is sound, and how much of what was sent is still to be heard.

    Times are seconds of one steady clock. Not safe for threads.
    """

    def __init__(self, hold_s: float) -> None:
        """Create it in silence; sound counts as such until hold_s behind its last sample."""
        self.hold_s = hold_s
        self._messages: deque[_Message] = deque(maxlen=MAX_MESSAGES)
        self._due_end: float | None = None  # when the last sample that was sent is due to end
        self._sent_since: float | None = None  # when sending began after a silence
        self._report: Report | None = None
        self._report_at = 0.0
        self._played_end: float | None = None  # when the player fell silent

    def sent(
        self, now: float, due_in_s: float, stamp_ns: int, samples: int, sample_rate: int
    ) -> None:
        """Note that a message was sent, to be heard in due_in_s."""
        if self._due_end is None or now > self._due_end:
            self._sent_since = now
        self._due_end = now + due_in_s + samples / sample_rate
        self._messages.append(_Message(stamp_ns, samples, sample_rate))

    def flushed(self, now: float) -> None:
        """Note that all that was sent and not heard was dropped."""
        if self._due_end is not None:
            self._due_end = min(self._due_end, now)

    def reported(self, now: float, report: Report) -> None:
        """Note what a player tells."""
        was_playing = self._report is not None and self._report.is_playing
        if was_playing and not report.is_playing:
            self._played_end = now
        self._report, self._report_at = report, now

    def follows_player(self, now: float) -> bool:
        """Tell whether a player is there that reports."""
        if self._report is None:
            return False
        if self._report.is_playing or self._is_due(now):
            heard_of = max(self._report_at, self._sent_since or 0.0)
            return now - heard_of < PLAYER_SILENCE_S
        return True

    def is_speaking(self, now: float) -> bool:
        """Tell whether there is sound, or was just now."""
        if self.follows_player(now):
            if self._report.is_playing:
                return True
            end = self._played_end
        else:
            end = self._due_end
        return end is not None and now < end + self.hold_s

    def changes_in(self, now: float) -> float | None:
        """Return after how many seconds is_speaking() has to be asked again; None: no need."""
        times = []
        if self.follows_player(now):
            if self._report.is_playing or self._is_due(now):
                times.append(max(self._report_at, self._sent_since or 0.0) + PLAYER_SILENCE_S)
            if self._played_end is not None:
                times.append(self._played_end + self.hold_s)
        elif self._due_end is not None:
            times.append(self._due_end + self.hold_s)
        later = [time - now for time in times if time > now]
        return min(later, default=None)

    def unheard_s(self) -> float | None:
        """Return how much of what was sent was not heard when the player told last.

        None: no player told which of these messages it plays.
        """
        if self._report is None or (self._report.has_played and self._report.stamp_ns == 0):
            return None
        unheard = 0.0
        for message in reversed(self._messages):
            if message.stamp_ns == self._report.stamp_ns:
                left = max(0, message.samples - self._report.samples)
                return unheard + left / message.sample_rate
            unheard += message.samples / message.sample_rate
        return None if self._report.has_played else unheard

    def _is_due(self, now: float) -> bool:
        return self._due_end is not None and now < self._due_end
