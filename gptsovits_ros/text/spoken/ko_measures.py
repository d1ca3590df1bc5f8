"""Dates, times, money and quantities as Korean speakers say them."""

from __future__ import annotations

from gptsovits_ros.text.spoken import ko_numbers as numbers
from gptsovits_ros.text.spoken import ko_tables as tables
from gptsovits_ros.text.spoken.ko_latin import read_letters
from gptsovits_ros.text.spoken.piece import Number
from gptsovits_ros.text.spoken.units import MAGNITUDES

# 육월 and 십월 are not said.
IRREGULAR_MONTHS = {'6': '유', '10': '시'}
LARGEST_NATIVE_HOUR = 12


def has_final(word: str) -> bool:
    """Tell whether a word ends with a consonant."""
    return '가' <= word[-1:] <= '힣' and (ord(word[-1]) - ord('가')) % 28 > 0


def month_and_day(month: str, day: str) -> str:
    """Return a date of digits; the day may be missing."""
    month = month.lstrip('0')
    spoken = (
        f'{IRREGULAR_MONTHS[month]}월'
        if month in IRREGULAR_MONTHS
        else (f'{numbers.sino(month)} 월')
    )
    return f'{spoken} {numbers.sino(day)} 일' if day else spoken


def measured(value: Number, unit: str, before: str = '') -> str:
    """Return a number with its unit, unless the word before says a part of the unit: 시속."""
    prefix, name = tables.unit(unit) or ('', read_letters(unit))
    if prefix and not before.rstrip().endswith(prefix):
        prefix += ' '
    else:
        prefix = ''
    minus = '영하' if unit == '°C' else ''
    return f'{prefix}{numbers.spoken(value, minus)} {name}'


def money(value: Number, currency: str, magnitude: str) -> str:
    """Return an amount of a currency."""
    name, hundredth = tables.CURRENCIES[currency]
    if magnitude in MAGNITUDES:
        return f'{numbers.scaled(value, MAGNITUDES[magnitude])} {name}'
    if hundredth and len(value.decimals) == 2 and not magnitude:
        whole = Number(value.integer, '', value.sign)
        cents = value.decimals.lstrip('0')
        spoken = f'{numbers.spoken(whole)} {name}' if value.integer.strip('0') or not cents else ''
        return (spoken + (f' {numbers.sino(cents)} {hundredth}' if cents else '')).strip()
    return f'{numbers.spoken(value)}{magnitude} {name}'


def time(hour: str, minute: str, second: str, half: str) -> str:
    """Return a time of digits; all but the hour may be missing."""
    is_native = 1 <= int(hour) <= LARGEST_NATIVE_HOUR
    words = [{'am': '오전', 'pm': '오후', '': ''}[half]]
    words.append(f'{numbers.native(hour) if is_native else numbers.sino(hour)} 시')
    if minute and (int(minute) or second):
        words.append(f'{numbers.sino(minute)} 분')
    if second:
        words.append(f'{numbers.sino(second)} 초')
    return ' '.join(words).strip()
