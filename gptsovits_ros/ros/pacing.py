"""When to send audio, and in what pieces. No ROS and no clock: the caller tells the time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


class PlaybackClock:
    """The playing time of a player that starts with the first message and plays without a gap.

    Times are seconds of any steady clock. When audio comes too late the player has fallen silent,
    and the playing time of the rest moves back by the gap.
    """

    def __init__(self, lead_s: float) -> None:
        """Create the clock of one utterance; audio is sent up to lead_s ahead of being heard."""
        self._lead_s = lead_s
        self._end: float | None = None

    def due_in(self, now: float) -> float:
        """Return in how many seconds audio sent now is heard."""
        return 0.0 if self._end is None else max(0.0, self._end - now)

    def delay(self, now: float) -> float:
        """Return how many seconds to wait before sending more."""
        return max(0.0, self.due_in(now) - self._lead_s)

    def sent(self, now: float, duration_s: float) -> None:
        """Note that audio of this length was sent."""
        self._end = now + self.due_in(now) + duration_s


class Rechunker:
    """Cuts the engine's chunks into pieces of one length; a piece never spans two segments."""

    def __init__(self, chunk_ms: int) -> None:
        """Create one for an utterance; pieces are chunk_ms long, the last of a segment shorter."""
        self._chunk_ms = chunk_ms
        self._rest = np.empty(0, np.int16)

    def pieces(
        self, samples: np.ndarray, sample_rate: int, is_segment_end: bool
    ) -> Iterator[np.ndarray]:
        """Add samples and return what is ready to be sent; all of it at the end of a segment.

        Args:
            samples: int16 [T].

        Returns:
            int16 [sample_rate * chunk_ms / 1000] each, but for the last one of a segment.

        """
        length = max(1, sample_rate * self._chunk_ms // 1000)
        if len(self._rest):
            samples = np.concatenate((self._rest, samples))
        whole = len(samples) if is_segment_end else len(samples) // length * length
        self._rest = samples[whole:]
        for start in range(0, whole, length):
            yield samples[start : min(start + length, whole)]

    def flush(self) -> np.ndarray:
        """Return what is left when the stream ends; int16 [T], often empty."""
        rest, self._rest = self._rest, self._rest[:0]
        return rest
