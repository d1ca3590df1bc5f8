"""What a request may ask of the queue: how important it is, and how it treats what is there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Priority(IntEnum):
    """How important an utterance is; numbers as in msg/SayRequest.msg (kept equal by a test)."""

    CHAT = 1
    TASK = 2
    SAFETY = 3


class Policy(IntEnum):
    """How an utterance treats others; numbers as in msg/SayRequest.msg (kept equal by a test).

    QUEUE: wait for its turn. REPLACE: drop what its source has waiting, if that is not more
    important. INTERRUPT: end what is being spoken, if that is not more important, and go to the
    front of its priority. INTERRUPT_AT_CLAUSE: the same, at the end of the present segment.
    DROP_IF_LATE: never wait longer than its deadline, or `queue.late_s` where it has none.
    """

    QUEUE = 1
    REPLACE = 2
    INTERRUPT = 3
    INTERRUPT_AT_CLAUSE = 4
    DROP_IF_LATE = 5

    @property
    def interrupts(self) -> bool:
        """True if what is being spoken has to make room."""
        return self in (Policy.INTERRUPT, Policy.INTERRUPT_AT_CLAUSE)


class Reason(IntEnum):
    """Why an utterance ended early; numbers as in msg/SpeechState.msg (kept equal by a test)."""

    NONE = 0
    STOP = 1
    CLIENT = 2
    BARGE_IN = 3
    INTERRUPTED = 4
    REPLACED = 5
    DISPLACED = 6
    DEADLINE = 7
    MERGED = 8
    SHUTDOWN = 9


@dataclass(frozen=True)
class Order:
    """What an utterance asks of the queue.

    Attributes:
        priority: more important ones are spoken first.
        policy: how it treats others.
        deadline: when its first audio must have been sent [s, time.monotonic()]; None: any time.

    """

    priority: Priority = Priority.TASK
    policy: Policy = Policy.QUEUE
    deadline: float | None = None

    def is_late(self, now: float) -> bool:
        """Tell whether the deadline has passed."""
        return self.deadline is not None and now > self.deadline

    def at_least(self, other: Order) -> Order:
        """Return an order that is as important and as patient as the more so of the two."""
        deadlines = (self.deadline, other.deadline)
        return Order(
            max(self.priority, other.priority),
            self.policy,
            None if None in deadlines else max(deadlines),
        )
