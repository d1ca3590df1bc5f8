"""Dates and days of the week in English, as rules: a pattern and what is said instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from re import Match

from gptsovits_ros.text.spoken import en_numbers as numbers
from gptsovits_ros.text.spoken import en_tables as tables

Rule = tuple[re.Pattern[str], str | Callable[[Match[str]], str]]

_NAMES_OF_MONTHS = '|'.join(sorted(tables.MONTH_OF, key=len, reverse=True))
_NAMES_OF_DAYS = '|'.join(sorted(tables.DAY_OF, key=len, reverse=True))
_DAY_NUMBER = '(3[01]|[12][0-9]|0?[1-9])(?:st|nd|rd|th)?(?![0-9A-Za-z:.][0-9A-Za-z]|[A-Za-z0-9])'
_YEAR = r'([12][0-9]{3})(?![0-9A-Za-z,][0-9]|[0-9])'
_CENTURY_OF_SHORT_YEARS = 50  # 00 to 49 are of this century
_PREPOSITIONS = '(?:[Oo]n|[Bb]y|[Uu]ntil|[Ss]ince|[Bb]efore|[Aa]fter|[Dd]ue|[Ff]rom|[Dd]ated) '


def stop_behind(match: Match[str]) -> str:
    """Return a full stop if the dot that a match ends with may also end the sentence."""
    following = match.string[match.end() : match.end() + 3].lstrip('"\')”’')
    if not following.strip():
        return '.' if len(match.string) - match.end() <= 2 or '\n' in following else ''
    return '.' if following[0] == ' ' and following[1:2].isupper() else ''


def _day(text: str) -> str:
    return numbers.ordinal(text.lstrip('0'))


def _month_first(match: Match[str]) -> str:
    month, first, last, year = match.groups()
    days = _day(first) + (f' to {_day(last)}' if last else '')
    return f'{tables.MONTH_OF[month]} {days}' + (f', {numbers.year(year)}' if year else '')


def _day_first(match: Match[str]) -> str:
    article, first, last, month, year = match.groups()
    days = _day(first) + (f' to {_day(last)}' if last else '')
    spoken = f'{article or "the "}{days} of {tables.MONTH_OF[month]}'
    return spoken + (f', {numbers.year(year)}' if year else '')


def _month_of_year(match: Match[str]) -> str:
    return f'{tables.MONTH_OF[match[1]]} {numbers.year(match[2])}'


def _short_date(match: Match[str]) -> str:
    month, day, year = match[1], match[2], match[3]
    if int(month) > 12:
        month, day = day, month
    if int(month) > 12:
        return match[0]
    spoken = f'{tables.MONTHS[int(month) - 1]} {_day(day)}'
    if year is None:
        return spoken
    century = '20' if int(year) < _CENTURY_OF_SHORT_YEARS else '19'
    return f'{spoken}, {numbers.year(century + year)}'


def _date_without_year(match: Match[str]) -> str:
    return f'{match[1]}{tables.MONTHS[int(match[2]) - 1]} {_day(match[3])}'


def _weekday(match: Match[str]) -> str:
    return tables.DAY_OF[match[1]]


def _weekday_range(match: Match[str]) -> str:
    return f'{tables.DAY_OF[match[1]]} to {tables.DAY_OF[match[2]]}'


def _weekdays(match: Match[str]) -> str:
    days = re.sub('[A-Z][a-z]+', lambda day: tables.DAY_OF.get(day[0], day[0]), match[0])
    return days.replace('.', '') + (stop_behind(match) if match[0].endswith('.') else '')


def _month_range(match: Match[str]) -> str:
    return f'{tables.MONTH_OF[match[1]]} to {tables.MONTH_OF[match[2]]}'


DATE_RULES: tuple[Rule, ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (rf'\b({_NAMES_OF_MONTHS})\.? {_DAY_NUMBER}(?:[-–]{_DAY_NUMBER})?(?:,? {_YEAR})?',
         _month_first),
        (rf'(?<![A-Za-z0-9.,:/$-])([Tt]he )?{_DAY_NUMBER}(?:[-–]{_DAY_NUMBER})? (?:of )?'
         rf'({_NAMES_OF_MONTHS})\b\.?(?:,? {_YEAR})?', _day_first),
        (rf'\b({_NAMES_OF_MONTHS})\.?,? {_YEAR}', _month_of_year),
        (r'(?<![0-9/.$-])(0?[1-9]|[12][0-9]|3[01])/(0?[1-9]|[12][0-9]|3[01])/([0-9]{2})(?![0-9/])',
         _short_date),
        (rf'({_PREPOSITIONS})(0?[1-9]|1[0-2])/(0?[1-9]|[12][0-9]|3[01])(?![0-9/])',
         _date_without_year),
        (rf'\b({_NAMES_OF_DAYS})\.? ?[-–] ?({_NAMES_OF_DAYS})\b\.?(?= |$)', _weekday_range),
        (rf'\b({_NAMES_OF_MONTHS})\.?[-–]({_NAMES_OF_MONTHS})\b\.?', _month_range),
        (r'\b(Mon|Tues?|Wed|Weds|Thu|Thurs?|Fri)\b\.(?= [a-z0-9&-]|,)', _weekday),
        (r'\b(Mon|Tues?|Wed|Weds|Thu|Thurs?|Fri|Sat|Sun)\b\.?(?=,? (?:[0-9]|noon|midnight))',
         _weekday),
        (rf'\b({_NAMES_OF_DAYS})\b\.?(?=,? (?:{_NAMES_OF_MONTHS})\b)', _weekday),
        (rf'\b(?:{_NAMES_OF_DAYS})\b\.?'
         rf'(?:(?:, and |, | and | or |/| & )(?:{_NAMES_OF_DAYS})\b\.?){{1,6}}', _weekdays),
    )
)  # fmt: skip
