"""Quantities with units, money, percentages and ranges in Chinese."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from gptsovits_ros.text.numbers_zh import digits
from gptsovits_ros.text.spoken.chinese_numbers import (
    Context,
    counts,
    grouped,
    plain,
    quantity,
    sign_word,
)
from gptsovits_ros.text.spoken.chinese_times import is_score
from gptsovits_ros.text.spoken.chinese_words import MAGNITUDES, unit_name
from gptsovits_ros.text.spoken.common import Number, Piece
from gptsovits_ros.text.spoken.dialect import Dialect

_ELECTRIC = re.compile('[电電充插]|[0-9] ?V')
_MONEY_AFTER = re.compile('元|块|美元|美金|欧元|英镑|日元|韩元|港元|港币|港幣|蚊')
_CODE_BEFORE = re.compile(
    '(?:订单|编号|单号|号码|號碼|账号|型号|代码|批号|货号|证号)[号為为是：: ]*$'
)
_LABEL_BEFORE = re.compile('[表图圖式例题題]$')
_YEARS_AFTER = re.compile('年|赛季|学年|财年|届')


def measure(number: Number, unit: str, dialect: Dialect) -> str:
    """Return a number with a unit, percent signs and degrees among the units."""
    if unit in ('%', '‰'):
        whole = '百' if unit == '%' else '千'
        value = replace(number, sign='')
        words = (
            whole if (value.integer, value.decimals, unit) == ('100', '', '%') else plain(value)
        )
        return f'{sign_word(number)}{whole}分之{words}'
    if unit in ('°C', '°F', '°'):
        below = number.sign == '-' and unit != '°'
        words = '零下' + plain(replace(number, sign='')) if below else plain(number)
        return words + (dialect.celsius if unit == '°C' else dialect.units[unit])
    name = unit_name(unit, dialect.units)
    return (plain(number) if name[0].isascii() else quantity(number)) + name


def piece_quantity(piece: Piece, context: Context, dialect: Dialect) -> str:
    """Return a quantity; "A" is ampere only where there is electricity ("5A景区" is not)."""
    unit = piece.words[0]
    if unit == 'A' and not _ELECTRIC.search(context.around):
        return plain(piece.numbers[0]) + 'A'
    if (
        context.before[-1:].isalpha()
        and context.before[-1:].isascii()
        and unit in ('h', 'min', 's')
    ):
        return quantity(piece.numbers[0]) + dialect.units[unit]
    return measure(piece.numbers[0], unit, dialect)


def money(piece: Piece, context: Context, dialect: Dialect) -> str:
    """Return an amount with the name of its currency behind it."""
    number, (code, magnitude) = piece.numbers[0], piece.words
    is_named = _MONEY_AFTER.match(context.after)
    if code == '$' and dialect.cents[0] and not magnitude and not is_named:
        return _with_cents(number, dialect)
    name = '' if is_named else dialect.currencies[code]
    return _amount(number, magnitude) + name


def _amount(number: Number, magnitude: str) -> str:
    if magnitude in MAGNITUDES:
        value = Decimal(f'{number.integer or 0}.{number.decimals or 0}').scaleb(
            MAGNITUDES[magnitude]
        )
        integer, _, decimals = f'{value:f}'.partition('.')
        number, magnitude = Number(integer, decimals.rstrip('0'), number.sign), ''
    number = replace(number, decimals=number.decimals.rstrip('0'))
    words = sign_word(number).replace('正', '加') + quantity(replace(number, sign=''))
    return words + magnitude


def _with_cents(number: Number, dialect: Dialect) -> str:
    tenth, hundredth = (number.decimals + '00')[:2]
    if len(number.decimals) > 2:
        return _amount(number, '') + dialect.currencies['$']
    words = '' if number.integer.strip('0') == '' else _amount(replace(number, decimals=''), '')
    words += dialect.currencies['$'] if words else sign_word(number)
    for digit, name in ((tenth, dialect.cents[0]), (hundredth, dialect.cents[1])):
        if digit != '0':
            words += quantity(Number(digit)) + name
    return words or '零' + dialect.currencies['$']


def piece_range(piece: Piece, context: Context, dialect: Dialect) -> str:
    """Return two numbers: a range, or a score, a difference, or parts of a code."""
    low, high = piece.numbers
    mark, code, low_unit, high_unit = piece.words
    if not code and not low_unit and not high_unit:
        words = _bare_range(low, high, mark, context, dialect)
        if words:
            return words
    name = '' if not code or _MONEY_AFTER.match(context.after) else dialect.currencies[code]
    if low_unit and not high_unit:
        low_unit, high_unit = '', low_unit
    if high_unit:
        first = _low_end(low, low_unit, high_unit, dialect)
        return first + dialect.to + _high_end(low_unit, high, high_unit, dialect)
    read = quantity if name or counts(context.after) else plain
    return f'{read(low)}{dialect.to}{read(high)}{name}'


def _low_end(low: Number, low_unit: str, high_unit: str, dialect: Dialect) -> str:
    """Return the first end; its unit is said once, with the second, if it is written so."""
    if low_unit or high_unit in ('%', '‰'):
        return measure(low, low_unit or high_unit, dialect)
    words = measure(low, high_unit, dialect)
    unit = measure(replace(low, integer='1', decimals='', sign=''), high_unit, dialect)[1:]
    return words.removesuffix(unit)


def _high_end(low_unit: str, high: Number, unit: str, dialect: Dialect) -> str:
    if unit in ('%', '‰') and not low_unit and not high.sign:
        return plain(high)
    return measure(high, unit, dialect)


def _bare_range(low: Number, high: Number, mark: str, context: Context, dialect: Dialect) -> str:
    """Return two numbers without unit if they are no range."""
    first, second = low.integer, high.integer
    has_decimals = bool(low.decimals or high.decimals)
    if has_decimals or low.sign or high.sign:
        return ''
    if _LABEL_BEFORE.search(context.before):
        return f'{plain(low)}杠{plain(high)}'
    is_code = second.startswith('0') and len(second) > 1 or _CODE_BEFORE.search(context.before)
    if mark == '-' and is_code:
        return f'{grouped(first, dialect.one)}，{grouped(second, dialect.one)}'
    if len(first) == 4 and '1000' <= first < '2200' and _are_years(first, second, context):
        return f'{digits(first)}{dialect.to}{digits(second)}'
    if mark != '-' or counts(context.after):
        return ''
    if is_score(context):
        return f'{plain(low)}比{plain(high)}'
    if _size(first) <= _size(second):
        return ''
    if len(first) > 3:
        mark = '，' if len(first) == len(second) else '杠'
        return f'{grouped(first, dialect.one)}{mark}{grouped(second, dialect.one)}'
    return f'{plain(low)}减{plain(high)}'


def _size(text: str) -> tuple[int, str]:
    """Return what orders whole numbers of any length."""
    significant = text.lstrip('0')
    return len(significant), significant


def _are_years(first: str, second: str, context: Context) -> bool:
    if _YEARS_AFTER.match(context.after):
        return len(second) in (2, 4)
    is_later = len(second) == 4 and first < second < '2200'
    return (
        is_later and first > '1500' and not counts(context.after) and not context.after[:1] == '元'
    )
