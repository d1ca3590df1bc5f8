import json

import pytest

from gptsovits_ros.text import numbers_zh


def test_all_golden_numbers_agree(goldens):
    numbers = json.loads((goldens / 'text' / 'text.json').read_text('utf-8'))['num2str']
    assert len(numbers) >= 24
    assert {text: numbers_zh.number(text) for text in numbers} == numbers


@pytest.mark.parametrize(
    ('text', 'spoken'),
    [
        ('', ''),
        ('000', '零'),
        ('9', '九'),
        ('15', '十五'),
        ('30', '三十'),
        ('115', '一百一十五'),
        ('200', '二百'),
        ('1005', '一千零五'),
        ('1050', '一千零五十'),
        ('1500', '一千五百'),
        ('10000', '一万'),
        ('10001', '一万零一'),
        ('100100', '十万零一百'),
        ('150000', '十五万'),
        ('20000000', '二千万'),
        ('100000001', '一亿零一'),
        ('100010000', '一亿零一万'),
        ('1000100000', '十亿零一十万'),
        ('1234567890', '十二亿三千四百五十六万七千八百九十'),
        ('10000000000000000', '一亿亿'),
    ],
)
def test_cardinal_reads_a_quantity(text, spoken):
    assert numbers_zh.cardinal(text) == spoken


@pytest.mark.parametrize(
    ('text', 'one', 'spoken'),
    [
        ('2024', '一', '二零二四'),
        ('110', '一', '一一零'),
        ('110', '幺', '幺幺零'),
        ('', '幺', ''),
    ],
)
def test_digits_are_read_one_by_one(text, one, spoken):
    assert numbers_zh.digits(text, one) == spoken


@pytest.mark.parametrize(
    ('text', 'spoken'),
    [
        ('12.5', '十二点五'),
        ('0.05', '零点零五'),
        ('1.10', '一点一零'),
        ('1.1000', '一点一零'),
        ('3.0', '三点零'),
        ('3.', '三'),
        ('.5', '零点五'),
    ],
)
def test_decimals_are_read_digit_by_digit(text, spoken):
    assert numbers_zh.number(text) == spoken


def test_a_number_of_ten_thousand_digits_is_read_without_recursion():
    spoken = numbers_zh.cardinal('1' * 10_000)
    assert spoken.startswith('一千一百一十一万一千一百一十一亿')
    assert spoken.count('亿') == 10_000 // 8 - 1
