"""Items that one thread puts reach another that waits on a descriptor."""

from __future__ import annotations

import select
import signal
import threading

import pytest

from gptsovits_ros.engine.wakeup import WakeupQueue


@pytest.fixture
def queue():
    """Return an empty queue."""
    made = WakeupQueue()
    yield made
    made.close()


def is_readable(queue, timeout_s=0.0):
    """Tell whether a reader that waits for the queue would wake."""
    return bool(select.select([queue], [], [], timeout_s)[0])


def test_the_reader_wakes_once_for_all_items_in_order(queue):
    assert not is_readable(queue)
    for item in range(3):
        queue.put(item)
    assert is_readable(queue)
    assert queue.take() == [0, 1, 2]
    assert not is_readable(queue)
    assert queue.take() == []


def test_an_item_of_another_thread_wakes_the_reader(queue):
    threading.Timer(0.02, queue.put, ['late']).start()
    assert is_readable(queue, 10)
    assert queue.take() == ['late']


def test_a_bare_wake_brings_no_item(queue):
    queue.wake()
    assert is_readable(queue)
    assert queue.take() == []


def test_more_items_than_the_pipe_holds_are_all_there(queue):
    for item in range(5000):
        queue.put(item)
    assert queue.take() == list(range(5000))
    assert not is_readable(queue)


def test_putting_after_close_is_harmless_and_the_item_can_be_taken(queue):
    queue.put(1)
    queue.close()
    queue.put(2)
    queue.wake()
    assert queue.take() == [1, 2]


def test_a_signal_handler_may_put_while_its_thread_puts(queue):
    handled = []

    def handle(*_):
        queue.put('signal')
        handled.append(True)

    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        count = 0
        while len(handled) < 50:
            queue.put('thread')
            count += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    items = queue.take()
    assert items.count('signal') == len(handled)
    assert items.count('thread') == count
