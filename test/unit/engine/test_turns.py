"""Turns: one at a time, in the order of asking, and left while waiting."""

from __future__ import annotations

import threading
import time

import pytest

from gptsovits_ros.engine.turns import Turns

PATIENCE_S = 10.0


def started(target) -> threading.Thread:
    thread = threading.Thread(target=target)
    thread.start()
    return thread


def until(condition) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_turns_come_one_at_a_time_in_the_order_of_asking():
    turns, order = Turns(), []

    def take(number):
        with turns.taken():
            order.append(number)

    with turns.taken():
        threads = []
        for number in range(5):
            threads.append(started(lambda number=number: take(number)))
            until(lambda number=number: len(turns._waiting) == number + 1)
        assert order == []
    for thread in threads:
        thread.join(PATIENCE_S)
    assert order == [0, 1, 2, 3, 4]


def test_whoever_waits_leaves_its_turn_to_others():
    turns, has_run = Turns(), threading.Event()

    def other():
        with turns.taken():
            has_run.set()

    with turns.taken():
        thread = started(other)
        with turns.left():
            assert has_run.wait(PATIENCE_S)
    thread.join(PATIENCE_S)


def test_an_error_ends_a_turn():
    turns = Turns()
    with pytest.raises(ValueError, match='x'), turns.taken():
        raise ValueError('x')
    with turns.taken():
        pass


def test_items_are_made_in_turns_and_handed_out_between_them():
    turns, closed = Turns(), []

    def items():
        try:
            for number in range(3):
                assert turns._is_taken
                yield number
        finally:
            assert turns._is_taken
            closed.append(True)

    found = []
    for item in turns.each(items()):
        assert not turns._is_taken and turns.sharing == 1
        found.append(item)
    assert found == [0, 1, 2] and closed == [True]
    left_early = turns.each(items())
    assert next(left_early) == 0
    left_early.close()
    assert closed == [True, True] and not turns._is_taken and not turns.sharing
