"""Mandarin as it is said: a table of cases, the marks that stay, and hostile text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gptsovits_ros.text import normalize_zh
from gptsovits_ros.text.spoken.zh import spoken_zh

from .growth import grows_linearly
from .spoken_scoring import Row, is_right, random_texts, read_table

ROWS = read_table(Path(__file__).parent / 'tables' / 'spoken_zh.tsv')
_HAN = re.compile('[\u4e00-\u9fa5]')
_LATIN = re.compile("[A-Za-z'-]+")


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row.written)
def test_a_text_is_said_as_in_the_table(row: Row) -> None:
    assert is_right(row, spoken_zh(row.written)), spoken_zh(row.written)


def test_the_table_has_cases_enough() -> None:
    assert len({row.written for row in ROWS}) == len(ROWS) >= 300


def test_what_is_said_is_not_changed_again() -> None:
    spoken = [spoken_zh(row.written) for row in ROWS]
    assert [spoken_zh(text) for text in spoken] == spoken


def test_the_official_rules_keep_every_character_of_it() -> None:
    # Latin words are pieces of their own when those rules come.
    spoken = [_LATIN.sub('', text) for text in (spoken_zh(row.written) for row in ROWS)]
    spoken = [text for text in spoken if _HAN.search(text)]
    kept = [_HAN.findall(normalize_zh.normalize(text)) for text in spoken]
    assert kept == [list(normalize_zh.normalize(''.join(_HAN.findall(text)))) for text in spoken]
    assert [len(characters) for characters in kept] == [len(_HAN.findall(text)) for text in spoken]


@pytest.mark.parametrize(
    ('written', 'spoken'),
    [
        ('共3项（含2项新增）。', '共三项，含两项新增。'),
        ('真的吗？？！！', '真的吗？'),
        ('等等。。。', '等等…'),
        ('她说：“3点见！”', '她说：三点见！'),
        ('“五一”“十一”', '五一、十一'),
        ('请拨打400-820-8820。', '请拨打四零零，八二零，八八二零。'),
        ('用API和Wi-Fi。', '用A P I和Wi-Fi。'),
        ('他说I love you，对吗?', '他说I love you，对吗?'),
        ("他说don't worry。", "他说don't worry。"),
        ('# 标题\n\n- 苹果5个\n- 梨2个\n', '标题\n\n苹果五个\n梨两个\n'),
        ('好的~ 明天见~', '好的，明天见'),
        ('【通知】明天放假（1天）！', '通知，明天放假，一天！'),
        ('第一，第二；第三。', '第一，第二；第三。'),
        ('等一下￥再说', '等一下￥再说'),
        ('他说"6"个，屏幕6.1"。', '他说六个，屏幕六点一英寸。'),
        ('', ''),
        ('😂', ''),
    ],
)
def test_marks_are_left_where_a_reader_pauses(written: str, spoken: str) -> None:
    assert spoken_zh(written) == spoken


def test_english_sentences_are_left_to_english() -> None:
    english = 'The meeting is at 3:05 p.m. on 11/23/2026.'
    assert spoken_zh(f'{english}\n会议3点开始。') == f'{english}\n会议三点开始。'
    assert spoken_zh('I have 3 apples. 我有3个苹果。') == 'I have 3 apples.我有三个苹果。'


def test_any_unicode_is_accepted() -> None:
    assert all(isinstance(spoken_zh(text), str) for text in random_texts(300))


@pytest.mark.parametrize(
    'unit',
    '1 1, 1. 1- 1/ 1: -1 ¥1 1km a a. a_ a@ aA AAb /a www. https://, 中1 1个- 3:2 比3:2 1、2、 (1 '
    '[a]( <a ` # ~ ^ ² 😂 “ . … 周一- 2026- 12:30- 1年 第 x^ --a 1e5 \ud800 \U0010ffff \x00'.split(
        ' '
    ),
    ids=ascii,
)
def test_ten_thousand_hostile_characters_take_linear_time(unit: str) -> None:
    assert grows_linearly(spoken_zh, unit)
