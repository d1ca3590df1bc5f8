"""What several tests of the engine need."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from gptsovits_ros.engine.chunk_plan import Pace, PaceMeter

PATIENCE_S = 60.0


class FixedPace(PaceMeter):
    """A meter that does not measure: machines that run tests are busy."""

    pace: Pace | None = None


def in_threads(count: int, run: Callable[[int], Any]) -> list:
    """Let so many threads run at once; return the result of each number, or what it raised."""
    results: list = [None] * count

    def note(number: int) -> None:
        try:
            results[number] = run(number)
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=note, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    return results
