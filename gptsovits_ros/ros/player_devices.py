"""What plays: the contract of an output device, and the one that plays in silence."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

from gptsovits_ros.ros.player_table import NULL_DEVICE

logger = logging.getLogger(__name__)

# A block of the null device: with the fade, a flush is silent within 10 ms. [s]
BLOCK_S = 0.005

# The null device gives up catching up when it is late by more than this. [s]
LATE_S = 0.1

# How often it looks whether it is to end, while there is no audio. [s]
IDLE_S = 0.2

# Its rate as long as no audio was announced. [Hz]
DEFAULT_RATE = 48000


class Source(Protocol):
    """Where a device gets its samples."""

    def render(self, frames: int, heard_at: float) -> np.ndarray:
        """Return int16 [frames], the first of which is heard at this monotonic time."""

    def wait_for_audio(self, timeout_s: float) -> bool:
        """Wait until there is something to play; return whether there is."""


class Device(Protocol):
    """An open device that plays.

    Attributes:
        name: for people.
        sample_rate: at which it takes samples [Hz], which need not be the one asked for.
        latency_s: from the source to the ear.
        underruns: how often it got its samples too late.

    """

    name: str
    sample_rate: int
    latency_s: float
    underruns: int

    def problem(self) -> str:
        """Return why it does not play any more; empty: it plays."""

    def close(self) -> None:
        """Fall silent and set the device free; for a device that has failed, too."""


# Opens a device for a rate (None: any): raises GptsovitsError. The last argument is called, by any
# thread, when the device has failed.
OpenDevice = Callable[[int | None, Source, Callable[[], None]], Device]


class NullDevice:
    """Takes samples in real time and plays none: for tests, and where others play."""

    name = NULL_DEVICE
    latency_s = 0.0

    def __init__(
        self, sample_rate: int | None, source: Source, on_failure: Callable[[], None]
    ) -> None:
        """Start to take samples; it never fails but by a defect of the source."""
        self.sample_rate = sample_rate or DEFAULT_RATE
        self.underruns = 0
        self._source = source
        self._on_failure = on_failure
        self._problem = ''
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name='null device', daemon=True)
        self._thread.start()

    def problem(self) -> str:
        """Return why its thread has ended; empty: it has not."""
        return self._problem

    def close(self) -> None:
        """End its thread."""
        self._closing.set()
        self._thread.join(5)

    def _run(self) -> None:
        try:
            self._play()
        except Exception as error:  # the edge of the thread; whoever opened it reports
            logger.exception('the null device')
            self._problem = f'{type(error).__name__}: {error}'
            self._on_failure()

    def _play(self) -> None:
        frames = max(1, round(self.sample_rate * BLOCK_S))
        block_s = frames / self.sample_rate
        due = time.monotonic()
        while not self._closing.is_set():
            if not self._source.wait_for_audio(0.0):
                self._source.wait_for_audio(IDLE_S)
                due = time.monotonic()
                continue
            now = time.monotonic()
            if now - due > LATE_S:
                self.underruns += 1
                due = now
            self._source.render(frames, due)
            due += block_s
            time.sleep(max(0.0, due - time.monotonic()))
