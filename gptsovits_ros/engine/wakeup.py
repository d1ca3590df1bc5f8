"""A queue whose reader can wait for it and for sockets at the same time."""

from __future__ import annotations

import socket
import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar('Item')


class WakeupQueue(Generic[Item]):
    """Hand items from any thread to one thread that polls `fileno()` together with its sockets.

    Sockets of ZeroMQ must not be shared between threads; this is how the others reach the thread
    that owns them. `put` and `wake` never block and may be called from a signal handler.
    """

    def __init__(self) -> None:
        """Create an empty queue."""
        self._items: deque[Item] = deque()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        # Re-entrant, because a signal handler may interrupt `put` or `close` of its own thread.
        self._lock = threading.RLock()

    def put(self, item: Item) -> None:
        """Append an item and wake the reader; after `close` the item only waits for `take`."""
        with self._lock:
            self._items.append(item)
            self.wake()

    def wake(self) -> None:
        """Wake the reader without an item, to make it look at something else."""
        with self._lock:
            if self._writer.fileno() < 0:
                return
            try:
                self._writer.send(b'\0')
            except BlockingIOError:
                pass  # the pipe is full of wake-ups already: the reader will come anyway

    def take(self) -> list[Item]:
        """Return and remove the items that are there, oldest first; never blocks."""
        self._drain_wakeups()
        items = []
        while self._items:
            items.append(self._items.popleft())
        return items

    def fileno(self) -> int:
        """Return the descriptor that is readable while items wait."""
        return self._reader.fileno()

    def close(self) -> None:
        """Release both descriptors; items that wait can still be taken."""
        with self._lock:
            self._writer.close()
            self._reader.close()

    def _drain_wakeups(self) -> None:
        if self._reader.fileno() < 0:
            return
        try:
            while self._reader.recv(4096):
                pass
        except BlockingIOError:
            pass
