"""Japanese as it is said: a table of cases, how Open JTalk reads them, and hostile text."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gptsovits_ros.text.g2p_ja import JapaneseG2p
from gptsovits_ros.text.spoken.ja import spoken_ja

from .growth import grows_linearly
from .spoken_scoring import random_texts

LINES = (Path(__file__).parent / 'tables' / 'spoken_ja.tsv').read_text('utf-8').splitlines()[1:]
ROWS = [tuple(line.split('\t')) for line in LINES]  # written, spoken, its sounds in katakana
SPOKEN = [spoken for _, spoken, _ in ROWS]
DIGIT = re.compile('[0-9０-９]')


@pytest.fixture(scope='module')
def sounds(needs_language: Callable[[str], None]) -> Callable[[str], str]:
    """Return a function from a text to its phonemes without accents, pauses and marks."""
    needs_language('ja')
    read = JapaneseG2p()
    return lambda text: ' '.join(sound for sound in read(text) if sound.isalpha()).lower()


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row[0])
def test_a_text_is_said_as_in_the_table(row: tuple[str, str, str]) -> None:
    assert spoken_ja(row[0]) == row[1]


def test_open_jtalk_reads_every_spoken_form_as_people_do(sounds: Callable[[str], str]) -> None:
    wrong = [row for row in ROWS if sounds(spoken_ja(row[0])) != sounds(row[2])]
    assert wrong == []


@pytest.mark.parametrize(
    ('written', 'reading'),
    [
        ('会員の3/4', '会員のヨンブンノサン'),
        ('4月1日の4時に4人で', 'シガツツイタチノヨジニヨニンデ'),
        ('20歳の人が47人', 'ハタチの人がヨンジュウナナニン'),
        ('3.14と2.5', 'サンテンイチヨント、ニーテンゴ'),
        ('090-1234-5678', 'ゼロキューゼロ、イチニーサンヨン、ゴーロクナナハチ'),
        ('1,980円', 'センキュウヒャクハチジュウエン'),
        ('60km/h', 'ジソク、ロクジュッキロメートル'),
        ('-10℃', 'マイナスジュウド'),
    ],
)
def test_numbers_are_read_right(written: str, reading: str, sounds: Callable[[str], str]) -> None:
    assert sounds(spoken_ja(written)) == sounds(reading)


def test_the_table_has_cases_enough() -> None:
    assert len({row[0] for row in ROWS}) == len(ROWS) >= 100


def test_what_is_said_is_not_changed_again() -> None:
    assert list(map(spoken_ja, SPOKEN)) == SPOKEN


def test_no_digit_is_left() -> None:
    assert [text for text in SPOKEN if DIGIT.search(text)] == []


@pytest.mark.parametrize(
    ('written', 'spoken'),
    [
        ('「行く」（明日）と言った。', '行く、明日、と言った。'),
        ('え？！　本当…', 'え？本当…'),
        ('一行目\n二行目', '一行目\n二行目'),
        ('Pythonで書く', 'パイソンで書く'),
        ('Kubernetesを使う', 'Kubernetesを使う'),
        ('', ''),
    ],
)
def test_marks_and_unknown_words_stay(written: str, spoken: str) -> None:
    assert spoken_ja(written) == spoken


@pytest.mark.parametrize('unit', ['1', '1,', '1年', '1/', 'a', 'ab1', '〜', '½', '(', '漢', '2、'])
def test_time_grows_linearly(unit: str) -> None:
    assert grows_linearly(spoken_ja, unit)


def test_no_text_breaks_it() -> None:
    for text in random_texts(300):
        assert isinstance(spoken_ja(text), str)
