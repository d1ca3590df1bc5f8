from __future__ import annotations

import numpy as np
import pytest

from gptsovits_ros.engine.alignment import by_durations, by_table, silence_before
from gptsovits_ros.engine.marks import SegmentMarks
from gptsovits_ros.semantic.token_table import TokenTable
from gptsovits_ros.text.durations import mean_duration
from gptsovits_ros.text.symbols import symbol_ids
from gptsovits_ros.types import Phonemes, Span, SpokenWord

SYMBOLS = ('HH', 'AH0', 'L', 'OW1', ',', 'Y', 'UW1', '.')
WORDS = (SpokenWord('Hello', 4), SpokenWord('', 1), SpokenWord('you', 2), SpokenWord('', 1))
IDS = symbol_ids(SYMBOLS, 'v2')
# Token 0 is silence, token n + 1 the n-th phoneme.
TOKENS = [0, 0, 1, 2, 2, 3, 4, 4, 4, 5, 5, 6, 7, 7, 7, 0, 0, 0]
ONSETS = [2, 3, 5, 6, 9, 11, 12, 15]


def table() -> TokenTable:
    order = np.argsort(IDS)
    odds = np.full((len(IDS) + 1, len(IDS) + 1), -5.0, np.float32)
    odds[0, 0] = 5.0
    for row, place in enumerate(order, 1):
        odds[row, place + 1] = 5.0
    return TokenTable(IDS[order], odds, 10.0, 10.0)


def phonemes() -> Phonemes:
    return Phonemes('Hello, you.', (Span('en', '', '', SYMBOLS, words=WORDS),), IDS)


def of_kind(marks, kind):
    return [mark for mark in marks if mark.kind == kind]


def test_a_table_finds_where_phonemes_begin():
    onsets = by_table(table(), IDS, SYMBOLS, TOKENS, True)
    assert onsets[:-1].tolist() == ONSETS


@pytest.mark.parametrize('known', range(1, len(TOKENS)))
def test_a_table_finds_the_same_by_the_first_tokens(known):
    onsets = by_table(table(), IDS, SYMBOLS, TOKENS[:known], False)
    for found, true in zip(onsets, ONSETS, strict=False):
        if true < known:
            assert found == true
        else:
            assert found >= known
    assert (np.diff(onsets) >= 0).all()


def test_durations_share_the_time_in_proportion():
    start = silence_before(SYMBOLS, 50)
    onsets = by_durations(SYMBOLS, start, 50)
    assert 0 < start < onsets[-1] < 50
    shares = np.diff(onsets) / [mean_duration(symbol) or np.nan for symbol in SYMBOLS]
    assert np.nanmax(shares) == pytest.approx(np.nanmin(shares))


def test_times_are_those_of_the_sound():
    marks = SegmentMarks(phonemes(), table(), 0).of_piece(TOKENS, len(TOKENS), True, 0.36)
    words = of_kind(marks, 'word')
    assert [(word.text, round(word.start_s, 6), round(word.duration_s, 6)) for word in words] == [
        ('Hello', 0.04, 0.14),
        ('you', 0.22, 0.08),
    ]
    assert [mark.text for mark in of_kind(marks, 'phoneme')] == 'HH AH0 L OW1 Y UW1'.split()
    assert [mark.text for mark in of_kind(marks, 'viseme')] == (
        'kk aa nn oh ou sil ih ou sil'.split()
    )
    assert list(marks) == sorted(marks, key=lambda mark: mark.start_s)


def test_the_mouth_closes_when_speech_ends():
    for known in (table(), None):
        last = SegmentMarks(phonemes(), known, 18).of_piece(TOKENS, 18, True, 0.72)[-1]
        assert (last.kind, last.text) == ('viseme', 'sil')
        assert last.start_s + last.duration_s == pytest.approx(0.72)


@pytest.mark.parametrize('with_table', [True, False])
@pytest.mark.parametrize('expected', [5, 18, 100])
def test_pieces_tell_each_phoneme_once_and_in_its_piece(with_table, expected):
    marks = SegmentMarks(phonemes(), table() if with_table else None, expected)
    found, starts, made = [], [], 0
    for stop, known in ((4, 8), (9, 13), (14, 18), (18, 18)):
        is_end = stop == 18
        duration_s = (stop - made) * 0.04
        for mark in of_kind(marks.of_piece(TOKENS[:known], stop, is_end, duration_s), 'phoneme'):
            assert 0 <= mark.start_s <= duration_s
            found.append(mark.text)
            starts.append(made * 0.04 + mark.start_s)
        made = stop
    assert found == 'HH AH0 L OW1 Y UW1'.split()
    assert starts == sorted(starts)
    if with_table:
        assert starts == pytest.approx([0.04 * ONSETS[place] for place in (0, 1, 2, 3, 5, 6)])


def test_a_piece_without_tokens_has_no_marks():
    assert SegmentMarks(phonemes(), table(), 18).of_piece([], 0, True, 0.0) == ()
