"""The speaker thread, with an engine and a sink of plain Python."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from gptsovits_ros.audio.pcm import to_int16
from gptsovits_ros.errors import (
    CanceledError,
    EngineCrashedError,
    EngineUnavailableError,
    GptsovitsError,
)
from gptsovits_ros.ros.queue import UtteranceQueue
from gptsovits_ros.ros.speaker import Speaker, StreamSettings
from gptsovits_ros.ros.utterance import State, Utterance
from gptsovits_ros.types import AudioChunk, SpeechRequest

RATE = 1000
TIMEOUT_S = 5.0


class Stream:
    """Chunks, then an error if there is one; with `blocks`, nothing more until it is cancelled."""

    def __init__(self, items: list, blocks: bool = False) -> None:
        self._items = items
        self._blocks = blocks
        self.canceled = threading.Event()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def __iter__(self) -> Iterator[AudioChunk]:
        for item in self._items:
            if isinstance(item, Exception):
                raise item
            yield item
        if self._blocks:
            assert self.canceled.wait(TIMEOUT_S)
            raise CanceledError('cancelled')

    def cancel(self) -> None:
        self.canceled.set()


class Engine:
    """Answers requests with prepared streams, in order."""

    def __init__(self, *streams: Stream, state: str = 'ready') -> None:
        self.status = SimpleNamespace(state=state, message='because')
        self._streams = list(streams)

    def synthesize(self, request: SpeechRequest) -> Stream:
        if self.status.state != 'ready':
            raise EngineUnavailableError(self.status.message)
        return self._streams.pop(0)


class Sink:
    """Writes down what happens."""

    def __init__(self) -> None:
        self.states: list[tuple[State, str, GptsovitsError | None]] = []
        self.audio: list[np.ndarray] = []
        self.speaking: list[bool] = []
        self.changed = threading.Condition()

    def on_state(self, utterance, state, segment='', error=None) -> None:
        with self.changed:
            self.states.append((state, segment, error))
            self.changed.notify_all()

    def on_audio(self, utterance, samples, sample_rate, due_in_s) -> None:
        with self.changed:
            self.audio.append(samples)
            self.changed.notify_all()

    def on_speaking(self, speaking) -> None:
        if self.speaking[-1:] != [speaking]:
            self.speaking.append(speaking)

    def wait(self, condition) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, TIMEOUT_S)

    def names(self) -> list[str]:
        return [state.name for state, _, _ in self.states]


@pytest.fixture
def start():
    """Return a function that starts a speaker; it ends with the test."""
    started = []

    def make(engine: Engine, lead_ms: int = 5000, engine_wait_s: float = TIMEOUT_S):
        queue, sink = UtteranceQueue(9), Sink()
        settings = StreamSettings(chunk_ms=10, lead_ms=lead_ms)
        speaker = Speaker(engine, queue, sink, lambda: settings, engine_wait_s)
        speaker.start()
        started.append((queue, speaker))
        return queue, sink

    yield make
    for queue, speaker in started:
        queue.close()
        current, _ = queue.clear()
        if current:
            current.cancel()
        assert speaker.join(TIMEOUT_S)


def chunk(length: int = 20, segment: int = 0, value: float = 0.5) -> AudioChunk:
    """Return a chunk."""
    return AudioChunk(np.full(length, value, np.float32), RATE, segment, f's{segment}')


def say(queue: UtteranceQueue) -> Utterance:
    """Put an utterance into the queue and return it."""
    utterance = Utterance(SpeechRequest('hi'), 'say')
    queue.put(utterance)
    return utterance


def test_utterance_walks_through_its_states_and_its_audio_is_complete(start):
    queue, sink = start(Engine(Stream([chunk(25), chunk(15, segment=1)])))
    utterance = say(queue)
    sink.wait(lambda: 'FINISHED' in sink.names())
    assert [(s.name, segment) for s, segment, _ in sink.states] == [
        ('SYNTHESIZING', ''),
        ('SPEAKING', 's0'),
        ('SPEAKING', 's1'),
        ('FINISHED', ''),
    ]
    assert [len(piece) for piece in sink.audio] == [10, 10, 5, 10, 5]
    assert np.array_equal(np.concatenate(sink.audio), to_int16(np.full(40, 0.5)))
    assert sink.speaking == [True, False]
    assert utterance.published_s == pytest.approx(0.04)
    assert utterance.first_audio_s is not None
    assert queue.find(utterance.id) is None


def test_what_the_guard_did_is_collected_over_the_segments(start):
    reports = [('leak:retried',), (), ('too_long:cut', 'leak:retried')]
    chunks = [replace(chunk(segment=n), guard=report) for n, report in enumerate(reports)]
    queue, sink = start(Engine(Stream(chunks)))
    utterance = say(queue)
    sink.wait(lambda: 'FINISHED' in sink.names())
    assert utterance.guard == ['leak:retried', 'too_long:cut', 'leak:retried']


def test_next_utterance_is_spoken_after_one_that_failed(start):
    crash = EngineCrashedError('died from SIGKILL')
    queue, sink = start(Engine(Stream([chunk(), crash]), Stream([chunk()])))
    say(queue)
    say(queue)
    sink.wait(lambda: 'FINISHED' in sink.names())
    assert [name for name in sink.names() if name != 'SPEAKING'] == [
        'SYNTHESIZING',
        'FAILED',
        'SYNTHESIZING',
        'FINISHED',
    ]
    assert next(e for s, _, e in sink.states if s is State.FAILED) is crash
    assert sink.speaking == [True, False, True, False]


def test_defect_fails_one_utterance_and_not_the_thread(start):
    queue, sink = start(Engine(Stream([ValueError('oops')]), Stream([chunk()])))
    say(queue)
    say(queue)
    sink.wait(lambda: 'FINISHED' in sink.names())
    error = next(e for s, _, e in sink.states if s is State.FAILED)
    assert (error.name, 'oops' in str(error)) == ('INTERNAL', True)


@pytest.mark.parametrize('samples', [np.nan, np.inf])
def test_audio_that_is_no_number_fails_the_utterance_and_cancels_the_engine(start, samples):
    stream = Stream([chunk(value=samples)], blocks=True)
    queue, sink = start(Engine(stream))
    say(queue)
    sink.wait(lambda: 'FAILED' in sink.names())
    assert sink.audio == []
    assert stream.canceled.is_set()


def test_cancel_reaches_the_engine_while_it_works(start):
    stream = Stream([], blocks=True)
    queue, sink = start(Engine(stream))
    utterance = say(queue)
    sink.wait(lambda: 'SYNTHESIZING' in sink.names())
    utterance.cancel()
    sink.wait(lambda: 'CANCELED' in sink.names())
    assert stream.canceled.is_set()
    assert sink.speaking == [False]


def test_cancel_ends_the_wait_for_the_playing_time(start):
    queue, sink = start(Engine(Stream([chunk(length=60_000)])), lead_ms=0)  # a minute
    utterance = say(queue)
    sink.wait(lambda: len(sink.audio) >= 2)
    utterance.cancel()
    sink.wait(lambda: 'CANCELED' in sink.names())
    assert sink.speaking == [True, False]
    assert sink.states[-1][2].name == 'CANCELED'


def test_utterance_waits_for_a_starting_engine(start):
    engine = Engine(Stream([chunk()]), state='starting')
    queue, sink = start(engine)
    say(queue)
    assert sink.names() == []
    engine.status = SimpleNamespace(state='ready', message='')
    sink.wait(lambda: 'FINISHED' in sink.names())


def test_utterance_gives_up_on_an_engine_that_never_starts(start):
    queue, sink = start(Engine(state='restarting'), engine_wait_s=0.05)
    say(queue)
    sink.wait(lambda: 'FAILED' in sink.names())
    error = sink.states[-1][2]
    assert error.name == 'ENGINE_UNAVAILABLE'
    assert 'restarting' in str(error) and 'because' in str(error)


def test_utterance_fails_at_once_when_the_engine_failed(start):
    queue, sink = start(Engine(state='failed'))
    say(queue)
    sink.wait(lambda: 'FAILED' in sink.names())
    assert 'because' in str(sink.states[-1][2])


def test_utterance_canceled_before_the_engine_answered_is_canceled_there(start):
    stream = Stream([], blocks=True)
    utterance = Utterance(SpeechRequest('hi'), 'say')
    utterance.cancel()
    utterance.attach(stream)
    assert stream.canceled.is_set()
