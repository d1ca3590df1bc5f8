"""`is_speaking` in time, from any thread."""

from __future__ import annotations

import threading
import time

import pytest

from gptsovits_ros.ros.playback import Report
from gptsovits_ros.ros.speaking import FLUSH_ANSWER_S, SpeakingState

TIMEOUT_S = 5.0


class Told:
    """Writes down what is told."""

    def __init__(self) -> None:
        self.values: list[bool] = []
        self.changed = threading.Condition()

    def __call__(self, value: bool) -> None:
        with self.changed:
            self.values.append(value)
            self.changed.notify_all()

    def wait_for(self, *values: bool) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.values == list(values), TIMEOUT_S)


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def state(told):
    state = SpeakingState(told, hold_s=0.0)
    yield state
    state.close()


def report(playing: bool, samples: int = 0, flushes: int = 0) -> Report:
    """Return what a player tells of the message with the stamp 1."""
    return Report(playing, 1, samples, True, flushes)


def test_it_is_told_at_each_change_and_only_then(state, told):
    assert told.values == [False]
    state.sent(0.0, 1, 50, 1000)
    state.sent(0.05, 2, 50, 1000)
    assert told.values == [False, True]
    told.wait_for(False, True, False)


def test_flush_without_a_player_ends_it_at_once(state, told):
    state.sent(0.0, 1, 60_000, 1000)
    sent = []
    assert state.flush(lambda: sent.append(1), 12.5) == 12.5
    assert sent == [1]
    told.wait_for(False, True, False)


def test_flush_waits_for_what_the_player_tells_of_it(state, told):
    state.reported(report(playing=False, samples=100))
    state.sent(0.0, 1, 1000, 1000)
    state.reported(report(playing=True, samples=100))

    def answer() -> None:
        threading.Timer(0.02, lambda: state.reported(report(False, 300, flushes=1))).start()

    assert state.flush(answer, 0.9) == pytest.approx(0.7)
    told.wait_for(False, True, False)


def test_flush_does_not_wait_long_for_a_player_that_does_not_answer(state):
    state.sent(0.0, 1, 1000, 1000)
    state.reported(report(playing=True, samples=100))
    start = time.monotonic()
    assert state.flush(lambda: None, 0.5) == pytest.approx(0.9)
    assert FLUSH_ANSWER_S <= time.monotonic() - start < TIMEOUT_S


def test_close_ends_in_silence(told):
    state = SpeakingState(told, hold_s=5.0)
    state.sent(0.0, 1, 60_000, 1000)
    state.close()
    state.sent(0.0, 2, 60_000, 1000)
    assert told.values == [False, True, False]
