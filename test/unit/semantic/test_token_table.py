"""Skipped and repeated phonemes, seen in tokens by a table that was made for the test."""

from __future__ import annotations

import numpy as np
import pytest

from gptsovits_ros.semantic.token_table import Leaps, TokenTable, best_way, leaps

PHONEMES = np.arange(10, 30)
TOKENS_EACH = 3
LIMIT = 12.0


@pytest.fixture(scope='module')
def table():
    """Return a table in which each phoneme, and silence, has five tokens of its own."""
    odds = np.full((len(PHONEMES) + 1, 5 * (len(PHONEMES) + 1)), -6.0, np.float32)
    for row in range(len(odds)):
        odds[row, 5 * row : 5 * row + 5] = 6.0
    return TokenTable(PHONEMES, odds, LIMIT, LIMIT)


def said(phonemes, seed=0, noise=0.1):
    """Return tokens that say phonemes between silence; some tokens are those of other phonemes."""
    rng = np.random.default_rng(seed)
    rows = np.repeat([0, *(np.asarray(phonemes) - PHONEMES[0] + 1), 0], TOKENS_EACH)
    wrong = rng.random(len(rows)) < noise
    rows = np.where(wrong, rng.integers(0, len(PHONEMES) + 1, len(rows)), rows)
    return 5 * rows + rng.integers(0, 5, len(rows))


def text(count=15, seed=0):
    """Return phonemes in random order; some come several times."""
    return np.random.default_rng(seed + 100).choice(PHONEMES, count)


@pytest.mark.parametrize('seed', range(20))
def test_a_text_that_is_said_in_full_needs_no_leap(table, seed):
    phonemes = text(seed=seed)
    found = table.leaps(phonemes, said(phonemes, seed))
    assert found.skip < LIMIT and found.repeat < LIMIT


@pytest.mark.parametrize('start', [0, 4, 10])
@pytest.mark.parametrize('seed', range(5))
def test_skipped_phonemes_are_seen_wherever_they_are_missing(table, seed, start):
    phonemes = text(seed=seed)
    found = table.leaps(phonemes, said(np.delete(phonemes, range(start, start + 5)), seed, 0))
    assert found.skip > LIMIT


@pytest.mark.parametrize('start', [0, 4, 10])
@pytest.mark.parametrize('seed', range(5))
def test_phonemes_that_are_said_twice_are_seen(table, seed, start):
    phonemes = text(seed=seed)
    twice = np.concatenate([phonemes[: start + 5], phonemes[start:]])
    found = table.leaps(phonemes, said(twice, seed))
    assert found.repeat > LIMIT


def test_two_phonemes_are_too_few_for_a_skip(table):
    phonemes = np.arange(10, 25)
    found = table.leaps(phonemes, said(np.delete(phonemes, (5, 6)), noise=0))
    assert found.skip < LIMIT


@pytest.mark.parametrize('known', range(10, 40, 6))
def test_a_beginning_is_not_taken_for_a_skip_of_the_rest(table, known):
    phonemes = text()
    tokens = said(phonemes)[:known]
    assert table.leaps(phonemes, tokens).skip > LIMIT
    early = table.leaps(phonemes, tokens, is_whole=False)
    assert early.skip < LIMIT and early.repeat < LIMIT


def test_a_leap_is_seen_soon_after_it(table):
    phonemes = text()
    skipped = said(np.delete(phonemes, range(4, 9)), noise=0)
    before = TOKENS_EACH * 5  # silence and the four phonemes before the leap
    assert table.leaps(phonemes, skipped[:before], is_whole=False).skip < LIMIT
    assert table.leaps(phonemes, skipped[: before + 6], is_whole=False).skip > LIMIT


def test_phonemes_that_were_not_learned_prove_nothing(table):
    unknown = np.full(15, 500)
    found = table.leaps(unknown, said(text()))
    assert found.skip < LIMIT and found.repeat < LIMIT


@pytest.mark.parametrize('count, length', [(1, 9), (15, 1), (15, 3), (1, 1)])
def test_a_text_that_is_too_short_to_tell_proves_nothing_or_little(table, count, length):
    found = table.leaps(text(count), said(text(count))[:length], is_whole=False)
    assert found.skip < LIMIT and found.repeat < LIMIT


def test_tokens_are_laid_along_the_phonemes_in_order():
    emission = np.full((7, 5), -4.0)
    for place, state in enumerate([0, 1, 1, 2, 4, 4, 4]):  # state 3 has no token
        emission[place, state] = 4
    assert best_way(emission).tolist() == [0, 1, 1, 2, 4, 4, 4]


def test_a_way_ends_at_the_last_state_or_the_one_before():
    emission = np.full((4, 3), -1.0)
    emission[:, 0] = 0
    assert best_way(emission)[-1] == 1
    assert best_way(emission)[0] == 0


def test_leaps_of_nothing_are_none():
    assert leaps(np.zeros((5, 3)), True) == Leaps(-1e9, -1e9)
