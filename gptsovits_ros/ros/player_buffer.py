"""Audio that waits to be played, and which sample of which message is which. No ROS, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gptsovits_ros.errors import DependencyMissingError


class Resampler(Protocol):
    """Makes samples of one rate from those of another, piece by piece."""

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Return what can be made of float32 [T]; the rest comes later."""

    def finish(self) -> np.ndarray:
        """Return the rest."""


class SameRate:
    """The resampler between two equal rates."""

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Return the samples as they are."""
        return samples

    def finish(self) -> np.ndarray:
        """Return no samples."""
        return np.empty(0, np.float32)


class SoxrResampler:
    """The streaming resampler of libsoxr, of its second best quality (100 dB)."""

    def __init__(self, rate_in: int, rate_out: int) -> None:
        """Create the resampler.

        Raises:
            DependencyMissingError: if soxr is not installed.

        """
        try:
            import soxr
        except ImportError as error:
            raise DependencyMissingError(
                f'the device does not play {rate_in} Hz, and soxr, which makes {rate_out} Hz of '
                'it, is not installed: pip install soxr'
            ) from error
        self._stream = soxr.ResampleStream(rate_in, rate_out, 1, dtype='float32', quality='HQ')

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Return what can be made of float32 [T]; some milliseconds are held back."""
        return self._stream.resample_chunk(samples)

    def finish(self) -> np.ndarray:
        """Return what was held back."""
        return self._stream.resample_chunk(np.empty(0, np.float32), last=True)


def make_resampler(rate_in: int, rate_out: int) -> Resampler:
    """Return what turns samples of one rate into another [Hz]; raises as SoxrResampler does."""
    return SameRate() if rate_in == rate_out else SoxrResampler(rate_in, rate_out)


@dataclass(frozen=True)
class Chunk:
    """One message of a run: its stamp [ns, 0: none], and which samples of the run are its."""

    stamp_ns: int
    start: int
    length: int


@dataclass(frozen=True)
class Heard:
    """How far a run was heard: message, how many of its samples, and how many of the run's."""

    stamp_ns: int
    chunk_samples: int
    run_samples: int


class Run:
    """Messages of one rate without a break, and the samples that the device gets for them.

    Input samples are those of the messages, output samples those of the device. Output sample k
    sounds when input sample k * rate_in / rate_out does: soxr makes up for its own delay.
    """

    def __init__(
        self,
        rate_in: int,
        rate_out: int,
        played_before: int,
        resampler: Callable[[int, int], Resampler] = make_resampler,
    ) -> None:
        """Create an empty run; played_before counts the samples of all runs before it."""
        self.rate_in = rate_in
        self.rate_out = rate_out
        self.played_before = played_before
        self._resampler = resampler(rate_in, rate_out)
        self._chunks: deque[Chunk] = deque()
        self._made = 0  # output samples
        self.taken = 0  # output samples that the device has got
        self._end_out: int | None = None  # once it is known where the run ends
        self.length = 0  # input samples that are heard, if nothing is cut off

    @property
    def is_over(self) -> bool:
        """Whether the device has got all of it."""
        return self._end_out is not None and self.taken >= self._end_out

    def add(self, samples: np.ndarray, stamp_ns: int) -> np.ndarray:
        """Take the samples of a message, float32 [T]; return samples for the device."""
        self._chunks.append(Chunk(stamp_ns, self.length, len(samples)))
        self.length += len(samples)
        made = self._resampler.process(samples)
        self._made += len(made)
        return made

    def end(self) -> np.ndarray:
        """Return the last samples for the device; nothing is added any more."""
        made = self._resampler.finish()
        self._made += len(made)
        self._end_out = self._made
        return made

    def cut(self, out_samples: int) -> int:
        """End the run after so many output samples; return how many input samples are lost."""
        before = self.length
        if self._end_out is None or out_samples < self._end_out:
            self.length = self._input(out_samples)
            self._end_out = out_samples
        return before - self.length

    def heard(self, out_samples: int) -> Heard:
        """Return what has been heard after so many output samples; messages passed are forgotten.

        Args:
            out_samples: not less than in an earlier call.

        """
        at_end = self._end_out is not None and out_samples >= self._end_out
        samples = self.length if at_end else self._input(out_samples)
        while len(self._chunks) > 1 and self._chunks[1].start < samples:
            self._chunks.popleft()
        chunk = self._chunks[0]
        return Heard(chunk.stamp_ns, max(0, samples - chunk.start), samples)

    def _input(self, out_samples: int) -> int:
        """Return how many input samples sound within so many output samples."""
        return min(self.length, round(out_samples * self.rate_in / self.rate_out))


class SampleQueue:
    """Samples for the device in the order in which they came, each known by its run."""

    def __init__(self) -> None:
        """Create an empty queue."""
        self._parts: deque[tuple[Run, np.ndarray]] = deque()
        self._length = 0

    def __len__(self) -> int:
        """Return how many samples wait."""
        return self._length

    def put(self, run: Run, samples: np.ndarray) -> None:
        """Add samples of a run, float32 [T], at the end."""
        if len(samples):
            self._parts.append((run, samples))
            self._length += len(samples)

    def take(self, count: int) -> list[tuple[Run, np.ndarray]]:
        """Remove the first samples, at most count; return them in pieces of one run."""
        taken = []
        while count > 0 and self._parts:
            run, samples = self._parts.popleft()
            if len(samples) > count:
                self._parts.appendleft((run, samples[count:]))
                samples = samples[:count]
            taken.append((run, samples))
            count -= len(samples)
            self._length -= len(samples)
        return taken

    def shorten(self, count: int) -> dict[Run, int]:
        """Drop all but the first count samples; return how many of each run are left."""
        parts = self.take(count)
        self._parts.clear()
        self._length = 0
        left: dict[Run, int] = {}
        for run, samples in parts:
            self.put(run, samples)
            left[run] = left.get(run, 0) + len(samples)
        return left
