"""Whether the time for a text grows with its length, or with the square of it, on any machine."""

from __future__ import annotations

import time
from collections.abc import Callable


def grows_linearly(read: Callable[[str], object], unit: str, length: int = 10_000) -> bool:
    """Tell whether a repeated text takes little more than 4 times as long as a quarter of it.

    :param read: what is to be measured.
    :param unit: what the text repeats.
    :param length: characters of the longer text. A square must show: it then takes 16 times as
        long, and the longer text more than the 0.1 s that are taken for noise.
    """
    read((unit * length)[:100])  # loads what is loaded once
    # The best of several: a busy machine makes any single run slower, never faster.
    short = min(_seconds(read, unit, length // 4) for _ in range(3))
    return any(_seconds(read, unit, length) < 8 * short + 0.1 for _ in range(5))


def _seconds(read: Callable[[str], object], unit: str, length: int) -> float:
    """Return the processor time for a text of this length."""
    text = (unit * length)[:length]
    start = time.process_time()
    read(text)
    return time.process_time() - start
