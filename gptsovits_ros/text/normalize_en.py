"""English text as it is spoken: numbers, money, times and signs become words.

The rules and their order follow gptsovits-spec section 4.7, because the voices were trained on
text that went through them. That includes habits which look odd: ";" and ":" vanish without a
pause, 1001 to 2999 are read as years, and the space before a negative number is lost.
"""

from __future__ import annotations

import re
import unicodedata
from re import Match

from gptsovits_ros.text import numbers_en

_CHARACTER_MAP = str.maketrans(
    {
        '。': '.',
        '！': '!',
        '？': '?',
        '’': "'",
        '‘': "'",
        '\t': ' ',
        '\n': ' ',
        '\r': ' ',
        '\u00a0': ' ',
        '\u3000': ' ',
    }
)

_OPERATORS = {
    '+': 'plus',
    '-': 'minus',
    '×': 'times',
    '*': 'times',
    '÷': 'divided by',
    '/': 'divided by',
    '=': 'Equals',
}
_UNITS = {
    'km/h': ('kilometer per hour', 'kilometers per hour'),
    'km': ('kilometer', 'kilometers'),
    'm': ('meter', 'meters'),
    'ft': ('foot', 'feet'),
    'L': ('liter', 'liters'),
    'tbsp': ('tablespoon', 'tablespoons'),
    'tsp': ('teaspoon', 'teaspoons'),
    'h': ('hour', 'hours'),
    'min': ('minute', 'minutes'),
    's': ('second', 'seconds'),
    '°C': ('degree celsius', 'degrees celsius'),
    '°F': ('degree fahrenheit', 'degrees fahrenheit'),
}
_DOLLAR = ('dollar', 'dollars', 'cent', 'cents')
_POUND = ('pound', 'pounds', 'penny', 'pence')

# ASCII digits only: other scripts have digits that int() reads but no rule here expects.
_NUMBER = r'[0-9]+(?:\.[0-9]+)?'
# Only where a sentence begins: at the end of one, "3. " is a number and a full stop.
_LIST_ITEM = re.compile(r'(?:^|(?<=[.!?] ))([0-9]+)\. ')
# An operand is a number or a single letter, so that a dash between words stays a dash.
_OPERATION = re.compile(r'(?:(?<=[0-9])|(?<=\b[A-Za-z])) ([-+×*÷/=]) (?=-?[0-9]|[A-Za-z]\b)')
_NEGATIVE = re.compile(r'(?:^| +)-(?=[0-9])')
_GROUP_COMMA = re.compile(r'(?<=[0-9]),(?=[0-9])')
_TIME = re.compile(r'\b([01]?[0-9]|2[0-3]):([0-5][0-9])\b(?: ?([AaPp])\.?[Mm]\b\.?)?')
# A single letter is a unit only right behind the number: "5m", but "5 m" may be anything.
_MEASURE = re.compile(
    rf'\b({_NUMBER})(?:(km/h|km|ft|tbsp|tsp|min|m|L|h|s)(?![A-Za-z0-9])'
    r'| (km/h|km|ft|tbsp|tsp|min)(?![A-Za-z0-9])| ?(°[CF])(?![A-Za-z0-9]))'
)
_MONEY = re.compile(rf'([$£])({_NUMBER})|\b({_NUMBER})([$£])')
_DECIMAL = re.compile(r'(?<![0-9])([0-9]+)\.([0-9]+)')
_FRACTION = re.compile(r'(?<![0-9/])([0-9]+)/([0-9]+)(?![0-9/])')
_ORDINAL = re.compile(r'(?<![0-9])([0-9]+)(?:st|nd|rd|th)\b')
_DIGITS = re.compile(r'[0-9]+')
_UNSPOKEN = re.compile(r"[^A-Za-z'.,?!\- ]")
_THAT_IS = re.compile(r'i\.e\.', re.IGNORECASE)
_FOR_EXAMPLE = re.compile(r'e\.g\.', re.IGNORECASE)
_INNER_CAPITAL = re.compile(r'(?<=\S)(?=[A-Z])')
_PUNCTUATION_RUN = re.compile(r'([-!?…,.\s])[-!?…,.]+')


def _list_item(match: Match) -> str:
    return f'{numbers_en.ordinal(match[1])}, '


def _operation(match: Match) -> str:
    return f' {_OPERATORS[match[1]]} '


def _time(match: Match) -> str:
    hour, minute = int(match[1]), int(match[2])
    period = (match[3] or ('a' if hour < 12 else 'p')).lower()
    words = [numbers_en.cardinal(str(hour % 12 or 12))]
    if 0 < minute < 10:
        words.append('oh')
    if minute:
        words.append(numbers_en.cardinal(str(minute)))
    return ' '.join([*words, f'{period}.m.'])


def _measure(match: Match) -> str:
    singular, plural = _UNITS[match[2] or match[3] or match[4]]
    return f'{match[1]} {singular if match[1] == "1" else plural}'


def _money(match: Match) -> str:
    sign, amount = (match[1], match[2]) if match[1] else (match[4], match[3])
    unit, units, part, parts = _DOLLAR if sign == '$' else _POUND
    whole, _, fraction = amount.partition('.')
    if len(fraction) > 2:
        return f'{amount} {units}'
    small = int(fraction.ljust(2, '0')) if fraction else 0
    spoken = []
    if whole.strip('0') or not small:
        spoken.append(f'{whole} {unit if whole == "1" else units}')
    if small:
        spoken.append(f'{small} {part if small == 1 else parts}')
    return ' and '.join(spoken)


def _decimal(match: Match) -> str:
    return f'{match[1]} point {numbers_en.digits(match[2])}'


def _fraction(match: Match) -> str:
    numerator, denominator = match[1], match[2]
    if denominator == '2':
        name, names = 'half', 'halves'
    else:
        name = numbers_en.ordinal(denominator)
        names = f'{name}s'
    return f'{numbers_en.cardinal(numerator)} {name if numerator == "1" else names}'


def _ordinal(match: Match) -> str:
    return numbers_en.ordinal(match[1])


def _number(match: Match) -> str:
    text = match[0]
    if len(text) > 1 and text[0] == '0':
        return numbers_en.digits(text)
    if len(text) == 4 and 1000 < int(text) < 3000:
        return numbers_en.year(int(text))
    return numbers_en.cardinal(text)


_RULES = (
    (_LIST_ITEM, _list_item),
    (_OPERATION, _operation),
    (_NEGATIVE, 'negative '),
    (_GROUP_COMMA, ''),
    (_TIME, _time),
    (_MEASURE, _measure),
    (_MONEY, _money),
    (_DECIMAL, _decimal),
    (_FRACTION, _fraction),
    (_ORDINAL, _ordinal),
    (_DIGITS, _number),
)


def _without_accents(text: str) -> str:
    return ''.join(
        character
        for character in unicodedata.normalize('NFD', text)
        if unicodedata.category(character) != 'Mn'
    )


def normalize(text: str) -> str:
    """Return English text as words: only A-Z a-z ' . , ? ! - and spaces are left.

    Args:
        text: one English piece of a segment; anything that is not English letters, digits or known
            signs is dropped.

    """
    text = text.translate(_CHARACTER_MAP)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = _without_accents(text).replace('%', ' percent')
    text = _UNSPOKEN.sub('', text)
    text = _FOR_EXAMPLE.sub('for example', _THAT_IS.sub('that is', text))
    # Words in capitals are spelled; camel case is cut.
    text = _INNER_CAPITAL.sub(' ', text)
    return _PUNCTUATION_RUN.sub(r'\1', text)
