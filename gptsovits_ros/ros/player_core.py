"""What the player does with audio: waits, plays, fades, and knows which sample is heard when.

No ROS and no device: messages are pushed, a device takes blocks, and the clock is an argument.
Every method may be called by any thread. Times are seconds of the clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gptsovits_ros.audio.pcm import from_int16, to_int16
from gptsovits_ros.errors import GptsovitsError
from gptsovits_ros.ros.player_buffer import Resampler, Run, SampleQueue, make_resampler
from gptsovits_ros.ros.player_timeline import FADE_S, Fader, Timeline

# The longest lead that speech_node can be given is 60 s; more than that is a fault. [s]
MAX_BUFFER_S = 65.0

# A gap is one that is heard: it begins in sound louder than -60 dB, and sound goes on soon after.
# The silence between two utterances is none.
AUDIBLE = 0.001
GAP_S = 1.0


@dataclass(frozen=True)
class Report:
    """What has been heard at a moment; the fields of msg/PlayerState that the core knows.

    Attributes:
        chunk_stamp_ns: stamp of the message heard last; 0: none.
        next_change_s: clock time at which `playing` is going to change; None: not known.

    """

    playing: bool
    chunk_stamp_ns: int
    chunk_samples: int
    sample_rate: int
    received_samples: int
    played_samples: int
    dropped_samples: int
    buffered_s: float
    underruns: int
    flushes: int
    next_change_s: float | None

    @property
    def audio_stamp_ns(self) -> int:
        """When the sample heard now was due, as published; 0: silence, or no stamps."""
        if not self.playing or not self.chunk_stamp_ns:
            return 0
        return self.chunk_stamp_ns + round(self.chunk_samples * 1e9 / self.sample_rate)


class PlayerCore:
    """Takes messages, gives blocks to a device, and reports."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[], None] = lambda: None,
        on_sound: Callable[[float, np.ndarray, int], None] | None = None,
        resampler: Callable[[int, int], Resampler] = make_resampler,
    ) -> None:
        """Create a core without a device: what is pushed waits until open().

        Args:
            clock: tells the time [s].
            on_change: called, by any thread, when a new report is worth sending.
            on_sound: called by the device's thread with what is heard: when [s], int16 [T], rate.
            resampler: makes what turns one rate into another.

        """
        self._clock = clock
        self._on_change = on_change
        self._on_sound = on_sound
        self._make_resampler = resampler
        self._lock = threading.Lock()
        self._has_audio = threading.Event()
        self._rate: int | None = None
        self._refusing = False
        self._waiting: list[tuple[np.ndarray, int, int]] = []  # for a device
        self._queue = SampleQueue()
        self._runs: list[Run] = []  # those that the device has not got to the end
        self._open_run: Run | None = None
        self._timeline = Timeline()
        self._fader = Fader()
        self._sounding = False
        self._closing: int | None = None  # samples left of a fade that ends in silence
        self._filling_since: float | None = None
        self._buffer_s = 0.0
        self._peak = self._peak_before = 0.0  # of the last two blocks
        self._gap_at: float | None = None
        self._message_rate = 0
        self._received = 0
        self._accepted = 0  # samples of all runs, heard or to be heard
        self._dropped = 0
        self._underruns = 0
        self._flushes = 0

    # Settings.

    def set_buffer(self, seconds: float) -> None:
        """Set how much audio to wait for before sound begins."""
        with self._lock:
            self._buffer_s = seconds

    def set_volume(self, volume: float) -> None:
        """Set what samples are multiplied by, at once but without a click."""
        with self._lock:
            self._fader.set_volume(volume)
        self._on_change()

    # The device.

    def open(self, sample_rate: int) -> None:
        """Note that a device of this rate plays from now on; what waited for it is queued.

        Raises:
            DependencyMissingError: as push() does.

        """
        problem = None
        with self._lock:
            self._rate = sample_rate
            self._refusing = False
            waiting, self._waiting = self._waiting, []
            for samples, rate, stamp_ns in waiting:
                try:
                    self._enqueue(samples, rate, stamp_ns)
                except GptsovitsError as error:
                    problem = error
        self._on_change()
        if problem is not None:
            raise problem

    def hold(self) -> bool:
        """If nothing is played, let what is pushed wait for the next device; else return False."""
        with self._lock:
            is_heard = (self._timeline.end_s or 0.0) > self._clock()
            if len(self._queue) or self._sounding or is_heard:
                return False
            self._rate = None
            return True

    def refuse(self) -> None:
        """Note that there is no device: all is dropped, so that nothing old is played later."""
        with self._lock:
            self._drop_all(keep=0)
            self._rate = None
            self._refusing = True
        self._on_change()

    def wait_for_audio(self, timeout_s: float) -> bool:
        """Wait until there is audio to play; return whether there is."""
        return self._has_audio.wait(timeout_s)

    # Audio.

    def push(self, samples: np.ndarray, sample_rate: int, stamp_ns: int) -> bool:
        """Take the samples of a message, int16 [T]; return False if they are dropped.

        Raises:
            DependencyMissingError: if the rate is not the device's and soxr is not installed; the
                samples are dropped.

        """
        if not len(samples):
            return True
        with self._lock:
            self._received += len(samples)
            self._message_rate = sample_rate
            if self._refusing or self._waiting_s() > MAX_BUFFER_S:
                self._dropped += len(samples)
                return False
            if self._rate is None:
                self._waiting.append((samples, sample_rate, stamp_ns))
            else:
                self._enqueue(samples, sample_rate, stamp_ns)
        return True

    def flush(self) -> None:
        """Drop all that waits; what is heard fades out."""
        with self._lock:
            self._flushes += 1
            keep = 0
            if self._sounding:
                keep = min(len(self._queue), round(FADE_S * self._rate))
                keep = keep if self._closing is None else self._closing
            self._drop_all(keep)
        self._on_change()

    def render(self, frames: int, heard_at: float) -> np.ndarray:
        """Return the next int16 [frames] for the device, whose first is heard at this time."""
        with self._lock:
            rate = self._rate
            if rate is None:
                return np.zeros(frames, np.int16)
            begins = not self._sounding
            if begins:
                if not self._is_filled(rate):
                    return np.zeros(frames, np.int16)
                self._start(heard_at)
            block = self._take(frames, heard_at, rate, begins)
            ends = not self._sounding
        if begins or ends:
            self._on_change()
        if self._on_sound is not None and len(block):
            self._on_sound(heard_at, block, rate)
        if len(block) == frames:
            return block
        return np.concatenate((block, np.zeros(frames - len(block), np.int16)))

    # Reports.

    def report(self, now: float) -> Report:
        """Return what has been heard at this time, which is not before that of earlier calls."""
        with self._lock:
            playing, run, out = self._timeline.heard(now)
            change = None if playing else self._timeline.start_s
            # A device that is a little late for its next block makes no silence.
            playing |= self._sounding and change is None
            if playing and not self._sounding:
                change = self._timeline.end_s
            heard = run.heard(out) if run else None
            played = run.played_before + heard.run_samples if run else 0
            left = self._received - self._dropped - played
            return Report(
                playing=playing,
                chunk_stamp_ns=heard.stamp_ns if heard else 0,
                chunk_samples=heard.chunk_samples if heard else 0,
                sample_rate=run.rate_in if run else self._message_rate,
                received_samples=self._received,
                played_samples=played,
                dropped_samples=self._dropped,
                buffered_s=left / self._message_rate if self._message_rate else 0.0,
                underruns=self._underruns,
                flushes=self._flushes,
                next_change_s=change,
            )

    # All below is called with the lock held.

    def _waiting_s(self) -> float:
        """Return the length of what the device has not got."""
        queued_s = len(self._queue) / self._rate if self._rate else 0.0
        return queued_s + sum(len(samples) / rate for samples, rate, _ in self._waiting)

    def _enqueue(self, samples: np.ndarray, sample_rate: int, stamp_ns: int) -> None:
        if self._open_run is not None and self._open_run.rate_in != sample_rate:
            self._end_run()
        if self._open_run is None:
            try:
                run = Run(sample_rate, self._rate, self._accepted, self._make_resampler)
            except GptsovitsError:
                self._dropped += len(samples)
                raise
            self._open_run = run
            self._runs = [*(run for run in self._runs if not run.is_over), run]
        self._accepted += len(samples)
        self._queue.put(self._open_run, self._open_run.add(from_int16(samples), stamp_ns))
        if not self._sounding and self._filling_since is None:
            self._filling_since = self._clock()
        self._has_audio.set()

    def _end_run(self) -> None:
        if self._open_run is not None:
            self._queue.put(self._open_run, self._open_run.end())
            self._open_run = None

    def _drop_all(self, keep: int) -> None:
        """Drop all but the first samples, with which it fades out."""
        left = self._queue.shorten(keep)
        for run in self._runs:
            lost = run.cut(run.taken + left.get(run, 0))
            self._dropped += lost
            self._accepted -= lost
        self._runs = []
        self._open_run = None
        self._dropped += sum(len(samples) for samples, _, _ in self._waiting)
        self._waiting = []
        self._closing = keep if keep else None
        if not keep:
            self._stop(None)

    def _is_filled(self, rate: int) -> bool:
        if self._filling_since is None:
            return False
        waited_s = self._clock() - self._filling_since
        return len(self._queue) >= self._buffer_s * rate or waited_s >= self._buffer_s

    def _start(self, heard_at: float) -> None:
        self._sounding = True
        self._filling_since = None
        self._fader.start()
        if self._gap_at is not None and heard_at - self._gap_at < GAP_S:
            self._underruns += 1
        self._gap_at = None

    def _take(self, frames: int, heard_at: float, rate: int, begins: bool) -> np.ndarray:
        """Return at most frames samples, with fades and volume; fewer: it has run dry."""
        if self._closing is None and len(self._queue) < frames + FADE_S * rate:
            self._end_run()  # to have what the resampler holds back
        available = len(self._queue) if self._closing is None else self._closing
        parts = self._queue.take(min(frames, available))
        samples = parts[0][1] if len(parts) == 1 else _joined(parts)
        self._timeline.note(parts, heard_at, begins)
        count = len(samples)
        self._peak_before, self._peak = self._peak, float(np.abs(samples).max(initial=0.0))
        if self._closing is not None:
            self._closing -= count
            if not self._closing:
                self._stop(None)
        elif count < frames:
            is_gap = max(self._peak, self._peak_before) > AUDIBLE
            self._stop(heard_at + count / rate if is_gap else None)
        if not count:
            return np.empty(0, np.int16)
        return to_int16(self._fader.apply(samples, available, rate))

    def _stop(self, gap_at: float | None) -> None:
        """Fall silent until there is enough audio again.

        Args:
            gap_at: when silence is heard, if sound was to go on; None: it may be silent.

        """
        self._sounding = False
        self._closing = None
        self._gap_at = gap_at
        self._peak = self._peak_before = 0.0
        if len(self._queue):  # came while the rest faded out
            self._filling_since = self._clock()
        else:
            self._filling_since = None
            self._has_audio.clear()


def _joined(parts: list[tuple[Run, np.ndarray]]) -> np.ndarray:
    """Return the samples of some parts, float32 [T]."""
    return np.concatenate([np.empty(0, np.float32), *(samples for _, samples in parts)])
