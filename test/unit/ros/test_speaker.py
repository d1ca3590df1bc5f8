"""The speaker thread, with an engine and a sink of plain Python."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from gptsovits_ros.audio.pcm import to_int16
from gptsovits_ros.errors import (
    CanceledError,
    EngineCrashedError,
    EngineUnavailableError,
    TextStreamError,
)
from gptsovits_ros.ros.order import Order, Reason
from gptsovits_ros.ros.queue import QueueSettings, UtteranceQueue
from gptsovits_ros.ros.script import Part, Script
from gptsovits_ros.ros.speaker import Speaker, StreamSettings
from gptsovits_ros.ros.utterance import Ending, State, Utterance
from gptsovits_ros.types import AudioChunk, Mark, SpeechRequest

RATE = 1000
TIMEOUT_S = 5.0


class Stream:
    """Chunks, then an error if there is one; with `blocks`, nothing more until it is cancelled."""

    def __init__(self, items: list, blocks: bool = False) -> None:
        self._items = list(items)
        self._blocks = blocks
        self.canceled = threading.Event()

    def next_chunk(self, timeout_s: float | None = None) -> AudioChunk | None:
        if self.canceled.is_set():
            raise CanceledError('cancelled')
        if self._items:
            item = self._items.pop(0)
            if isinstance(item, Exception):
                raise item
            return item
        if not self._blocks:
            return None
        if not self.canceled.wait(TIMEOUT_S if timeout_s is None else timeout_s):
            raise TimeoutError
        raise CanceledError('cancelled')

    def cancel(self) -> None:
        self.canceled.set()


class Engine:
    """Answers requests with prepared streams, in order."""

    def __init__(self, *streams: Stream, state: str = 'ready') -> None:
        self.status = SimpleNamespace(state=state, message='because')
        self._streams = list(streams)
        self.requests: list[SpeechRequest] = []

    def synthesize(self, request: SpeechRequest) -> Stream:
        if self.status.state != 'ready':
            raise EngineUnavailableError(self.status.message)
        self.requests.append(request)
        return self._streams.pop(0)

    @property
    def texts(self) -> list[str]:
        """What it was asked to say."""
        return [request.text for request in self.requests]


class Sink:
    """Writes down what happens."""

    def __init__(self) -> None:
        self.states: list[tuple[State, str, Ending | None]] = []
        self.audio: list[np.ndarray] = []
        self.sent_at: list[float] = []
        self.flushes: list[float] = []
        self.marks: list[tuple[int, str, float]] = []  # after so many messages of audio
        self.changed = threading.Condition()

    def on_state(self, utterance, state, segment='', ending=None) -> None:
        with self.changed:
            self.states.append((state, segment, ending))
            self.changed.notify_all()

    def on_audio(self, utterance, samples, sample_rate, due_in_s) -> None:
        with self.changed:
            self.audio.append(samples)
            self.sent_at.append(time.monotonic())
            self.changed.notify_all()

    def on_marks(self, utterance, marks) -> None:
        self.marks.extend((len(self.audio), mark.text, due_in_s) for mark, due_in_s in marks)

    def on_flush(self, unheard_s) -> float:
        self.flushes.append(unheard_s)
        return unheard_s

    def wait(self, condition) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, TIMEOUT_S)

    def names(self) -> list[str]:
        return [state.name for state, _, _ in self.states]

    def ending(self, state: State) -> Ending | None:
        return next(ending for s, _, ending in self.states if s is state)


@pytest.fixture
def start():
    """Return a function that starts a speaker; it ends with the test."""
    started = []

    def make(engine: Engine, lead_ms: int = 5000, engine_wait_s: float = TIMEOUT_S):
        queue, sink = UtteranceQueue(QueueSettings(9)), Sink()
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


def chunk(
    length: int = 20, segment: int = 0, value: float = 0.5, is_segment_end: bool = True
) -> AudioChunk:
    """Return a chunk."""
    samples = np.full(length, value, np.float32)
    return AudioChunk(samples, RATE, segment, f's{segment}', is_segment_end)


def say(queue: UtteranceQueue, text: str = 'hi', **options) -> Utterance:
    """Put an utterance into the queue and return it."""
    utterance = Utterance(SpeechRequest(text), 'say', **options)
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
    assert utterance.published_s == pytest.approx(0.04)
    assert utterance.first_audio_s is not None
    assert (utterance.heard.duration_s, utterance.heard.text) == (pytest.approx(0.04), 's0 s1')
    assert sink.flushes == []
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
    assert sink.ending(State.FAILED).error is crash


def test_defect_fails_one_utterance_and_not_the_thread(start):
    queue, sink = start(Engine(Stream([ValueError('oops')]), Stream([chunk()])))
    say(queue)
    say(queue)
    sink.wait(lambda: 'FINISHED' in sink.names())
    error = sink.ending(State.FAILED).error
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
    assert sink.flushes == []  # nothing was sent


def test_cancel_ends_the_wait_for_the_playing_time(start):
    queue, sink = start(Engine(Stream([chunk(length=60_000)])), lead_ms=0)  # a minute
    utterance = say(queue)
    sink.wait(lambda: len(sink.audio) >= 2)
    utterance.cancel()
    sink.wait(lambda: 'CANCELED' in sink.names())
    assert len(sink.flushes) == 1
    assert sink.ending(State.CANCELED).error.name == 'CANCELED'


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
    error = sink.states[-1][2].error
    assert error.name == 'ENGINE_UNAVAILABLE'
    assert 'restarting' in str(error) and 'because' in str(error)


def test_utterance_fails_at_once_when_the_engine_failed(start):
    queue, sink = start(Engine(state='failed'))
    say(queue)
    sink.wait(lambda: 'FAILED' in sink.names())
    assert 'because' in str(sink.states[-1][2].error)


def test_utterance_canceled_before_the_engine_answered_is_canceled_there(start):
    stream = Stream([], blocks=True)
    utterance = Utterance(SpeechRequest('hi'), 'say')
    utterance.cancel()
    utterance.attach(stream)
    assert stream.canceled.is_set()


def ends_with(reason: Reason) -> Ending:
    """Return an ending that people wanted."""
    return Ending(CanceledError('enough'), reason)


def test_canceled_one_tells_what_was_heard_and_what_was_due_is_dropped(start):
    # Two segments of one second each, the second one all ahead of its time.
    queue, sink = start(Engine(Stream([chunk(100), chunk(2000, segment=1)], blocks=True)))
    utterance = say(queue)
    sink.wait(lambda: len(sink.audio) == 210)
    utterance.cancel(ends_with(Reason.BARGE_IN))
    sink.wait(lambda: 'CANCELED' in sink.names())
    (unheard_s,) = sink.flushes
    assert utterance.heard.duration_s == pytest.approx(2.1 - unheard_s)
    assert 0 <= utterance.heard.duration_s < 1.9
    assert sink.ending(State.CANCELED).reason is Reason.BARGE_IN


def test_words_heard_follow_what_the_player_tells(start):
    words = [replace(chunk(1000), segment_text='one two three four five.')]
    queue, sink = start(Engine(Stream(words, blocks=True)))
    sink.on_flush = lambda unheard_s: 0.5
    utterance = say(queue)
    sink.wait(lambda: len(sink.audio) == 100)
    utterance.cancel()
    sink.wait(lambda: 'CANCELED' in sink.names())
    assert utterance.heard.duration_s == pytest.approx(0.5)
    assert utterance.heard.text == 'one two'


def test_one_that_has_to_leave_is_spoken_to_the_end_of_its_segment(start):
    chunks = [chunk(100, is_segment_end=False), chunk(100), chunk(500, segment=1)]
    stream = Stream(chunks)
    queue, sink = start(Engine(stream), lead_ms=0)
    utterance = say(queue)
    sink.wait(lambda: len(sink.audio) >= 2)
    utterance.leave(ends_with(Reason.INTERRUPTED))
    sink.wait(lambda: 'CANCELED' in sink.names())
    assert sum(map(len, sink.audio)) == 200
    assert utterance.heard.text == 's0'
    assert sink.flushes == []
    assert stream.canceled.is_set()


def test_one_that_has_to_leave_in_its_last_segment_is_finished(start):
    queue, sink = start(Engine(Stream([chunk(100)])), lead_ms=0)
    utterance = say(queue)
    sink.wait(lambda: len(sink.audio) >= 2)
    utterance.leave(ends_with(Reason.INTERRUPTED))
    sink.wait(lambda: 'FINISHED' in sink.names())
    assert sum(map(len, sink.audio)) == 100


def test_one_that_has_to_leave_does_not_wait_for_a_slow_engine(start):
    queue, sink = start(Engine(Stream([chunk(50)], blocks=True)), lead_ms=0)
    utterance = say(queue)
    sink.wait(lambda: len(sink.audio) >= 2)
    utterance.leave(ends_with(Reason.INTERRUPTED))
    sink.wait(lambda: 'CANCELED' in sink.names())
    assert sum(map(len, sink.audio)) == 50


def test_one_that_has_to_leave_before_its_first_audio_ends_at_once(start):
    queue, sink = start(Engine(Stream([], blocks=True)))
    utterance = say(queue)
    sink.wait(lambda: 'SYNTHESIZING' in sink.names())
    utterance.leave(ends_with(Reason.INTERRUPTED))
    sink.wait(lambda: 'CANCELED' in sink.names())
    assert utterance.heard.duration_s == 0


def test_audio_that_comes_behind_the_deadline_is_not_sent(start):
    engine = Engine(Stream([chunk()]), state='starting')
    queue, sink = start(engine)
    say(queue, order=Order(deadline=time.monotonic() + 0.05))
    assert not sink.audio
    time.sleep(0.06)
    engine.status = SimpleNamespace(state='ready', message='')
    sink.wait(lambda: 'FAILED' in sink.names())
    ending = sink.ending(State.FAILED)
    assert (ending.error.name, ending.reason) == ('DEADLINE_PASSED', Reason.DEADLINE)
    assert not sink.audio


def test_next_one_is_begun_while_the_present_one_is_heard(start):
    engine = Engine(Stream([chunk(300)]), Stream([chunk()]))
    queue, sink = start(engine, lead_ms=0)
    say(queue, 'first')
    say(queue, 'second')
    sink.wait(lambda: len(sink.audio) >= 2)
    assert engine.texts == ['first', 'second']
    sink.wait(lambda: sink.names().count('FINISHED') == 2)
    assert sum(map(len, sink.audio)) == 320
    # Nothing but the thread's own time lies between them.
    assert sink.sent_at[30] - sink.sent_at[29] < 0.01 + 0.1


def test_speech_that_was_begun_for_nothing_is_cancelled_and_made_again(start):
    wasted = Stream([chunk()], blocks=True)
    engine = Engine(Stream([chunk(300)]), wasted, Stream([chunk()]), Stream([chunk()]))
    queue, sink = start(engine, lead_ms=0)
    say(queue, 'first')
    say(queue, 'chat')
    sink.wait(lambda: len(sink.audio) >= 2)
    queue.put(Utterance(SpeechRequest('warning'), 'say'), first=True)
    sink.wait(lambda: sink.names().count('FINISHED') == 3)
    assert engine.texts == ['first', 'chat', 'warning', 'chat']
    assert wasted.canceled.is_set()


def test_one_that_was_begun_and_removed_costs_nothing(start):
    wasted = Stream([chunk()], blocks=True)
    queue, sink = start(Engine(Stream([chunk(100)]), wasted), lead_ms=0)
    say(queue, 'first')
    second = say(queue, 'second')
    sink.wait(lambda: len(sink.audio) >= 2)
    assert queue.remove(second)
    sink.wait(lambda: 'FINISHED' in sink.names())
    assert wasted.canceled.wait(TIMEOUT_S)


def test_engine_that_dies_before_its_turn_harms_none_of_those_that_wait(start):
    crash = EngineCrashedError('died')
    engine = Engine(Stream([chunk(100)]), Stream([crash]), Stream([chunk()]))
    queue, sink = start(engine, lead_ms=0)
    say(queue, 'first')
    say(queue, 'second')
    sink.wait(lambda: sink.names().count('FINISHED') == 2)
    assert engine.texts == ['first', 'second', 'second']
    assert 'FAILED' not in sink.names()


def test_parts_that_arrive_are_spoken_as_one_utterance(start):
    engine = Engine(Stream([chunk()]), Stream([chunk(), chunk(segment=1)]), Stream([chunk()]))
    queue, sink = start(engine)
    script = Script(is_complete=False)
    utterance = say(queue, '', script=script)
    script.add('one')
    sink.wait(lambda: len(sink.audio) == 2)
    script.add('two')
    script.add('three')
    sink.wait(lambda: len(sink.audio) == 8)
    assert 'FINISHED' not in sink.names()
    script.finish()
    sink.wait(lambda: 'FINISHED' in sink.names())
    assert engine.texts == ['one', 'two', 'three']
    assert [segment for s, segment, _ in sink.states if s is State.SPEAKING] == [
        's0', 's0', 's1', 's0',
    ]  # fmt: skip
    assert utterance.heard.text == 's0 s0 s1 s0'


def test_parts_are_asked_for_a_few_ahead(start):
    streams = [Stream([chunk()], blocks=True), *(Stream([chunk()]) for _ in range(9))]
    engine = Engine(*streams)
    queue, sink = start(engine)
    script = Script(tuple(Part(str(number)) for number in range(9)))
    utterance = say(queue, '', script=script)
    sink.wait(lambda: sink.audio)
    assert engine.texts == ['0', '1', '2']
    utterance.cancel()
    sink.wait(lambda: 'CANCELED' in sink.names())
    assert all(stream.canceled.is_set() for stream in streams[:3])


def test_text_that_stays_away_fails_behind_what_has_come(start):
    queue, sink = start(Engine(Stream([chunk()])))
    script = Script(is_complete=False)
    utterance = say(queue, '', script=script)
    script.add('one')
    sink.wait(lambda: sink.audio)
    script.finish(TextStreamError('no end'))
    sink.wait(lambda: 'FAILED' in sink.names())
    assert sink.ending(State.FAILED).error.name == 'TEXT_STREAM'
    assert utterance.heard.text == 's0'


def test_one_that_waits_for_its_text_can_be_cancelled(start):
    queue, sink = start(Engine())
    utterance = say(queue, '', script=Script(is_complete=False))
    sink.wait(lambda: 'SYNTHESIZING' in sink.names())
    utterance.cancel()
    sink.wait(lambda: 'CANCELED' in sink.names())


def test_script_that_was_interrupted_goes_on_at_the_segment_that_was_not_heard(start):
    def two() -> list[AudioChunk]:
        return [chunk(100), chunk(100, segment=1)]

    engine = Engine(Stream(two()), Stream(two(), blocks=True), Stream([chunk(10, segment=1)]))
    queue, sink = start(engine)
    sink.on_flush = lambda unheard_s: 0.05  # half of the last segment
    script = Script((Part('one'), Part('two'), Part('three')))
    engine._streams.insert(2, Stream([]))  # of part three, which is asked for ahead
    utterance = say(queue, '', script=script)
    sink.wait(lambda: len(sink.audio) == 40)
    utterance.cancel()
    sink.wait(lambda: 'CANCELED' in sink.names())
    rest = script.rest(*utterance.playout.resume_at(utterance.heard.duration_s))
    assert [rest.part(0), rest.part(1), rest.part(2)] == [Part('two', 1), Part('three'), None]
    engine._streams.append(Stream([]))
    say(queue, '', script=rest)
    sink.wait(lambda: 'FINISHED' in sink.names())
    assert [(r.text, r.first_segment) for r in engine.requests[3:]] == [('two', 1), ('three', 0)]


def test_marks_leave_with_their_audio_and_tell_when_it_is_due(start):
    sound = np.full(25, 0.5, np.float32)
    first = AudioChunk(sound, RATE, 0, 'One two', False, marks=(Mark('word', 'One', 0.012, 0.01),))
    last = AudioChunk(sound, RATE, 0, 'One two', True, marks=(Mark('word', 'two', 0.02, 0.005),))
    queue, sink = start(Engine(Stream([first, last])))
    utterance = Utterance(SpeechRequest('One two'), 'test')
    queue.put(utterance)
    sink.wait(lambda: 'FINISHED' in sink.names())
    # 10 ms per message: 12 ms are in the second, 25 + 20 ms in the fifth.
    assert [(message, text) for message, text, _ in sink.marks] == [(2, 'One'), (5, 'two')]
    dues = [due_in_s for _, _, due_in_s in sink.marks]
    # All is sent at once, and the first message is heard at once.
    assert dues == pytest.approx([0.012, 0.045], abs=0.01)
    assert [word.text_end for word in utterance.playout.segments[0].marks] == [3, 7]
    assert [word.end_s for word in utterance.playout.segments[0].marks] == pytest.approx(
        [0.022, 0.05]
    )
