"""What becomes of requests: taken in or refused, ended early, resumed."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from gptsovits_ros.errors import CanceledError, EngineCrashedError
from gptsovits_ros.ros.heard import Heard, PlayedSegment
from gptsovits_ros.ros.order import Order, Policy, Priority, Reason
from gptsovits_ros.ros.parameters import Parameters
from gptsovits_ros.ros.queue import QueueSettings, UtteranceQueue
from gptsovits_ros.ros.reception import Reception
from gptsovits_ros.ros.script import Part, Script
from gptsovits_ros.ros.utterance import Ending, State, Utterance
from gptsovits_ros.types import SpeechRequest, VoiceInfo

CHAT, TASK, SAFETY = Priority
STOP = Ending(CanceledError('stopped'), Reason.STOP)


class Sink:
    """Writes down what is told."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.told: list[tuple[str, State, Ending | None]] = []

    def on_state(self, utterance, state, segment='', ending=None) -> None:
        self.told.append((utterance.id, state, ending))

    def states(self) -> list[tuple[str, str]]:
        """Return id and state of all that was told."""
        return [(name, state.name) for name, state, _ in self.told]


@pytest.fixture
def desk():
    """Return a reception with its queue, its sink and the status of its engine."""
    sink, queue = Sink(), UtteranceQueue(QueueSettings(3))
    voices = (VoiceInfo('anna', '', ('en',), 'v2', 32000, True),)
    status = SimpleNamespace(state='ready', message='because', voices=voices)
    parameters = Parameters.from_values({'speech.max_text_length': 100})
    reception = Reception(queue, sink, lambda: parameters, lambda: status)
    return SimpleNamespace(reception=reception, queue=queue, sink=sink, status=status)


def make(name: str, text: str = 'hi', **order) -> Utterance:
    """Return a new utterance."""
    request = SpeechRequest(text, voice=order.pop('voice', ''))
    return Utterance(request, order.pop('source', 'say'), name, Order(**order))


def speak(desk, name: str, **order) -> Utterance:
    """Let an utterance have its turn."""
    utterance = make(name, **order)
    assert desk.reception.accept(utterance)
    assert desk.queue.get() is utterance
    return utterance


def end(desk, utterance: Utterance, ending: Ending | None, heard_s: float) -> None:
    """Let the turn of an utterance end; it had two segments of one second each."""
    for number in range(2):
        utterance.playout.begin(PlayedSegment(0, number, f's{number}', 1.0, 1.0))
    utterance.heard = Heard(heard_s, '')
    desk.queue.done()
    desk.reception.note_end(utterance, ending)


@pytest.mark.parametrize(
    ('utterance', 'code'),
    [
        (make('a', ''), 201),
        (make('a', 'x' * 101), 202),
        (make('a', voice='bob'), 204),
        (make('x' * 65), 206),
        (make(' a'), 206),
        (make('a', source='a\tb'), 206),
    ],
)
def test_what_cannot_be_spoken_is_refused_with_its_reason(desk, utterance, code):
    assert not desk.reception.accept(utterance)
    ((_, state, ending),) = desk.sink.told
    assert (state, ending.error.code) == (State.REFUSED, code)
    assert len(desk.queue) == 0


def test_id_in_use_is_refused_until_its_utterance_has_ended(desk):
    first = speak(desk, 'a')
    assert not desk.reception.accept(make('a'))
    end(desk, first, None, 2.0)
    assert desk.reception.accept(make('a'))


def test_what_waits_is_taken_while_the_engine_starts_and_refused_once_it_failed(desk):
    desk.status.state = 'starting'
    assert desk.reception.accept(make('a', voice='unknown yet'))
    desk.status.state = 'failed'
    assert not desk.reception.accept(make('b'))


def test_text_that_will_arrive_is_taken_without_any(desk):
    request = SpeechRequest('')
    assert desk.reception.accept(Utterance(request, 'llm', script=Script(is_complete=False)))
    strange = SpeechRequest('', language='klingon')
    assert not desk.reception.accept(Utterance(strange, 'llm', script=Script(is_complete=False)))


def test_interruption_cancels_or_lets_leave_the_one_that_speaks(desk):
    talk = speak(desk, 'talk')
    desk.reception.accept(make('clause', policy=Policy.INTERRUPT_AT_CLAUSE))
    assert not talk.is_canceled
    assert talk.ending.reason is Reason.INTERRUPTED and 'clause' in str(talk.ending.error)
    desk.reception.accept(make('now', policy=Policy.INTERRUPT))
    assert talk.is_canceled


def test_those_that_were_dropped_are_told_why(desk):
    desk.reception.accept(make('old', source='a'))
    desk.reception.accept(make('new', source='a', policy=Policy.REPLACE))
    assert desk.sink.states() == [('old', 'QUEUED'), ('new', 'QUEUED'), ('old', 'CANCELED')]
    assert desk.sink.told[-1][2].reason is Reason.REPLACED


def test_stop_ends_all_or_all_that_is_less_important(desk):
    talk = speak(desk, 'talk')
    desk.reception.accept(make('warning', priority=SAFETY))
    desk.reception.accept(make('chat', priority=CHAT))
    assert desk.reception.stop_all(STOP, below=SAFETY) == 2
    assert talk.is_canceled
    assert [u.id for u, _ in desk.queue.waiting()] == ['warning']
    assert desk.reception.stop_all(STOP) == 2  # talk has not ended yet
    assert desk.sink.states()[-2:] == [('chat', 'CANCELED'), ('warning', 'CANCELED')]


def test_client_cancels_its_own(desk):
    talk = speak(desk, 'talk')
    desk.reception.accept(make('next'))
    assert desk.reception.cancel('next') and desk.reception.cancel('talk')
    assert talk.ending.reason is Reason.CLIENT
    assert desk.sink.told[-1][2].reason is Reason.CLIENT
    assert not desk.reception.cancel('unknown')


def test_late_ones_end_unless_they_are_heard_already(desk):
    now = time.monotonic()
    assert not desk.reception.has_deadlines()
    talk = speak(desk, 'talk', deadline=now + 0.01)
    desk.reception.accept(make('next', deadline=now + 0.01))
    desk.reception.accept(make('patient'))
    assert desk.reception.has_deadlines()
    while time.monotonic() < now + 0.02:
        time.sleep(0.005)
    desk.reception.drop_late()
    assert talk.ending.reason is Reason.DEADLINE
    assert desk.sink.told[-1][:2] == ('next', State.FAILED)
    assert [u.id for u, _ in desk.queue.waiting()] == ['patient']


def test_late_one_that_is_heard_already_goes_on(desk):
    talk = speak(desk, 'talk', deadline=time.monotonic() + 0.001)
    talk.playout.begin(PlayedSegment(0, 0, 's'))
    talk.note_published(0.1)
    time.sleep(0.002)
    desk.reception.drop_late()
    assert talk.ending is None


def test_interrupted_one_goes_on_where_it_was_before_others_of_its_priority(desk):
    talk = speak(desk, 'talk', source='a', policy=Policy.INTERRUPT, deadline=time.monotonic() + 9)
    desk.reception.accept(make('waits'))
    end(desk, talk, STOP, heard_s=1.5)
    rest = desk.reception.resume()
    assert desk.queue.get() is rest
    assert rest.script.part(0) == Part('hi', 1)
    assert rest.order == Order(TASK)  # it interrupts nothing, and has no deadline any more
    assert (rest.source, rest.request, rest.id == 'talk') == ('a', talk.request, False)
    assert desk.reception.resume() is None


def test_rest_that_is_interrupted_again_goes_on_there(desk):
    talk = speak(desk, 'talk')
    end(desk, talk, STOP, heard_s=0.5)
    rest = desk.reception.resume()
    assert desk.queue.get() is rest
    end(desk, rest, STOP, heard_s=1.5)
    assert desk.reception.resume().script.part(0) == Part('hi', 1)


@pytest.mark.parametrize(
    'ending',
    [None, Ending(EngineCrashedError('died')), Ending(CanceledError('x'), Reason.REPLACED)],
)
def test_only_what_people_or_urgent_things_ended_is_resumed(desk, ending):
    end(desk, speak(desk, 'talk'), ending, heard_s=1.0)
    assert desk.reception.resume() is None


def test_resume_that_is_refused_is_told_like_any_other(desk):
    end(desk, speak(desk, 'talk'), STOP, heard_s=1.0)
    desk.status.state = 'failed'
    assert desk.reception.resume() is None
    assert desk.sink.told[-1][1] is State.REFUSED
