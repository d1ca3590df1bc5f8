"""Numbers as English speakers say them: counts, years, ranks, parts, codes."""

from __future__ import annotations

from gptsovits_ros.text import numbers_en
from gptsovits_ros.text.spoken.piece import Number

_SIGNS = {'': '', '-': 'minus ', '+': 'plus ', '±': 'plus or minus '}
_LONGEST = 36  # digits that have a name


def digits(text: str) -> str:
    """Return the digits one by one: "05" is "zero five"."""
    return numbers_en.digits(text)


def phone_digits(text: str) -> str:
    """Return the digits as they are dictated: "010" is "oh one oh", "800" is "eight hundred"."""
    if len(text) == 3 and text[1:] == '00' and text[0] != '0':
        return cardinal(text)
    return digits(text).replace('zero', 'oh')


def cardinal(text: str) -> str:
    """Return a count of digits 0..9: "1299" is "one thousand two hundred ninety-nine"."""
    return numbers_en.cardinal(text).replace(',', '')


def ordinal(text: str) -> str:
    """Return a rank: "101" is "one hundred first"."""
    if len(text) > _LONGEST:
        return digits(text)
    return numbers_en.ordinal(text).replace(',', '').replace(' and ', ' ')


def year(text: str) -> str:
    """Return a year of one to four digits: "1905" is "nineteen oh five"."""
    if len(text) != 4 or text < '1001':
        return cardinal(text)
    return numbers_en.year(int(text))


def pairs(text: str) -> str:
    """Return three or four digits in pairs: "221" is "two twenty-one", "1408" fourteen oh eight".

    Other numbers are read as codes.
    """
    if len(text) == 4 and text[0] != '0':
        if text[1:] == '000':
            return cardinal(text)
        return numbers_en.year(int(text)) if text[:3] != '200' else f'twenty oh {digits(text[3])}'
    if len(text) == 3 and text[0] != '0':
        if text[1:] == '00':
            return cardinal(text)
        tail = f'oh {digits(text[2])}' if text[1] == '0' else cardinal(text[1:])
        return f'{digits(text[0])} {tail}'
    return code(text)


def code(text: str) -> str:
    """Return digits of a name: "15" is "fifteen", "264" "two six four", "4090" "forty ninety"."""
    if len(text) > 1 and text[0] == '0':
        return digits(text)
    if len(text) <= 2:
        return cardinal(text)
    if len(text) <= 4 and text[-1] == '0':
        return pairs(text)
    return digits(text)


def decimal(value: Number) -> str:
    """Return a number with its sign; the digits behind the point are read one by one."""
    integer = value.integer
    is_code = len(integer) > 1 and integer[0] == '0' and not value.decimals
    whole = (digits(integer) if is_code else cardinal(integer)) if integer else ''
    point = f'point {digits(value.decimals)}' if value.decimals else ''
    return _SIGNS[value.sign] + f'{whole} {point}'.strip()


def is_one(value: Number) -> bool:
    """Tell whether a unit behind the number is singular."""
    return value.integer == '1' and not value.decimals


def fraction(numerator: Number, denominator: Number) -> str:
    """Return a part of a whole: "3/4" is "three quarters", "7/123" "seven over ..."."""
    below = denominator.integer
    above = decimal(numerator)
    if below == '2':
        return f'{above} half' if is_one(numerator) else f'{above} halves'
    if below == '4':
        return f'{above} quarter' if is_one(numerator) else f'{above} quarters'
    if below.strip('0') in ('', '1') and len(below) == 1 or (len(below) > 2 and below[-1] != '0'):
        return f'{above} over {cardinal(below)}'
    return f'{above} {ordinal(below)}' + ('' if is_one(numerator) else 's')


def mixed(whole: Number, numerator: Number, denominator: Number) -> str:
    """Return a whole and a part: "1 1/2" is "one and a half"."""
    part = fraction(numerator, denominator)
    if part.startswith('one '):
        part = f'{"an" if denominator.integer in ("8", "11", "18") else "a"} {part[4:]}'
    return f'{decimal(whole)} and {part}'


def power(exponent: Number) -> str:
    """Return what is said for a raised number: "squared", "cubed", "to the power of ..."."""
    if not exponent.sign and exponent.integer in ('2', '3'):
        return 'squared' if exponent.integer == '2' else 'cubed'
    return f'to the power of {decimal(exponent)}'
