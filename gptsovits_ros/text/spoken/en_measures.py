"""Dates, times, money and numbers in groups as English speakers say them."""

from __future__ import annotations

from collections.abc import Sequence

from gptsovits_ros.text.spoken import en_context as context
from gptsovits_ros.text.spoken import en_numbers as numbers
from gptsovits_ros.text.spoken import en_tables as tables
from gptsovits_ros.text.spoken.en_latin import spell
from gptsovits_ros.text.spoken.piece import Number


def date(year: str, month: str, day: str) -> str:
    """Return a date of digits; the day may be missing."""
    name = tables.MONTHS[int(month) - 1]
    if not day:
        return f'{name} {numbers.year(year)}'
    return f'{name} {numbers.ordinal(day.lstrip("0"))}, {numbers.year(year)}'


def time(hour: str, minute: str, second: str, half: str) -> str:
    """Return a time of digits; all but the hour may be missing."""
    words = [numbers.cardinal(hour)]
    if minute and int(minute):
        words.append(
            f'oh {numbers.cardinal(minute)}' if int(minute) < 10 else numbers.cardinal(minute)
        )
    elif minute and not half:
        words.append("o'clock" if 1 <= int(hour) <= 12 else 'hundred')
    if second and int(second):
        words.append(f'and {numbers.cardinal(second)} seconds')
    if half:
        words.append(spell(half))
    return ' '.join(words)


def money(value: Number, currency: str, magnitude: str, is_adjective: bool = False) -> str:
    """Return an amount; as an adjective ("a $5 bill"), its unit is singular."""
    unit, units, part, parts = tables.CURRENCIES[currency]
    if magnitude:
        scale = tables.MAGNITUDES.get(magnitude, magnitude)
        return f'{numbers.decimal(value)} {scale} {unit if is_adjective else units}'
    if not part or len(value.decimals) not in (1, 2):
        return (
            f'{numbers.decimal(value)} {unit if numbers.is_one(value) or is_adjective else units}'
        )
    whole = Number(value.integer, '', value.sign)
    small = value.decimals.ljust(2, '0').lstrip('0')
    spoken = []
    if whole.integer.strip('0') or not small:
        spoken.append(f'{numbers.decimal(whole)} {unit if whole.integer == "1" else units}')
    if small:
        spoken.append(f'{numbers.cardinal(small)} {part if small == "1" else parts}')
    return ' and '.join(spoken)


def serial(groups: Sequence[str]) -> str:
    """Return groups of digits with hyphens between them; some are a date."""
    if len(groups) == 3 and len(groups[2]) == 4 and context.is_day_and_month(*groups[:2]):
        first, second = groups[:2] if int(groups[0]) <= 12 else (groups[1], groups[0])
        return date(groups[2], first, second)
    if max(map(len, groups)) <= 2:
        return ', '.join(map(numbers.cardinal, groups))
    return ', '.join(map(numbers.phone_digits, groups))


def phone(groups: Sequence[str]) -> str:
    """Return the groups of a phone number; the first may be a country code with its plus."""
    return ', '.join(map(_phone_group, groups))


def _phone_group(group: str) -> str:
    if group[0] != '+':
        return numbers.phone_digits(group)
    code = group[1:]
    return f'plus {numbers.cardinal(code) if len(code) == 1 else numbers.phone_digits(code)}'


def ip(words: Sequence[str]) -> str:
    """Return an address of four numbers, with the port or the length of the mask behind it."""
    *parts, sign, rest = words
    spoken = ' dot '.join(
        numbers.cardinal(part) if len(part) < 3 else numbers.digits(part) for part in parts
    )
    if not sign:
        return spoken
    return spoken + (
        f' port {numbers.pairs(rest)}' if sign == ':' else (f' slash {numbers.cardinal(rest)}')
    )
