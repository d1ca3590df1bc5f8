"""The queue: order, bound, turn, and what stop takes out."""

from __future__ import annotations

import threading

import pytest

from gptsovits_ros.errors import EngineUnavailableError, QueueFullError
from gptsovits_ros.ros.queue import UtteranceQueue
from gptsovits_ros.ros.utterance import Utterance
from gptsovits_ros.types import SpeechRequest


def utterances(count: int) -> list[Utterance]:
    """Return new utterances."""
    return [Utterance(SpeechRequest(str(number)), 'say') for number in range(count)]


def filled(count: int, max_length: int = 9) -> tuple[UtteranceQueue, list[Utterance]]:
    """Return a queue with new utterances in it."""
    queue, items = UtteranceQueue(max_length), utterances(count)
    for item in items:
        queue.put(item)
    return queue, items


def test_first_come_first_spoken():
    queue, items = filled(3)
    spoken = []
    for _ in items:
        spoken.append(queue.get())
        queue.done()
    assert spoken == items


def test_positions_count_the_one_whose_turn_it_is():
    queue, (first, second, third) = filled(3)
    assert queue.waiting() == [(first, 0), (second, 1), (third, 2)]
    queue.get()
    assert queue.waiting() == [(second, 1), (third, 2)]
    queue.done()
    assert queue.waiting() == [(second, 0), (third, 1)]


def test_full_queue_refuses_until_one_leaves_or_the_bound_grows():
    queue, _ = filled(2, max_length=2)
    (late,) = utterances(1)
    with pytest.raises(QueueFullError, match='queue.max_length'):
        queue.put(late)
    queue.get()
    queue.put(late)
    with pytest.raises(QueueFullError):
        queue.put(late)
    queue.set_max_length(3)
    queue.put(*utterances(1))
    assert len(queue) == 3


def test_removed_utterance_is_skipped_and_the_current_one_cannot_be_removed():
    queue, (first, second, third) = filled(3)
    assert queue.get() is first
    assert not queue.remove(first)
    assert queue.remove(second)
    assert not queue.remove(second)
    queue.done()
    assert queue.get() is third


def test_clear_takes_out_all_that_wait_and_names_the_current_one():
    queue, (first, second, third) = filled(3)
    queue.get()
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
    queue = UtteranceQueue(9)
    got = []
    thread = threading.Thread(target=lambda: got.append(queue.get()))
    thread.start()
    queue.close()
    thread.join(5)
    assert got == [None]
    with pytest.raises(EngineUnavailableError):
        queue.put(*utterances(1))


def test_closed_queue_gives_out_nothing_more():
    queue, _ = filled(2)
    queue.close()
    assert queue.get() is None
