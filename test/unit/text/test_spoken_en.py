"""English as it is said: a table of cases, what must not change again, and hostile text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gptsovits_ros.text import normalize_en
from gptsovits_ros.text.g2p_en import EnglishG2P
from gptsovits_ros.text.spoken.en import spoken_en

from .growth import grows_linearly
from .spoken_scoring import random_texts, read_table

ROWS = read_table(Path(__file__).parent / 'tables' / 'spoken_en.tsv')
WRITTEN = [row.written for row in ROWS]
SPOKEN = [row.accepted[0] for row in ROWS]
PLAIN = re.compile(r"[A-Za-z',.?! -]+")


@pytest.mark.parametrize(
    ('written', 'spoken'), list(zip(WRITTEN, SPOKEN, strict=True)), ids=WRITTEN
)
def test_a_text_is_said_as_in_the_table(written: str, spoken: str) -> None:
    assert spoken_en(written) == spoken


def test_the_table_has_cases_enough() -> None:
    assert len(set(WRITTEN)) == len(WRITTEN) >= 300


def test_what_is_said_is_not_changed_again() -> None:
    assert list(map(spoken_en, SPOKEN)) == SPOKEN


def test_the_official_rules_change_nothing_of_it() -> None:
    assert list(map(normalize_en.normalize, SPOKEN)) == SPOKEN


def test_only_letters_and_marks_are_left() -> None:
    assert [text for text in SPOKEN if not PLAIN.fullmatch(text)] == []


@pytest.mark.parametrize(
    ('written', 'phonemes'),
    [
        ('FBI', 'EH1 F B IY1 AY1'),
        ('an API', 'AE1 N EY1 P IY1 AY1'),
        ('APIs', 'EY1 P IY1 AY1 Z'),
        ('NASA', 'N AE1 S AH0'),
        ('Wi-Fi', 'W AY1 F AY2'),
        ("O'Neil", 'OW0 N IY1 L'),
    ],
)
def test_capitals_reach_the_dictionary_as_letters_or_words(written: str, phonemes: str) -> None:
    read = EnglishG2P()
    text = f'the {written}'
    assert ' '.join(read(normalize_en.normalize(spoken_en(text)))[2:]) == phonemes


@pytest.mark.parametrize(
    ('written', 'spoken'),
    [
        ('Wait; listen: now.', 'Wait, listen, now.'),
        ('He met Dr. Lee. Then he left.', 'He met Doctor Lee. Then he left.'),
        ('At 5 p.m. we left.', 'At five P M we left.'),
        ('At 5 p.m. We left.', 'At five P M. We left.'),
        ('What?! No!!!', 'What? No!'),
        ('first line\nsecond line', 'first line\nsecond line'),
        ('It (the robot) stops — now', 'It, the robot, stops, now'),
        ('你好 123', '你好 one hundred twenty-three'),
        ('', ''),
        ('🎉', ''),
    ],
)
def test_marks_are_kept_where_a_reader_pauses(written: str, spoken: str) -> None:
    assert spoken_en(written) == spoken


@pytest.mark.parametrize(
    'unit',
    ['1', '1,', 'a', 'A.', 'I', '$1', '1/', '"', "'", 'a.b@', 'Aa ', 'May 1 ', '½', '1x', '('],
)
def test_time_grows_linearly(unit: str) -> None:
    assert grows_linearly(spoken_en, unit)


def test_no_text_breaks_it() -> None:
    for text in random_texts(300):
        assert isinstance(spoken_en(text), str)
