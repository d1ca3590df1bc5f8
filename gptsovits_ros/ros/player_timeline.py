"""When which samples are heard, and how loud: fades and volume. No ROS, no clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from gptsovits_ros.ros.player_buffer import Run

# Too short to be heard as a change of loudness, long enough to hide a jump as a click. [s]
FADE_S = 0.004

# Start times that a device tells of its blocks jitter; a gap beyond this is a real one. [s]
JITTER_S = 0.05


@dataclass
class Span:
    """Output samples of a run that the device has got, and from when to when they are heard."""

    run: Run
    first: int
    count: int
    start_s: float
    end_s: float

    def at(self, now: float) -> int:
        """Return how many output samples of the run have been heard at this time."""
        heard = int((now - self.start_s) * self.run.rate_out)
        return self.first + min(max(heard, 0), self.count)


class Timeline:
    """What the device has got and has not been heard yet, and what was heard last."""

    def __init__(self) -> None:
        """Create an empty one."""
        self._spans: deque[Span] = deque()
        self._last: Span | None = None

    def note(self, parts: list[tuple[Run, np.ndarray]], heard_at: float, begins: bool) -> None:
        """Note that the device has got these samples, the first of which is heard at heard_at.

        Args:
            begins: whether there was silence before them.

        """
        if not begins and self._spans and abs(self._spans[-1].end_s - heard_at) < JITTER_S:
            self._spans[-1].end_s = heard_at
        start = heard_at
        for run, samples in parts:
            end = start + len(samples) / run.rate_out
            self._spans.append(Span(run, run.taken, len(samples), start, end))
            run.taken += len(samples)
            start = end

    def heard(self, now: float) -> tuple[bool, Run | None, int]:
        """Return whether there is sound at this time, and what was heard last.

        Args:
            now: not before that of an earlier call.

        Returns:
            Whether there is sound, the run (None: there was none), and how many of its output
            samples have been heard.

        """
        while self._spans and self._spans[0].end_s <= now:
            self._last = self._spans.popleft()
        if self._spans and self._spans[0].start_s <= now:
            span = self._spans[0]
            return True, span.run, span.at(now)
        if self._last is None:
            return False, None, 0
        return False, self._last.run, self._last.first + self._last.count

    @property
    def start_s(self) -> float | None:
        """When the first of what is known to come is heard; None: nothing is."""
        return self._spans[0].start_s if self._spans else None

    @property
    def end_s(self) -> float | None:
        """When the last of what is known to come is over; None: nothing is."""
        return self._spans[-1].end_s if self._spans else None


class Fader:
    """Multiplies samples by the volume, and fades where sound begins and ends."""

    def __init__(self) -> None:
        """Create one with full volume, in silence."""
        self._gain = 0.0  # of the fade, at the last sample
        self._volume = 1.0  # at the last sample
        self._target = 1.0

    def start(self) -> None:
        """Begin in silence."""
        self._gain = 0.0
        self._volume = self._target

    def set_volume(self, volume: float) -> None:
        """Move to this volume with the next samples."""
        self._target = volume

    def apply(self, samples: np.ndarray, available: int, rate: int) -> np.ndarray:
        """Return the samples as they are to sound.

        Args:
            samples: float32 [T], T > 0.
            available: how many samples there are, these included, before silence.

        """
        fade = max(1, round(FADE_S * rate))
        is_steady = self._gain == 1.0 and self._volume == self._target
        if is_steady and available - len(samples) >= fade:
            return samples if self._volume == 1.0 else samples * np.float32(self._volume)
        steps = np.arange(len(samples), dtype=np.float32)
        # Rises from where it was, and reaches zero with the last sample there is.
        gain = np.minimum(self._gain + (steps + 1) / fade, (available - steps) / fade)
        np.minimum(gain, 1.0, out=gain)
        self._gain = float(gain[-1])
        if self._volume != self._target:
            down, up = sorted((self._volume, self._target))
            slope = 1 / fade if self._target > self._volume else -1 / fade
            volume = np.clip(self._volume + slope * (steps + 1), down, up)
            self._volume = float(volume[-1])
            return samples * gain * volume
        return samples * (gain * np.float32(self._volume))
