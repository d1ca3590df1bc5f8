"""First come, first spoken: the bounded queue between callbacks and the speaker thread."""

from __future__ import annotations

import threading
from collections import deque

from gptsovits_ros.errors import EngineUnavailableError, QueueFullError
from gptsovits_ros.ros.utterance import Utterance


class UtteranceQueue:
    """Utterances that wait, and the one whose turn it is; any thread may call every method."""

    def __init__(self, max_length: int) -> None:
        """Create an empty queue in which at most max_length utterances may wait."""
        self._max_length = max_length
        self._waiting: deque[Utterance] = deque()
        self._current: Utterance | None = None
        self._is_closed = False
        self._changed = threading.Condition()

    def set_max_length(self, max_length: int) -> None:
        """Change how many may wait; those that wait already stay."""
        with self._changed:
            self._max_length = max_length

    def put(self, utterance: Utterance) -> None:
        """Add an utterance at the end.

        Raises:
            QueueFullError: if max_length utterances wait already.
            EngineUnavailableError: if the queue was closed.

        """
        with self._changed:
            if self._is_closed:
                raise EngineUnavailableError('the node is shutting down')
            if len(self._waiting) >= self._max_length:
                raise QueueFullError(
                    f'{len(self._waiting)} utterances are waiting, as many as queue.max_length '
                    'allows; wait, or call the service stop'
                )
            self._waiting.append(utterance)
            self._changed.notify_all()

    def get(self) -> Utterance | None:
        """Wait for the next utterance, whose turn it is until done(); None once closed."""
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                return None
            self._current = self._waiting.popleft()
            return self._current

    def done(self) -> None:
        """End the turn of the current utterance."""
        with self._changed:
            self._current = None

    def remove(self, utterance: Utterance) -> bool:
        """Take out an utterance that waits; return whether it did."""
        with self._changed:
            if utterance not in self._waiting:
                return False
            self._waiting.remove(utterance)
            return True

    def find(self, utterance_id: str) -> Utterance | None:
        """Return the utterance of this id, if it waits or has its turn."""
        with self._changed:
            for utterance in (self._current, *self._waiting):
                if utterance is not None and utterance.id == utterance_id:
                    return utterance
            return None

    def clear(self) -> tuple[Utterance | None, list[Utterance]]:
        """Take out all that wait; return the one whose turn it is, if any, and those taken out."""
        with self._changed:
            removed = list(self._waiting)
            self._waiting.clear()
            return self._current, removed

    def close(self) -> None:
        """Let get() return None from now on, whatever waits."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def waiting(self) -> list[tuple[Utterance, int]]:
        """Return those that wait, in order, each with how many are before it."""
        with self._changed:
            return [
                (utterance, self._position(index)) for index, utterance in enumerate(self._waiting)
            ]

    def __len__(self) -> int:
        """Return how many wait; the one whose turn it is does not count."""
        with self._changed:
            return len(self._waiting)

    def _position(self, index: int) -> int:
        return index + (1 if self._current is not None else 0)
