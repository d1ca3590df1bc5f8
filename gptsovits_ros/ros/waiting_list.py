"""The order in which utterances wait: by priority, and fair between sources. No threads, no clock.

Within one priority the sources take turns, whatever one of them sends; within one source the
order is that of arrival. What has to go first within its priority (an interruption, a resumed
utterance) comes before these turns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import zip_longest

from gptsovits_ros.ros.order import Priority
from gptsovits_ros.ros.utterance import Utterance


class _Turns:
    """Those of one priority: some in front, then source by source in turn."""

    def __init__(self) -> None:
        self._first: deque[Utterance] = deque()
        # In the order of the next turns: the source that had one goes to the end.
        self._by_source: dict[str, deque[Utterance]] = {}

    def add(self, utterance: Utterance, first: bool) -> None:
        if first:
            self._first.appendleft(utterance)
        else:
            self._by_source.setdefault(utterance.source, deque()).append(utterance)

    def pop(self) -> Utterance | None:
        if self._first:
            return self._first.popleft()
        source = next(iter(self._by_source), None)
        if source is None:
            return None
        waiting = self._by_source.pop(source)
        utterance = waiting.popleft()
        if waiting:
            self._by_source[source] = waiting
        return utterance

    def remove(self, utterance: Utterance) -> bool:
        if utterance in self._first:
            self._first.remove(utterance)
            return True
        waiting = self._by_source.get(utterance.source, ())
        if utterance not in waiting:
            return False
        waiting.remove(utterance)
        if not waiting:
            del self._by_source[utterance.source]
        return True

    def __iter__(self) -> Iterator[Utterance]:
        yield from self._first
        for turn in zip_longest(*self._by_source.values()):
            yield from (utterance for utterance in turn if utterance is not None)


class WaitingList:
    """Utterances in the order in which they will be spoken."""

    def __init__(self) -> None:
        """Create an empty list."""
        self._by_priority = {priority: _Turns() for priority in sorted(Priority, reverse=True)}

    def add(self, utterance: Utterance, first: bool = False) -> None:
        """Add an utterance by its priority; first: before all others of that priority."""
        self._by_priority[utterance.order.priority].add(utterance, first)

    def pop(self) -> Utterance | None:
        """Take out the next one; None if none waits."""
        for turns in self._by_priority.values():
            if (utterance := turns.pop()) is not None:
                return utterance
        return None

    def remove(self, utterance: Utterance) -> bool:
        """Take out an utterance; return whether it was there."""
        return any(turns.remove(utterance) for turns in self._by_priority.values())

    def least(self) -> Utterance | None:
        """Return the newest of those with the lowest priority; None if none waits."""
        for turns in reversed(self._by_priority.values()):
            if waiting := list(turns):
                return max(waiting, key=lambda utterance: utterance.created)
        return None

    def __iter__(self) -> Iterator[Utterance]:
        """Go through them in the order in which they will be spoken."""
        for turns in self._by_priority.values():
            yield from turns

    def __len__(self) -> int:
        """Return how many wait."""
        return sum(1 for _ in self)
