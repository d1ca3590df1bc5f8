"""One thing to be said, from its acceptance to its end."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from enum import IntEnum
from typing import Protocol

from gptsovits_ros.types import SpeechRequest


class State(IntEnum):
    """What the node is doing; numbers as in msg/SpeechState.msg (kept equal by a test)."""

    UNAVAILABLE = 0
    IDLE = 1
    QUEUED = 2
    SYNTHESIZING = 3
    SPEAKING = 4
    FINISHED = 5
    CANCELED = 6
    REFUSED = 7
    FAILED = 8

    @property
    def is_end(self) -> bool:
        """True if an utterance in this state is over."""
        return self >= State.FINISHED


class Cancelable(Protocol):
    """What can be told to stop: the stream of an engine."""

    def cancel(self) -> None:
        """Stop as soon as possible; may be called from any thread, more than once."""


class Utterance:
    """A request with an identity, which any thread may cancel.

    Attributes:
        request: what to say, and how.
        source: where it came from: "say" or "speak".
        id: unique; names it in logs and messages.
        published_s: length of its audio that was published [s].
        first_audio_s: from its acceptance to its first audio [s]; None before that.
        guard: what went wrong with its segments and was done about it (docs/guard.md), in order.

    """

    def __init__(self, request: SpeechRequest, source: str, utterance_id: str = '') -> None:
        """Create an utterance; without an id it gets a random one."""
        self.request = request
        self.source = source
        self.id = utterance_id or uuid.uuid4().hex
        self.published_s = 0.0
        self.first_audio_s: float | None = None
        self.guard: list[str] = []
        self._created = time.monotonic()
        self._canceled = threading.Event()
        self._lock = threading.Lock()
        self._stream: Cancelable | None = None

    @property
    def is_canceled(self) -> bool:
        """True once someone asked to stop it."""
        return self._canceled.is_set()

    @property
    def guard_summary(self) -> str:
        """How often the guard did what, e.g. "2 too_long:retried, 1 leak:kept"."""
        counts = Counter(self.guard).items()
        return ', '.join(f'{count} {report}' for report, count in counts)

    def cancel(self) -> None:
        """Ask it to stop, and with it the engine's work for it; more than once does no harm."""
        with self._lock:
            self._canceled.set()
            stream = self._stream
        if stream is not None:
            stream.cancel()

    def wait_canceled(self, timeout_s: float) -> bool:
        """Sleep for timeout_s, or until it is cancelled; return whether it is."""
        return self._canceled.wait(timeout_s)

    def note_published(self, duration_s: float) -> None:
        """Note that so much more of its audio was published."""
        if self.first_audio_s is None:
            self.first_audio_s = time.monotonic() - self._created
        self.published_s += duration_s

    def attach(self, stream: Cancelable) -> None:
        """Let cancel() reach the engine's work; if it was cancelled already the work stops now."""
        with self._lock:
            self._stream = stream
            canceled = self._canceled.is_set()
        if canceled:
            stream.cancel()
