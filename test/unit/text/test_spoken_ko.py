"""Korean as it is said: a table of cases, how they sound, and hostile text."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gptsovits_ros.text.g2p_ko import UNREADABLE, KoreanG2p
from gptsovits_ros.text.spoken.ko import spoken_ko

from .growth import grows_linearly
from .spoken_scoring import random_texts, read_table

ROWS = read_table(Path(__file__).parent / 'tables' / 'spoken_ko.tsv')
WRITTEN = [row.written for row in ROWS]
SPOKEN = [row.accepted[0] for row in ROWS]
DIGIT = re.compile('[0-9]')


@pytest.fixture(scope='module')
def korean(needs_language: Callable[[str], None]) -> KoreanG2p:
    needs_language('ko')
    return KoreanG2p()


@pytest.mark.parametrize(
    ('written', 'spoken'), list(zip(WRITTEN, SPOKEN, strict=True)), ids=WRITTEN
)
def test_a_text_is_said_as_in_the_table(written: str, spoken: str) -> None:
    assert spoken_ko(written) == spoken


def test_every_sign_of_the_spoken_forms_can_be_read(korean: KoreanG2p) -> None:
    assert [text for text in SPOKEN if UNREADABLE in korean(text)] == []


@pytest.mark.parametrize(
    ('written', 'reading'),
    [
        ('6월 10일', '유월 시빌'),
        ('사과 3개', '사과 세개'),
        ('21살', '스물한 살'),
        ('12시 30분', '열두 시 삼십 분'),
        ('12,900원', '만 이천구백 원'),
        ('3/4', '사분의 삼'),
        ('010-1234', '공일공 일이삼사'),
        ('-3.5℃', '영하 삼 점 오 도'),
    ],
)
def test_numbers_are_read_right(written: str, reading: str, korean: KoreanG2p) -> None:
    def letters(text: str) -> str:
        return ''.join(sound for sound in korean(text) if 'ㄱ' <= sound <= 'ㅣ').replace('ㅇ', '')

    assert letters(spoken_ko(written)) == letters(reading)


def test_the_table_has_cases_enough() -> None:
    assert len(set(WRITTEN)) == len(WRITTEN) >= 100


def test_what_is_said_is_not_changed_again() -> None:
    assert list(map(spoken_ko, SPOKEN)) == SPOKEN


def test_no_digit_is_left() -> None:
    assert [text for text in SPOKEN if DIGIT.search(text)] == []


@pytest.mark.parametrize(
    ('written', 'spoken'),
    [
        ('그는 “네”(웃음)라고 했다.', '그는 네, 웃음, 라고 했다.'),
        ('뭐?! 정말!!', '뭐? 정말!'),
        ('첫 줄\n둘째 줄', '첫 줄\n둘째 줄'),
        ('Python으로', '파이썬으로'),
        ('Kubernetes를 쓴다', 'Kubernetes를 쓴다'),
        ('', ''),
    ],
)
def test_marks_and_unknown_words_stay(written: str, spoken: str) -> None:
    assert spoken_ko(written) == spoken


@pytest.mark.parametrize('unit', ['1', '1,', '1개', '1/', 'a', 'ab1', '~', '½', '(', '가', '1만'])
def test_time_grows_linearly(unit: str) -> None:
    assert grows_linearly(spoken_ko, unit)


def test_no_text_breaks_it() -> None:
    for text in random_texts(300):
        assert isinstance(spoken_ko(text), str)
