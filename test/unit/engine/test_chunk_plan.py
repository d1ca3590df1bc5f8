"""Pieces of speech: where they end, when they may leave, and that the player need not wait."""

from __future__ import annotations

import itertools
from collections.abc import Generator

import pytest

from gptsovits_ros.acoustic.streaming import LOOKAHEAD_TOKENS
from gptsovits_ros.engine.chunk_plan import (
    CONTEXT_TOKENS,
    FIRST_TOKENS,
    LARGEST_TOKENS,
    RESERVE,
    ChunkPlan,
    Pace,
    PaceMeter,
    WholePlan,
    head_start,
    stops,
)
from gptsovits_ros.engine.draw_ahead import WAITING_TOKENS
from gptsovits_ros.semantic.config import SemanticConfig

TOKEN_S = 0.04
LOOKAHEAD = 4


def ends_of(tokens: int, lookahead: int = LOOKAHEAD) -> list[int]:
    """Return where the pieces of so many tokens end."""
    ends = list(itertools.takewhile(lambda stop: stop + lookahead < tokens, stops()))
    return [*ends, tokens]


def drawing(pace: Pace, overlaps: bool) -> Generator[float, tuple[int, float], None]:
    """Be a token loop: take how many tokens a decoder waits for since when, tell when it has them.

    One beside the decoder goes on meanwhile, until there is no room for what it draws [s].
    """
    free, taken_at = 0.0, []
    known, now = yield 0.0
    while True:
        while len(taken_at) < known:
            if not overlaps:
                free = max(free, now)
            elif len(taken_at) > WAITING_TOKENS:
                free = max(free, taken_at[-1 - WAITING_TOKENS])
            free += pace.draw_s
            taken_at.append(max(free, now))
        known, now = yield max(now, taken_at[-1])


def longest_gap(tokens: int, pace: Pace, overlaps: bool, held: int) -> float:
    """Play what is made at a pace, with a player that starts when `held` pieces are there [s]."""
    now, made, heard_until, gap = 0.0, [], None, 0.0
    done = 0
    loop = drawing(pace, overlaps)
    next(loop)
    for end in ends_of(tokens):
        now = loop.send((tokens if end == tokens else end + LOOKAHEAD, now))
        now += (end - done + CONTEXT_TOKENS) * pace.decode_s
        made.append(end - done)
        done = end
        if heard_until is None and (len(made) == held or end == tokens):
            heard_until = now + sum(made) * TOKEN_S
        elif heard_until is not None:
            gap = max(gap, now - heard_until)
            heard_until = max(heard_until, now) + made[-1] * TOKEN_S
    return gap


def test_the_first_piece_is_small_and_later_ones_grow_to_a_limit():
    ends = list(itertools.islice(stops(), 12))
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    assert sizes[0] == FIRST_TOKENS
    assert sizes == sorted(sizes)
    assert sizes[-1] == sizes[-2] == LARGEST_TOKENS


def test_the_first_piece_waits_until_a_model_could_have_ended():
    assert FIRST_TOKENS + LOOKAHEAD_TOKENS > SemanticConfig().min_tokens


@pytest.mark.parametrize('count', [0, 1, 11, 12, 13, 24, 57, 150])
def test_each_stop_comes_as_soon_as_its_lookahead_is_known_and_the_end_last(count):
    known: list[int] = []
    seen = [(stop, len(known)) for stop in ChunkPlan(LOOKAHEAD).ready(range(count), known)]
    assert seen[-1] == (None, count)
    assert known == list(range(count))
    expected = [
        (end, end + LOOKAHEAD)
        for end in itertools.takewhile(lambda stop: stop + LOOKAHEAD <= count, stops())
    ]
    assert seen[:-1] == expected


def test_a_whole_segment_has_one_piece():
    known: list[int] = []
    assert list(WholePlan().ready(range(30), known)) == [None]
    assert known == list(range(30))
    assert WholePlan.head_start == 1


@pytest.mark.parametrize('draw_s', [0.0006, 0.005, 0.011, 0.022, 0.035, 0.05, 0.12])
@pytest.mark.parametrize('decode_s', [0.0002, 0.003, 0.01, 0.02, 0.06])
@pytest.mark.parametrize('tokens', [13, 30, 75, 200])
@pytest.mark.parametrize('overlaps', [False, True])
def test_the_player_never_waits_within_a_segment_and_starts_no_later_than_it_must(
    draw_s, decode_s, tokens, overlaps
):
    pace = Pace(draw_s, decode_s)
    held = head_start(LOOKAHEAD, tokens, TOKEN_S, pace, overlaps)
    assert 1 <= held <= len(ends_of(tokens))
    assert longest_gap(tokens, pace, overlaps, held) <= 1e-9
    slower = Pace(draw_s * RESERVE, decode_s * RESERVE)
    assert longest_gap(tokens, slower, overlaps, held) <= 1e-9
    if held > 1:
        assert longest_gap(tokens, slower, overlaps, held - 1) > 0


def test_a_machine_that_is_fast_enough_starts_with_the_first_piece():
    # Twice as fast as speech.
    assert head_start(LOOKAHEAD, 100, TOKEN_S, Pace(0.012, 0.006), False) == 1


def test_a_machine_that_draws_while_it_decodes_waits_only_for_the_slower_of_both():
    # Each keeps up with speech by itself, but not both in turns.
    pace = Pace(0.022, 0.012)
    assert head_start(LOOKAHEAD, 200, TOKEN_S, pace, False) > 1
    assert head_start(LOOKAHEAD, 200, TOKEN_S, pace, True) == 1


def test_a_slow_machine_holds_more_of_a_long_segment_and_of_a_fast_one():
    pace = Pace(0.04, 0.012)
    few, many = (head_start(LOOKAHEAD, tokens, TOKEN_S, pace, False) for tokens in (40, 200))
    assert 1 < few < many
    assert head_start(LOOKAHEAD, 200, TOKEN_S / 2, pace, False) > many


@pytest.mark.parametrize('overlaps', [False, True])
def test_what_was_not_measured_yet_is_taken_for_fast_enough(overlaps):
    unknown = ChunkPlan.of(LOOKAHEAD, 100, TOKEN_S, None, overlaps)
    assert unknown == ChunkPlan(LOOKAHEAD, 1, overlaps)
    slow = ChunkPlan.of(LOOKAHEAD, 99.6, TOKEN_S, Pace(0.1, 0.02), overlaps)
    assert slow.head_start == head_start(LOOKAHEAD, 100, TOKEN_S, Pace(0.1, 0.02), overlaps) > 1


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def take(self, seconds: float, value: object = None) -> object:
        self.now += seconds
        return value


def test_the_meter_measures_the_models_and_not_those_who_wait_for_them():
    clock = Clock()
    meter = PaceMeter(clock)
    assert meter.pace is None
    tokens = (clock.take(seconds, seconds) for seconds in (0.5, 0.02, 0.02, 0.02))
    for _ in meter.drawn(tokens):
        clock.take(3.0)  # the listener
    assert meter.pace is None
    meter.decoded(10, lambda: clock.take((10 + CONTEXT_TOKENS) * 0.01))
    assert meter.pace == Pace(pytest.approx(0.02), pytest.approx(0.01))


def test_the_meter_follows_a_machine_that_becomes_slower():
    clock = Clock()
    meter = PaceMeter(clock)
    meter.decoded(10, lambda: clock.take(0.15))
    for seconds in (0.01, 0.03):
        list(meter.drawn(clock.take(seconds, 1) for _ in range(40)))
        drawn = meter.pace.draw_s
    assert drawn == pytest.approx(0.03, rel=0.01)
    assert meter.decoded(5, lambda: 'sound') == 'sound'
