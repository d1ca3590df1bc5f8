"""What is being heard: without a player when it is due, with one as it tells."""

from __future__ import annotations

import pytest

from gptsovits_ros.ros.playback import PLAYER_SILENCE_S, Playback, Report

RATE = 1000


def send(playback: Playback, now: float, due_in_s: float, number: int = 1) -> None:
    """Send 100 ms with the stamp `number`."""
    playback.sent(now, due_in_s, number, 100, RATE)


def report(playing: bool = True, stamp: int = 1, samples: int = 50, played: bool = True) -> Report:
    """Return what a player tells."""
    return Report(playing, stamp, samples, played, flushes=0)


def test_without_a_player_it_speaks_while_audio_is_due_and_a_little_longer():
    playback = Playback(hold_s=0.2)
    assert not playback.is_speaking(0.0)
    assert playback.changes_in(0.0) is None
    send(playback, 1.0, 0.0)
    send(playback, 1.0, 0.1)
    assert playback.is_speaking(1.0) and playback.is_speaking(1.39)
    assert playback.changes_in(1.0) == pytest.approx(0.4)
    assert not playback.is_speaking(1.41)
    assert playback.changes_in(1.41) is None


def test_without_a_player_a_flush_is_the_end_of_sound():
    playback = Playback(hold_s=0.2)
    send(playback, 1.0, 0.0)
    playback.flushed(1.05)
    assert playback.is_speaking(1.24) and not playback.is_speaking(1.26)


def test_hold_time_can_be_changed():
    playback = Playback(hold_s=0.2)
    send(playback, 1.0, 0.0)
    playback.hold_s = 0.0
    assert not playback.is_speaking(1.11)


def test_with_a_player_it_speaks_while_the_player_does():
    playback = Playback(hold_s=0.2)
    playback.reported(0.0, report(playing=False, stamp=0))
    send(playback, 1.0, 0.0)
    assert not playback.is_speaking(1.05)  # the player has it, and has not begun
    playback.reported(1.1, report())
    assert playback.is_speaking(1.15)
    playback.reported(1.25, report(playing=False, samples=100))
    assert playback.is_speaking(1.44) and not playback.is_speaking(1.46)


def test_player_that_says_nothing_any_more_is_not_followed():
    playback = Playback(hold_s=0.0)
    playback.reported(0.0, report(playing=False, stamp=0))
    for number in range(30):  # 3 s
        send(playback, 10.0, number / 10)
    assert playback.follows_player(10.5) and not playback.is_speaking(10.5)
    # It should play since 10.0 and is silent: it is gone, and what is due counts again.
    later = 10.0 + PLAYER_SILENCE_S
    assert playback.changes_in(10.0) == pytest.approx(PLAYER_SILENCE_S)
    assert not playback.follows_player(later) and playback.is_speaking(later)
    playback.reported(later, report(playing=True))
    assert playback.follows_player(later)


def test_player_that_died_while_it_played_does_not_leave_it_speaking_for_ever():
    playback = Playback(hold_s=0.0)
    send(playback, 1.0, 0.0)
    playback.reported(1.05, report())
    assert playback.is_speaking(1.5)
    assert playback.changes_in(1.5) == pytest.approx(0.55)
    assert not playback.is_speaking(1.06 + PLAYER_SILENCE_S)


def test_what_was_not_heard_is_counted_from_the_message_that_was():
    playback = Playback(hold_s=0.0)
    assert playback.unheard_s() is None
    for number in range(1, 6):
        send(playback, 1.0, number / 10, number)
    assert playback.unheard_s() is None  # no player
    playback.reported(1.1, report(stamp=2, samples=25))
    assert playback.unheard_s() == pytest.approx(0.075 + 0.3)
    playback.reported(1.6, report(stamp=5, samples=100))
    assert playback.unheard_s() == 0.0


def test_player_that_has_heard_nothing_yet_has_all_before_it():
    playback = Playback(hold_s=0.0)
    playback.reported(0.0, report(playing=False, stamp=0, samples=0, played=False))
    send(playback, 1.0, 0.0, 1)
    send(playback, 1.0, 0.1, 2)
    assert playback.unheard_s() == pytest.approx(0.2)


def test_player_without_stamps_or_with_those_of_others_tells_nothing():
    playback = Playback(hold_s=0.0)
    send(playback, 1.0, 0.0)
    playback.reported(1.05, report(stamp=0))
    assert playback.unheard_s() is None
    playback.reported(1.06, report(stamp=77))
    assert playback.unheard_s() is None
