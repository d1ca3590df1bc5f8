"""One thing to be said, from its acceptance to its end."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from gptsovits_ros.errors import CanceledError, GptsovitsError
from gptsovits_ros.ros.heard import Heard, Playout
from gptsovits_ros.ros.order import Order, Reason
from gptsovits_ros.ros.script import Part, Script
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


@dataclass(frozen=True)
class Ending:
    """Why an utterance did not go on to its end."""

    error: GptsovitsError
    reason: Reason = Reason.NONE

    @property
    def state(self) -> State:
        """Canceled if somebody wanted it so, else failed."""
        return State.CANCELED if isinstance(self.error, CanceledError) else State.FAILED


class Cancelable(Protocol):
    """What can be told to stop: the speech of an engine."""

    def cancel(self) -> None:
        """Stop as soon as possible; may be called from any thread, more than once."""


class Utterance:
    """A request with an identity, which any thread may end.

    Attributes:
        request: how to say it; its text is that of `script` where all of it is known at once.
        source: who wants it said; sources take turns in the queue.
        id: unique; names it in logs and messages.
        order: what it asks of the queue.
        script: what to say.
        playout: what was sent of it.
        created: when it was accepted [s, time.monotonic()].
        first_audio_s: from its acceptance to its first audio [s]; None before that.
        guard: what went wrong with its segments and was done about it (docs/guard.md), in order.
        heard: how much of it was heard; None until it has ended.

    """

    def __init__(
        self,
        request: SpeechRequest,
        source: str,
        utterance_id: str = '',
        order: Order | None = None,
        script: Script | None = None,
    ) -> None:
        """Create an utterance; without an id it gets a random one, without a script its text."""
        self.request = request
        self.source = source
        self.id = utterance_id or uuid.uuid4().hex
        self.order = order or Order()
        self.script = script or Script((Part(request.text),))
        self.playout = Playout()
        self.created = time.monotonic()
        self.first_audio_s: float | None = None
        self.guard: list[str] = []
        self.heard: Heard | None = None
        self._canceled = threading.Event()
        self._lock = threading.Lock()
        self._speech: Cancelable | None = None
        self._ending: Ending | None = None
        self._is_within_segment = False

    @property
    def published_s(self) -> float:
        """Length of its audio that was published [s]."""
        return self.playout.sent_s

    @property
    def is_canceled(self) -> bool:
        """True once someone asked to stop it at once."""
        return self._canceled.is_set()

    @property
    def ending(self) -> Ending | None:
        """Why it has to end, or has ended, early."""
        with self._lock:
            return self._ending

    @property
    def guard_summary(self) -> str:
        """How often the guard did what, e.g. "2 too_long:retried, 1 leak:kept"."""
        counts = Counter(self.guard).items()
        return ', '.join(f'{count} {report}' for report, count in counts)

    def says_the_same(self, other: Utterance) -> bool:
        """Tell whether both are the same words in the same voice, known to their end."""
        return (
            self.script.is_complete
            and other.script.is_complete
            and self.request.voice == other.request.voice
            and self.script.text == other.script.text
        )

    def cancel(self, ending: Ending | None = None) -> None:
        """End it at once, and with it the engine's work for it; the first ending counts."""
        with self._lock:
            self._ending = self._ending or ending or _stopped()
            self._canceled.set()
            speech = self._speech
        if speech is not None:
            speech.cancel()

    def leave(self, ending: Ending) -> None:
        """End it behind the segment that is being sent, or now if none is; what was sent stays."""
        with self._lock:
            self._ending = self._ending or ending
            speech = None if self._is_within_segment else self._speech
        if speech is not None:
            speech.cancel()

    def begin_segment(self) -> None:
        """Note that a segment is being sent from now on."""
        with self._lock:
            self._is_within_segment = True

    def end_segment(self) -> None:
        """Note that a segment was sent to its end."""
        with self._lock:
            self._is_within_segment = False

    def wait_canceled(self, timeout_s: float) -> bool:
        """Sleep for timeout_s, or until it is cancelled; return whether it is."""
        return self._canceled.wait(timeout_s)

    def note_published(self, duration_s: float) -> None:
        """Note that so much more of its audio was published."""
        if self.first_audio_s is None:
            self.first_audio_s = time.monotonic() - self.created
        self.playout.sent(duration_s)

    def attach(self, speech: Cancelable) -> None:
        """Let an end reach the engine's work; if it came already the work stops now."""
        with self._lock:
            self._speech = speech
            has_to_end = self._ending is not None
        if has_to_end:
            speech.cancel()


def _stopped() -> Ending:
    return Ending(CanceledError('stopped before its end'), Reason.STOP)
