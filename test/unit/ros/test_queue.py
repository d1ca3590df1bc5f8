"""The queue: order, fairness, policies, bound, turn, and what stop takes out."""

from __future__ import annotations

import random
import threading
import time

import pytest

from gptsovits_ros.errors import (
    CanceledError,
    DeadlinePassedError,
    EngineUnavailableError,
    MergedError,
    QueueFullError,
)
from gptsovits_ros.ros.order import Order, Policy, Priority, Reason
from gptsovits_ros.ros.queue import QueueSettings, UtteranceQueue
from gptsovits_ros.ros.script import Script
from gptsovits_ros.ros.utterance import State, Utterance
from gptsovits_ros.types import SpeechRequest

CHAT, TASK, SAFETY = Priority


def make(
    text: str = 'hi',
    source: str = 'say',
    priority: Priority = TASK,
    policy: Policy = Policy.QUEUE,
    deadline: float | None = None,
    voice: str = '',
) -> Utterance:
    """Return a new utterance."""
    order = Order(priority, policy, deadline)
    return Utterance(SpeechRequest(text, voice=voice), source, order=order)


def new_queue(max_length: int = 9, merges: bool = False) -> UtteranceQueue:
    """Return an empty queue."""
    return UtteranceQueue(QueueSettings(max_length, merges))


def filled(count: int, max_length: int = 9) -> tuple[UtteranceQueue, list[Utterance]]:
    """Return a queue with new utterances in it."""
    queue, items = new_queue(max_length), [make(str(number)) for number in range(count)]
    for item in items:
        queue.put(item)
    return queue, items


def texts(queue: UtteranceQueue) -> list[str]:
    """Return the texts that wait, in the order in which they will be spoken."""
    return [utterance.request.text for utterance, _ in queue.waiting()]


def spoken(queue: UtteranceQueue) -> list[str]:
    """Speak all that waits; return the texts in that order."""
    result = []
    while len(queue):
        result.append(queue.get().request.text)
        queue.done()
    return result


def test_first_come_first_spoken():
    queue, items = filled(3)
    assert queue.next() is items[0]
    assert spoken(queue) == ['0', '1', '2']
    assert queue.next() is None


def test_more_important_ones_are_spoken_first():
    queue = new_queue()
    for text, priority in (('c', CHAT), ('t', TASK), ('s', SAFETY), ('t2', TASK), ('s2', SAFETY)):
        queue.put(make(text, priority=priority))
    assert spoken(queue) == ['s', 's2', 't', 't2', 'c']


def test_sources_of_one_priority_take_turns():
    queue = new_queue()
    for text in ('a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2'):
        queue.put(make(text, source=text[0]))
    assert texts(queue) == ['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']
    assert spoken(queue) == ['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']


def test_source_that_comes_back_goes_behind_those_that_wait():
    queue = new_queue()
    for text in ('a1', 'b1', 'b2'):
        queue.put(make(text, source=text[0]))
    assert queue.get().request.text == 'a1'
    queue.put(make('a2', source='a'))
    assert spoken(queue) == ['b1', 'a2', 'b2']


def test_what_waits_is_told_in_the_order_in_which_it_is_spoken():
    """A thousand random puts and turns: the list always foretells the next turn."""
    rng, queue = random.Random(6), new_queue(max_length=50)
    for number in range(1000):
        if rng.random() < 0.55 and len(queue) < 50:
            source = rng.choice('abcd')
            queue.put(make(str(number), source, rng.choice([CHAT, TASK, SAFETY])))
        elif len(queue):
            foretold = queue.waiting()[0][0]
            assert queue.next() is foretold
            assert queue.get() is foretold
            queue.done()


def test_no_source_waits_longer_than_one_turn_of_each_other_source():
    rng, queue = random.Random(7), new_queue(max_length=1000)
    waited: dict[str, int] = {}
    for _ in range(500):
        for _ in range(rng.randrange(3)):
            queue.put(make(source='flood'))
        if rng.random() < 0.3 and 'shy' not in waited:
            queue.put(make(source='shy'))
            waited['shy'] = 0
        if not len(queue):
            continue
        turn = queue.get().source
        queue.done()
        if turn == 'shy':
            del waited['shy']
        elif 'shy' in waited:
            waited['shy'] += 1
            assert waited['shy'] <= 1


def test_positions_count_the_one_whose_turn_it_is():
    queue, (first, second, third) = filled(3)
    assert queue.waiting() == [(first, 0), (second, 1), (third, 2)]
    queue.get()
    assert queue.waiting() == [(second, 1), (third, 2)]
    queue.done()
    assert queue.waiting() == [(second, 0), (third, 1)]


def test_full_queue_refuses_until_one_leaves_or_the_bound_grows():
    queue, _ = filled(2, max_length=2)
    late = make()
    with pytest.raises(QueueFullError, match='queue.max_length'):
        queue.put(late)
    queue.get()
    queue.put(late)
    with pytest.raises(QueueFullError):
        queue.put(late)
    queue.set_settings(QueueSettings(3))
    queue.put(make())
    assert len(queue) == 3


def test_more_important_one_displaces_the_newest_of_the_least_important():
    queue = new_queue(max_length=3)
    for text, priority in (('t', TASK), ('c1', CHAT), ('c2', CHAT)):
        queue.put(make(text, priority=priority))
    (dropped, ending), *more = queue.put(make('s', priority=SAFETY)).dropped
    assert (dropped.request.text, ending.reason, ending.state, more) == (
        'c2', Reason.DISPLACED, State.FAILED, [],
    )  # fmt: skip
    assert isinstance(ending.error, QueueFullError)
    assert texts(queue) == ['s', 't', 'c1']
    with pytest.raises(QueueFullError):
        queue.put(make(priority=CHAT))


def test_replace_drops_what_its_source_has_waiting_and_nothing_more_important():
    queue = new_queue(max_length=4)
    for text, source, priority in (
        ('old', 'a', TASK), ('warning', 'a', SAFETY), ('other', 'b', TASK), ('older', 'a', CHAT),
    ):  # fmt: skip
        queue.put(make(text, source, priority))
    admission = queue.put(make('new', 'a', policy=Policy.REPLACE))
    assert [u.request.text for u, _ in admission.dropped] == ['old', 'older']
    assert {(e.reason, e.state) for _, e in admission.dropped} == {
        (Reason.REPLACED, State.CANCELED)
    }
    assert texts(queue) == ['warning', 'other', 'new']


@pytest.mark.parametrize('policy', [Policy.INTERRUPT, Policy.INTERRUPT_AT_CLAUSE])
@pytest.mark.parametrize('present, gives_way', [(CHAT, True), (TASK, True), (SAFETY, False)])
def test_interruption_ends_what_is_not_more_important_and_goes_first(policy, present, gives_way):
    queue = new_queue()
    current = make(priority=present)
    queue.put(current)
    assert queue.get() is current
    queue.put(make('waiting'))
    queue.put(make('warning', priority=SAFETY))
    admission = queue.put(make('now', policy=policy))
    assert admission.interrupted is (current if gives_way else None)
    assert texts(queue) == ['warning', 'now', 'waiting']


@pytest.mark.parametrize('policy', [Policy.QUEUE, Policy.REPLACE, Policy.DROP_IF_LATE])
def test_other_policies_interrupt_nothing(policy):
    queue, _ = filled(1)
    queue.get()
    assert queue.put(make(priority=SAFETY, policy=policy)).interrupted is None


def test_latest_interruption_goes_first_among_its_equals():
    queue = new_queue()
    for text in ('1', '2'):
        queue.put(make(text, policy=Policy.INTERRUPT))
    queue.put(make('3'))
    assert texts(queue) == ['2', '1', '3']


def test_late_ones_are_taken_out_and_too_late_ones_refused():
    now = time.monotonic()
    queue = new_queue()
    patient, hasty, eternal = make(deadline=now + 60), make(deadline=now + 30), make()
    for utterance in (patient, hasty, eternal):
        queue.put(utterance)
    assert queue.take_late(now + 29) == []
    assert queue.take_late(now + 31) == [hasty]
    assert [u for u, _ in queue.waiting()] == [patient, eternal]
    with pytest.raises(DeadlinePassedError):
        queue.put(make(deadline=now - 1))


def test_duplicate_is_merged_with_the_one_that_waits_which_takes_its_urgency():
    now = time.monotonic()
    queue = new_queue(merges=True)
    queue.put(make('first'))
    waiting = make('low battery', source='a', priority=CHAT, deadline=now + 60)
    queue.put(waiting)
    with pytest.raises(MergedError, match=waiting.id):
        queue.put(make('low battery', source='b', priority=SAFETY))
    assert texts(queue) == ['low battery', 'first']
    assert (waiting.order.priority, waiting.order.deadline) == (SAFETY, None)
    queue.put(make('low battery', voice='bob'))
    assert len(queue) == 3


def test_merged_one_keeps_its_place():
    queue = new_queue(merges=True)
    for text in ('1', '2', '3'):
        queue.put(make(text))
    with pytest.raises(MergedError):
        queue.put(make('1'))
    assert texts(queue) == ['1', '2', '3']


def test_duplicate_that_interrupts_takes_the_place_of_the_one_that_waits():
    queue = new_queue(merges=True)
    current = make('talk')
    queue.put(current)
    queue.get()
    queue.put(make('person ahead'))
    admission = queue.put(make('person ahead', policy=Policy.INTERRUPT))
    assert admission.interrupted is current
    assert [e.reason for _, e in admission.dropped] == [Reason.MERGED]
    assert len(queue) == 1


def test_interruption_by_what_is_being_said_is_merged_with_it():
    queue = new_queue(merges=True)
    queue.put(make('person ahead', policy=Policy.INTERRUPT))
    queue.get()
    with pytest.raises(MergedError):
        queue.put(make('person ahead', policy=Policy.INTERRUPT))
    queue.put(make('person ahead'))  # waits: it will be a second time
    assert len(queue) == 1


def test_text_that_is_still_arriving_is_not_merged():
    queue = new_queue(merges=True)
    for _ in range(2):
        queue.put(Utterance(SpeechRequest(''), 'say_stream', script=Script(is_complete=False)))
    assert len(queue) == 2


def test_without_merging_duplicates_wait():
    queue = new_queue()
    queue.put(make('same'))
    queue.put(make('same'))
    assert len(queue) == 2


def test_removed_utterance_is_skipped_and_the_current_one_cannot_be_removed():
    queue, (first, second, third) = filled(3)
    assert queue.get() is first
    assert not queue.remove(first)
    assert queue.remove(second)
    assert not queue.remove(second)
    queue.done()
    assert queue.get() is third


def test_interruption_that_waits_can_be_removed():
    queue, now = new_queue(), make(policy=Policy.INTERRUPT)
    queue.put(now)
    assert queue.remove(now)
    assert len(queue) == 0


def test_resumed_one_goes_before_others_of_its_priority():
    queue, _ = filled(2)
    queue.put(make('rest'), first=True)
    queue.put(make('chat', priority=CHAT), first=True)
    assert texts(queue) == ['rest', '0', '1', 'chat']


def test_clear_takes_out_all_that_wait_and_names_the_current_one():
    queue, (first, second, third) = filled(3)
    queue.get()
    assert queue.current is first
    assert queue.clear() == (first, [second, third])
    assert queue.clear() == (first, [])
    queue.done()
    assert queue.clear() == (None, [])


def test_utterance_is_found_while_it_waits_and_during_its_turn_only():
    queue, (first, second) = filled(2)
    queue.get()
    assert queue.find(first.id) is first
    assert queue.find(second.id) is second
    queue.done()
    assert queue.find(first.id) is None


def test_close_wakes_who_waits_and_refuses_more():
    queue = new_queue()
    got = []
    thread = threading.Thread(target=lambda: got.append(queue.get()))
    thread.start()
    queue.close()
    thread.join(5)
    assert got == [None]
    with pytest.raises(EngineUnavailableError):
        queue.put(make())


def test_closed_queue_gives_out_nothing_more():
    queue, _ = filled(2)
    queue.close()
    assert queue.get() is None


def test_replaced_one_is_told_which_utterance_took_its_place():
    queue, new = new_queue(), make(policy=Policy.REPLACE)
    queue.put(make())
    ((_, ending),) = queue.put(new).dropped
    assert isinstance(ending.error, CanceledError)
    assert new.id in str(ending.error)
