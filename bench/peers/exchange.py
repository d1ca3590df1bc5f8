"""How `bench.peers` talks with a program that is measured, in the environment of that program.

Standard library only. A line of JSON comes on standard input for each utterance, and one goes back
when it is spoken; what a program prints itself goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable


class Clock:
    """When the pieces of an utterance came."""

    def __init__(self) -> None:
        """Start to count."""
        self._start = time.perf_counter()
        self._first_s = 0.0
        self._samples = 0

    def piece(self, samples: int) -> None:
        """Note a piece of audio of so many samples."""
        if samples and not self._first_s:
            self._first_s = time.perf_counter() - self._start
        self._samples += samples

    def result(self, sample_rate: int) -> dict[str, float]:
        """Return the times [s]."""
        return {
            'first_s': self._first_s,
            'total_s': time.perf_counter() - self._start,
            'audio_s': self._samples / sample_rate,
        }


def limit_cores(threads: int) -> None:
    """Keep this process, whatever it starts, to so many cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def answer(load: Callable[[], Callable[[int], dict[str, float]]]) -> None:
    """Load a program, then speak once for each seed that is asked for.

    Args:
        load: loads the models, and returns what speaks with a seed and returns a Clock's result.

    """
    replies = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    start = time.perf_counter()
    speak = load()
    _reply(replies, {'load_s': time.perf_counter() - start})
    for line in _lines():
        _reply(replies, {**speak(json.loads(line)['seed']), 'largest_mib': _largest_mib()})


def _lines() -> Iterable[str]:
    return iter(sys.stdin.readline, '')


def _reply(replies, value: dict) -> None:
    replies.write(json.dumps(value) + '\n')
    replies.flush()


def _largest_mib() -> float:
    with open('/proc/self/status') as status:
        return next(int(line.split()[1]) for line in status if line.startswith('VmHWM')) / 1024
