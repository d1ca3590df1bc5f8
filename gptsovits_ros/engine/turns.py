"""Whose turn it is, among utterances that are spoken at once, each in a thread of its own.

The engine is made for one thread. So an utterance computes only while it is its turn, and leaves
its turn to others wherever it waits: for tokens, or for a client that does not read.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar('Item')


class Turns:
    """A lock that goes to whoever has waited longest."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._is_taken = False
        self._sharing = 0
        self._waiting: deque[threading.Event] = deque()

    @property
    def sharing(self) -> int:
        """How many are between their first and their last turn (`each`)."""
        return self._sharing

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn and have it."""
        self._take()
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def left(self) -> Iterator[None]:
        """Let others have a turn; wait for the next one at the end."""
        self._leave()
        try:
            yield
        finally:
            self._take()

    def each(self, items: Generator[Item, None, None]) -> Generator[Item, None, None]:
        """Yield items, each made in a turn, which ends before it is handed out."""
        with self._guard:
            self._sharing += 1
        try:
            while True:
                with self.taken():
                    item = next(items, None)
                if item is None:
                    return
                yield item
        finally:
            with self.taken():
                items.close()
            with self._guard:
                self._sharing -= 1

    def _take(self) -> None:
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return
            mine = threading.Event()
            self._waiting.append(mine)
        mine.wait()

    def _leave(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()  # it stays taken
            else:
                self._is_taken = False
