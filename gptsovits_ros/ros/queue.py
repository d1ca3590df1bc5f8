"""The bounded queue between callbacks and the speaker thread: who speaks next, who gives way."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from gptsovits_ros.errors import (
    CanceledError,
    DeadlinePassedError,
    EngineUnavailableError,
    MergedError,
    QueueFullError,
)
from gptsovits_ros.ros.order import Policy, Reason
from gptsovits_ros.ros.utterance import Ending, Utterance
from gptsovits_ros.ros.waiting_list import WaitingList


@dataclass(frozen=True)
class QueueSettings:
    """Limits of a queue.

    Attributes:
        max_length: most utterances that may wait.
        merges: whether a text that waits already in the same voice is refused.

    """

    max_length: int
    merges: bool = False


@dataclass
class Admission:
    """What followed from putting an utterance into the queue.

    Attributes:
        dropped: those that waited and had to leave, each with why.
        interrupted: the one being spoken, if it has to end; None: it goes on.

    """

    dropped: list[tuple[Utterance, Ending]] = field(default_factory=list)
    interrupted: Utterance | None = None


class UtteranceQueue:
    """Utterances that wait, and the one whose turn it is; any thread may call every method."""

    def __init__(self, settings: QueueSettings) -> None:
        """Create an empty queue."""
        self._settings = settings
        self._waiting = WaitingList()
        self._current: Utterance | None = None
        self._is_closed = False
        self._changed = threading.Condition()

    def set_settings(self, settings: QueueSettings) -> None:
        """Change the limits; those that wait already stay."""
        with self._changed:
            self._settings = settings

    def put(self, utterance: Utterance, first: bool = False) -> Admission:
        """Add an utterance where its priority and policy say; the caller ends the interrupted one.

        Args:
            first: before all others of its priority.

        Raises:
            QueueFullError: if the queue is full of what is at least as important.
            MergedError: if the same is said already, and merging is on.
            DeadlinePassedError: if it is too late already.
            EngineUnavailableError: if the queue was closed.

        """
        with self._changed:
            if self._is_closed:
                raise EngineUnavailableError('the node is shutting down')
            if utterance.order.is_late(time.monotonic()):
                raise deadline_passed()
            admission = Admission()
            if self._settings.merges:
                self._merge(utterance, admission)
            if utterance.order.policy is Policy.REPLACE:
                self._replace(utterance, admission)
            self._make_room(utterance, admission)
            interrupts = utterance.order.policy.interrupts
            if interrupts and _may_end(utterance, self._current):
                admission.interrupted = self._current
            self._waiting.add(utterance, first or interrupts)
            self._changed.notify_all()
            return admission

    def get(self) -> Utterance | None:
        """Wait for the next utterance, whose turn it is until done(); None once closed."""
        with self._changed:
            while not self._is_closed:
                self._current = self._waiting.pop()
                if self._current is not None:
                    return self._current
                self._changed.wait()
            return None

    def next(self) -> Utterance | None:
        """Return the one whose turn would be next; None if none waits."""
        with self._changed:
            return next(iter(self._waiting), None)

    def done(self) -> None:
        """End the turn of the current utterance."""
        with self._changed:
            self._current = None

    def remove(self, utterance: Utterance) -> bool:
        """Take out an utterance that waits; return whether it did."""
        with self._changed:
            return self._waiting.remove(utterance)

    def take_late(self, now: float) -> list[Utterance]:
        """Take out those that wait and whose deadline has passed."""
        with self._changed:
            late = [utterance for utterance in self._waiting if utterance.order.is_late(now)]
            for utterance in late:
                self._waiting.remove(utterance)
            return late

    def find(self, utterance_id: str) -> Utterance | None:
        """Return the utterance of this id, if it waits or has its turn."""
        with self._changed:
            for utterance in (self._current, *self._waiting):
                if utterance is not None and utterance.id == utterance_id:
                    return utterance
            return None

    @property
    def current(self) -> Utterance | None:
        """The utterance whose turn it is."""
        with self._changed:
            return self._current

    def clear(self) -> tuple[Utterance | None, list[Utterance]]:
        """Take out all that wait; return the one whose turn it is, if any, and those taken out."""
        with self._changed:
            removed = list(self._waiting)
            self._waiting = WaitingList()
            return self._current, removed

    def close(self) -> None:
        """Let get() return None from now on, whatever waits."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def waiting(self) -> list[tuple[Utterance, int]]:
        """Return those that wait, in order, each with how many are before it."""
        with self._changed:
            first = 0 if self._current is None else 1
            return [(utterance, index) for index, utterance in enumerate(self._waiting, first)]

    def __len__(self) -> int:
        """Return how many wait; the one whose turn it is does not count."""
        with self._changed:
            return len(self._waiting)

    def _merge(self, utterance: Utterance, admission: Admission) -> None:
        """Let the one that waits stand for both, or the new one if it wants to be heard now."""
        interrupts = utterance.order.policy.interrupts
        if interrupts and self._current is not None and utterance.says_the_same(self._current):
            raise _merged(self._current)
        twin = next((other for other in self._waiting if utterance.says_the_same(other)), None)
        if twin is None:
            return
        if interrupts:
            self._waiting.remove(twin)
            admission.dropped.append((twin, Ending(_merged(utterance), Reason.MERGED)))
            return
        order = twin.order.at_least(utterance.order)
        if order.priority > twin.order.priority:
            self._waiting.remove(twin)
            twin.order = order
            self._waiting.add(twin)
        else:
            twin.order = order
        raise _merged(twin)

    def _replace(self, utterance: Utterance, admission: Admission) -> None:
        """Take out what the source of an utterance has waiting and is not more important."""
        for other in list(self._waiting):
            if other.source == utterance.source and _may_end(utterance, other):
                self._waiting.remove(other)
                error = CanceledError(f'replaced by utterance {utterance.id} of the same source')
                admission.dropped.append((other, Ending(error, Reason.REPLACED)))

    def _make_room(self, utterance: Utterance, admission: Admission) -> None:
        """Take out the newest of the least important if the queue is full."""
        if len(self._waiting) < self._settings.max_length:
            return
        least = self._waiting.least()
        if least is None or least.order.priority >= utterance.order.priority:
            raise QueueFullError(
                f'{len(self._waiting)} utterances are waiting, as many as queue.max_length '
                'allows; wait, or call the service stop'
            )
        self._waiting.remove(least)
        error = QueueFullError(
            f'the queue is full, and utterance {utterance.id} is more important'
        )
        admission.dropped.append((least, Ending(error, Reason.DISPLACED)))


def deadline_passed() -> DeadlinePassedError:
    """Return the error of an utterance that came too late."""
    return DeadlinePassedError('it could not begin before its deadline and was dropped')


def _may_end(utterance: Utterance, other: Utterance | None) -> bool:
    return other is not None and other.order.priority <= utterance.order.priority


def _merged(other: Utterance) -> MergedError:
    return MergedError(f'the same text is said by utterance {other.id} in the same voice')
