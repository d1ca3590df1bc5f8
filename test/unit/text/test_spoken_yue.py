"""Cantonese as it is said: a table of cases, and what sets it apart from Mandarin."""

from __future__ import annotations

from pathlib import Path

import pytest

from gptsovits_ros.text.spoken.yue import spoken_yue
from gptsovits_ros.text.spoken.zh import spoken_zh

from .growth import grows_linearly
from .spoken_scoring import Row, is_right, random_texts, read_table

ROWS = read_table(Path(__file__).parent / 'tables' / 'spoken_yue.tsv')


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row.written)
def test_a_text_is_said_as_in_the_table(row: Row) -> None:
    assert is_right(row, spoken_yue(row.written)), spoken_yue(row.written)


def test_the_table_has_cases_enough() -> None:
    assert len({row.written for row in ROWS}) == len(ROWS) >= 100


def test_what_is_said_is_not_changed_again() -> None:
    spoken = [spoken_yue(row.written) for row in ROWS]
    assert [spoken_yue(text) for text in spoken] == spoken


@pytest.mark.parametrize(
    ('written', 'mandarin', 'cantonese'),
    [
        ('3/4', '四分之三', '四分三'),
        ('2026/1/5', '二零二六年一月五日', '二零二六年一月五號'),
        ('13800138000', '幺三八，零零幺三，八零零零', '一三八，零零一三，八零零零'),
        ('10:30', '十点三十分', '十點半'),
        ('$2.50', '二点五美元', '兩蚊五毫'),
    ],
)
def test_the_two_dialects_differ(written: str, mandarin: str, cantonese: str) -> None:
    assert spoken_zh(written) == mandarin
    assert spoken_yue(written) == cantonese


def test_written_characters_stay_and_added_ones_are_traditional() -> None:
    assert spoken_yue('万一有2万個') == '万一有兩万個'


def test_any_unicode_is_accepted() -> None:
    assert all(isinstance(spoken_yue(text), str) for text in random_texts(100))


@pytest.mark.parametrize('unit', ['$1.5', '1- ', '3:2 ', '號1', '2、3'])
def test_ten_thousand_hostile_characters_take_linear_time(unit: str) -> None:
    assert grows_linearly(spoken_yue, unit)
