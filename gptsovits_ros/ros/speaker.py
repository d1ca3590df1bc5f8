"""The thread that speaks: takes utterances from the queue, runs the engine, paces the audio.

It knows no ROS: what happens is told to a SpeechSink. Pacing sits in a plain thread, because a
timer of rclpy costs three times the CPU (measured at 50 messages per second).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gptsovits_ros.audio.pcm import to_int16
from gptsovits_ros.errors import (
    CanceledError,
    EngineUnavailableError,
    GptsovitsError,
    InternalError,
)
from gptsovits_ros.ros.pacing import PlaybackClock, Rechunker
from gptsovits_ros.ros.queue import UtteranceQueue
from gptsovits_ros.ros.utterance import Cancelable, State, Utterance
from gptsovits_ros.types import AudioChunk, SpeechRequest

logger = logging.getLogger(__name__)

# How often an utterance looks whether a starting engine is ready. [s]
ENGINE_POLL_S = 0.02


class Stream(Cancelable, Iterable[AudioChunk], AbstractContextManager, Protocol):
    """The engine's answer to one request: iterating waits for chunks and raises typed errors."""


class Status(Protocol):
    """What the engine is doing."""

    state: str
    message: str


class Engine(Protocol):
    """What the speaker needs of the engine's client."""

    status: Status

    def synthesize(self, request: SpeechRequest) -> Stream:
        """Ask for speech; returns at once."""


class SpeechSink(Protocol):
    """Where the speaker reports; called from its thread only."""

    def on_state(
        self,
        utterance: Utterance,
        state: State,
        segment: str = '',
        error: GptsovitsError | None = None,
    ) -> None:
        """Handle that an utterance entered a state, or a new segment while SPEAKING."""

    def on_audio(
        self, utterance: Utterance, samples: np.ndarray, sample_rate: int, due_in_s: float
    ) -> None:
        """Handle int16 [T] samples that are to be heard in due_in_s seconds."""

    def on_speaking(self, speaking: bool) -> None:
        """Handle that there is sound from now on, or none; often the same as before."""


@dataclass(frozen=True)
class StreamSettings:
    """How audio is sent: milliseconds per message, and milliseconds ahead of its playing time."""

    chunk_ms: int
    lead_ms: int


class Speaker:
    """Speaks what is in the queue, one utterance at a time, until the queue is closed."""

    def __init__(
        self,
        engine: Engine,
        queue: UtteranceQueue,
        sink: SpeechSink,
        settings: Callable[[], StreamSettings],
        engine_wait_s: float,
    ) -> None:
        """Create the speaker.

        Args:
            settings: asked at the start of each utterance.
            engine_wait_s: how long an utterance waits for an engine that is starting [s].

        """
        self._engine = engine
        self._queue = queue
        self._sink = sink
        self._settings = settings
        self._engine_wait_s = engine_wait_s
        self._thread = threading.Thread(target=self._run, name='speaker')

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread to end after the queue was closed; return whether it did."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (utterance := self._queue.get()) is not None:
            state, error = self._speak(utterance)
            # Done before the report, so that whoever hears of the end finds the queue as it is.
            self._queue.done()
            self._sink.on_state(utterance, state, error=error)

    def _speak(self, utterance: Utterance) -> tuple[State, GptsovitsError | None]:
        """Speak one utterance; return how it ended."""
        try:
            self._wait_for_engine(utterance)
            self._sink.on_state(utterance, State.SYNTHESIZING)
            with self._engine.synthesize(utterance.request) as stream:
                utterance.attach(stream)
                self._play(utterance, stream)
        except GptsovitsError as error:
            outcome = error
        except Exception as error:  # the edge of the thread: one bad utterance must not end it
            logger.exception('utterance %s', utterance.id)
            outcome = InternalError(f'{type(error).__name__}: {error}; please report this')
        else:
            return State.FINISHED, None
        finally:
            self._sink.on_speaking(False)
        if utterance.is_canceled:
            return State.CANCELED, CanceledError('stopped before its end')
        return State.FAILED, outcome

    def _wait_for_engine(self, utterance: Utterance) -> None:
        """Wait while the engine starts, but not longer than an engine may take to start."""
        deadline = time.monotonic() + self._engine_wait_s
        while (status := self._engine.status).state in ('starting', 'restarting'):
            if time.monotonic() > deadline:
                raise EngineUnavailableError(
                    f'the engine is still {status.state} after '
                    f'{self._engine_wait_s:g} s: {status.message}'
                )
            self._pause(utterance, ENGINE_POLL_S)

    def _play(self, utterance: Utterance, stream: Stream) -> None:
        settings = self._settings()
        clock = PlaybackClock(settings.lead_ms / 1000)
        rechunker = Rechunker(settings.chunk_ms)
        segment_index = -1
        sample_rate = 0
        for chunk in stream:
            sample_rate = chunk.sample_rate
            utterance.guard.extend(chunk.guard)
            samples = to_int16(chunk.samples)
            for piece in rechunker.pieces(samples, sample_rate, chunk.is_segment_end):
                if chunk.segment_index != segment_index:
                    segment_index = chunk.segment_index
                    self._sink.on_state(utterance, State.SPEAKING, segment=chunk.segment_text)
                self._send(utterance, clock, piece, sample_rate)
        rest = rechunker.flush()
        if len(rest):
            self._send(utterance, clock, rest, sample_rate)
        self._pause(utterance, clock.due_in(time.monotonic()))

    def _send(
        self, utterance: Utterance, clock: PlaybackClock, piece: np.ndarray, sample_rate: int
    ) -> None:
        self._pause(utterance, clock.delay(time.monotonic()))
        self._sink.on_speaking(True)
        now = time.monotonic()
        utterance.note_published(len(piece) / sample_rate)
        self._sink.on_audio(utterance, piece, sample_rate, clock.due_in(now))
        clock.sent(now, len(piece) / sample_rate)

    @staticmethod
    def _pause(utterance: Utterance, seconds: float) -> None:
        """Sleep; raise CanceledError as soon as the utterance is cancelled."""
        if utterance.wait_canceled(seconds):
            raise CanceledError('stopped before its end')
