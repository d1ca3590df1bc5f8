"""The text of an utterance, in parts that are spoken one after another; more may arrive."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from gptsovits_ros.errors import GptsovitsError


@dataclass(frozen=True)
class Part:
    """A piece of text that the engine gets at once.

    Attributes:
        text: what to say.
        first_segment: number of the engine's segments of this text to leave out at its start.

    """

    text: str
    first_segment: int = 0


class Script:
    """Parts of text; any thread may add some, and any may read."""

    def __init__(self, parts: tuple[Part, ...] = (), is_complete: bool = True) -> None:
        """Create a script; a complete one gets no more parts."""
        self._parts = list(parts)
        self._is_complete = is_complete
        self._failure: GptsovitsError | None = None
        self._listener: Callable[[], None] | None = None
        self._lock = threading.Lock()

    @property
    def is_complete(self) -> bool:
        """True if no more parts will come."""
        with self._lock:
            return self._is_complete

    @property
    def failure(self) -> GptsovitsError | None:
        """Why no more parts will come, if it should have gone on."""
        with self._lock:
            return self._failure

    @property
    def text(self) -> str:
        """All text so far."""
        with self._lock:
            return ' '.join(part.text for part in self._parts)

    def part(self, index: int) -> Part | None:
        """Return a part; None if it is not there, or not yet."""
        with self._lock:
            return self._parts[index] if index < len(self._parts) else None

    def add(self, text: str) -> None:
        """Add a part at the end."""
        self._change(lambda: self._parts.append(Part(text)))

    def finish(self, failure: GptsovitsError | None = None) -> None:
        """Let no more parts come; with a failure the utterance fails behind the last one."""

        def end() -> None:
            self._is_complete = True
            self._failure = failure

        self._change(end)

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Have a function called after each change, in the thread that made it; None: no more."""
        with self._lock:
            self._listener = listener

    def rest(self, part: int, first_segment: int) -> Script:
        """Return what is there from a segment of a part on, as a complete script."""
        with self._lock:
            parts = self._parts[part:]
        if parts:
            parts[0] = Part(parts[0].text, first_segment)
        return Script(tuple(parts))

    def _change(self, change: Callable[[], None]) -> None:
        with self._lock:
            change()
            listener = self._listener
        if listener is not None:
            listener()
