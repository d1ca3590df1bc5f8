"""The thread that speaks: takes utterances from the queue, runs the engine, paces the audio.

It knows no ROS: what happens is told to a SpeechSink. Pacing sits in a plain thread, because a
timer of rclpy costs three times the CPU (measured at 50 messages per second).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gptsovits_ros.audio.pcm import to_int16
from gptsovits_ros.errors import (
    CanceledError,
    EngineCrashedError,
    EngineStalledError,
    EngineUnavailableError,
    GptsovitsError,
    InternalError,
)
from gptsovits_ros.ros.heard import PlayedSegment
from gptsovits_ros.ros.order import Reason
from gptsovits_ros.ros.pacing import PlaybackClock, Rechunker
from gptsovits_ros.ros.queue import UtteranceQueue, deadline_passed
from gptsovits_ros.ros.speech import PARTS_AHEAD, Engine, Prefetch, UtteranceSpeech
from gptsovits_ros.ros.utterance import Ending, State, Utterance
from gptsovits_ros.types import AudioChunk, Mark

logger = logging.getLogger(__name__)

# How often an utterance looks whether a starting engine is ready, and, while its last audio is
# heard, whether another one waits. [s]
POLL_S = 0.02

ENGINE_LOST = (EngineCrashedError, EngineStalledError, EngineUnavailableError)


class SpeechSink(Protocol):
    """Where the speaker reports; called from its thread only."""

    def on_state(
        self,
        utterance: Utterance,
        state: State,
        segment: str = '',
        ending: Ending | None = None,
    ) -> None:
        """Handle that an utterance entered a state, or a new segment while SPEAKING."""

    def on_audio(
        self, utterance: Utterance, samples: np.ndarray, sample_rate: int, due_in_s: float
    ) -> None:
        """Handle int16 [T] samples that are to be heard in due_in_s seconds."""

    def on_marks(self, utterance: Utterance, marks: Sequence[tuple[Mark, float]]) -> None:
        """Handle marks within the last on_audio, and in how many seconds each is due."""

    def on_flush(self, unheard_s: float) -> float:
        """Have everything dropped that was sent and is not heard yet.

        Args:
            unheard_s: how much that is if it is heard when it is due [s].

        Returns:
            how much it is in truth, as far as a player tells [s].

        """


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
        self._prefetch = Prefetch(engine)
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
            ending = self._speak(utterance)
            # Done before the report, so that whoever hears of the end finds the queue as it is.
            self._queue.done()
            self._sink.on_state(
                utterance, State.FINISHED if ending is None else ending.state, ending=ending
            )
            self._prefetch.prepare(self._queue.next())
        self._prefetch.discard()

    def _speak(self, utterance: Utterance) -> Ending | None:
        """Speak one utterance; return why it ended early, or None."""
        settings = self._settings()
        clock = PlaybackClock(settings.lead_ms / 1000)
        failure: GptsovitsError | None = None
        try:
            self._say(utterance, _Sending(utterance, self._sink, settings, clock))
        except GptsovitsError as error:
            failure = error
        except Exception as error:  # the edge of the thread: one bad utterance must not end it
            logger.exception('utterance %s', utterance.id)
            failure = InternalError(f'{type(error).__name__}: {error}; please report this')
        # Whatever ended it, what was sent is heard to its end, unless it is cancelled.
        unheard_s = 0.0
        if self._is_canceled_before(utterance, clock):
            failure = failure or CanceledError('stopped before its end')
            if utterance.playout.segments:
                unheard_s = self._sink.on_flush(clock.due_in(time.monotonic()))
        utterance.heard = utterance.playout.heard(unheard_s)
        if failure is None:
            return None
        return utterance.ending or Ending(failure)

    def _say(self, utterance: Utterance, sending: _Sending) -> None:
        """Send all audio of an utterance."""
        self._wait_for_engine(utterance)
        self._sink.on_state(utterance, State.SYNTHESIZING)
        begun = self._prefetch.take(utterance)
        if begun is not None:
            try:
                self._play(utterance, begun, sending)
                return
            except ENGINE_LOST:
                # An engine that is lost before their turn harms none of those that wait.
                if utterance.playout.segments:
                    raise
            self._wait_for_engine(utterance)
        self._play(utterance, UtteranceSpeech(self._engine, utterance), sending)

    def _wait_for_engine(self, utterance: Utterance) -> None:
        """Wait while the engine starts, but not longer than an engine may take to start."""
        deadline = time.monotonic() + self._engine_wait_s
        while (status := self._engine.status).state in ('starting', 'restarting'):
            if time.monotonic() > deadline:
                raise EngineUnavailableError(
                    f'the engine is still {status.state} after '
                    f'{self._engine_wait_s:g} s: {status.message}'
                )
            _pause(utterance, POLL_S)
            if utterance.ending is not None:
                raise CanceledError('stopped before its end')

    def _play(self, utterance: Utterance, speech: UtteranceSpeech, sending: _Sending) -> None:
        with speech:
            utterance.attach(speech)
            speech.set_parts_ahead(PARTS_AHEAD)
            while (found := self._next_chunk(utterance, speech, sending)) is not None:
                for piece in sending.pieces(*found):
                    sending.send(piece)
                    if speech.is_asked_for:
                        self._prefetch.prepare(self._queue.next())
            sending.finish()

    @staticmethod
    def _next_chunk(
        utterance: Utterance, speech: UtteranceSpeech, sending: _Sending
    ) -> tuple[int, AudioChunk] | None:
        """Wait for the next chunk; raise CanceledError where the utterance has to leave."""
        if sending.is_within_segment or utterance.ending is None:
            return speech.next_chunk()
        # It has to end behind this segment, but if it was the last one it is just finished.
        try:
            is_over = speech.next_chunk(sending.due_in()) is None
        except TimeoutError:
            is_over = False
        if not is_over:
            raise CanceledError('ended behind a segment')
        return None

    def _is_canceled_before(self, utterance: Utterance, clock: PlaybackClock) -> bool:
        """Wait until all that was sent is heard; return whether it is cancelled before."""
        while (due_in_s := clock.due_in(time.monotonic())) > 0:
            if utterance.wait_canceled(min(due_in_s, POLL_S)):
                return True
            self._prefetch.prepare(self._queue.next())
        return utterance.is_canceled


class _Sending:
    """The audio of one utterance on its way: cut into pieces, paced, and written down."""

    def __init__(
        self,
        utterance: Utterance,
        sink: SpeechSink,
        settings: StreamSettings,
        clock: PlaybackClock,
    ) -> None:
        self._utterance = utterance
        self._sink = sink
        self._clock = clock
        self._rechunker = Rechunker(settings.chunk_ms)
        self._sample_rate = 0
        self._marks: deque[tuple[int, Mark]] = deque()  # by their sample of the utterance
        self._taken = self._sent = 0  # samples of the utterance
        self._segment: PlayedSegment | None = None
        self._received = 0  # samples of the segment
        self._spoken = 0  # samples of the segment up to the last one that is not silent
        self.is_within_segment = False

    def due_in(self) -> float:
        return self._clock.due_in(time.monotonic())

    def pieces(self, part: int, chunk: AudioChunk) -> Iterator[np.ndarray]:
        """Take a chunk and yield what is ready to be sent."""
        self._sample_rate = chunk.sample_rate
        self._utterance.guard.extend(chunk.guard)
        samples = to_int16(chunk.samples)
        segment = self._of_chunk(part, chunk)
        (audible,) = np.nonzero(samples)
        if len(audible):
            self._spoken = self._received + int(audible[-1]) + 1
        self._note_marks(segment, chunk)
        self._received += len(samples)
        self._taken += len(samples)
        if chunk.is_segment_end:
            segment.spoken_s = self._spoken / chunk.sample_rate
        for piece in self._rechunker.pieces(samples, chunk.sample_rate, chunk.is_segment_end):
            self._begin(segment)
            yield piece
        if chunk.is_segment_end:
            self.is_within_segment = False
            self._utterance.end_segment()

    def finish(self) -> None:
        """Send what is left."""
        rest = self._rechunker.flush()
        if len(rest) and self._segment is not None:
            self._begin(self._segment)
            self.send(rest)

    def send(self, piece: np.ndarray) -> None:
        """Send a piece when it is time; raise CanceledError as soon as it is cancelled."""
        _pause(self._utterance, self._clock.delay(time.monotonic()))
        now, duration_s = time.monotonic(), len(piece) / self._sample_rate
        if self._utterance.first_audio_s is None and self._utterance.order.is_late(now):
            self._utterance.leave(Ending(deadline_passed(), Reason.DEADLINE))
            raise deadline_passed()
        self._utterance.note_published(duration_s)
        due_in_s = self._clock.due_in(now)
        self._sink.on_audio(self._utterance, piece, self._sample_rate, due_in_s)
        self._send_marks(len(piece), due_in_s)
        self._clock.sent(now, duration_s)

    def _note_marks(self, segment: PlayedSegment, chunk: AudioChunk) -> None:
        for mark in chunk.marks:
            sample = self._taken + min(
                round(mark.start_s * chunk.sample_rate), max(len(chunk.samples) - 1, 0)
            )
            self._marks.append((sample, mark))
            if mark.kind == 'word':
                start_s = self._received / chunk.sample_rate + mark.start_s
                segment.add_word(mark.text, start_s + mark.duration_s)

    def _send_marks(self, samples: int, due_in_s: float) -> None:
        """Tell the marks of the samples that were just sent."""
        start, self._sent = self._sent, self._sent + samples
        found = []
        while self._marks and self._marks[0][0] < self._sent:
            sample, mark = self._marks.popleft()
            found.append((mark, due_in_s + (sample - start) / self._sample_rate))
        if found:
            self._sink.on_marks(self._utterance, found)

    def _of_chunk(self, part: int, chunk: AudioChunk) -> PlayedSegment:
        """Return the segment of a chunk."""
        present = self._segment
        if present is None or (present.part, present.number) != (part, chunk.segment_index):
            self._segment = PlayedSegment(part, chunk.segment_index, chunk.segment_text)
            self._received = self._spoken = 0
        return self._segment

    def _begin(self, segment: PlayedSegment) -> None:
        """Note and tell that a segment is sent from now on, unless it was."""
        if not self.is_within_segment:
            self.is_within_segment = True
            self._utterance.begin_segment()
            self._utterance.playout.begin(segment)
            self._sink.on_state(self._utterance, State.SPEAKING, segment=segment.text)


def _pause(utterance: Utterance, seconds: float) -> None:
    """Sleep; raise CanceledError as soon as the utterance is cancelled."""
    if utterance.wait_canceled(seconds):
        raise CanceledError('stopped before its end')
