"""Mandarin text as it is spoken: numbers, units and symbols become words.

The rules are the official ones, in the official order (gptsovits-spec section 4.6), with their
oddities ("100-200" is read as a subtraction): the voices were trained on what these rules give.
Each rule is one small function from text to text, and RULES is the whole list.

No rule matches across a sentence mark, so the text need not be cut into sentences first. Patterns
are anchored at the start of a run of digits, which keeps them linear in the length of the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache

from gptsovits_ros.text.data_files import data_path
from gptsovits_ros.text.numbers_zh import cardinal, digits, number

Rule = Callable[[str], str]

# A number at the start of its digits: "12" or "12.5"; and the same with ".5" allowed.
_NUMBER = r'(?<![0-9])[0-9]+(?:\.[0-9]+)?'
_ANY_NUMBER = rf'(?:-?{_NUMBER}|\.[0-9]+)'

_DELETED = str.maketrans('', '', ' —《》【】<>{}()（）#&@“”^_|\\')
_FULL_WIDTH = {
    code + 0xFEE0: chr(code)
    for code in (*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B))
}

_DATE = re.compile(
    r'([0-9]{4}|[0-9]{2})年'
    r'(?:(0?[1-9]|1[0-2])月)?'
    r'(?:(0?[1-9]|[12][0-9]|30|31)([日号]))?'
)
_DATE_BY_SEPARATOR = re.compile(r'([0-9]{4})([-/.])(0[1-9]|1[012])\2(0[1-9]|[12][0-9]|3[01])')
_CLOCK = r'([0-1]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?'
_TIME = re.compile(_CLOCK)
_TIME_RANGE = re.compile(f'{_CLOCK}[~-]{_CLOCK}')

_MEASURE = '(?:%|°C|℃|度|摄氏度|cm2|cm²|cm3|cm³|cm|db|ds|kg|km|m2|m²|m³|m3|ml|m|mm|s)'
_MEASURE_RANGE = re.compile(f'({_ANY_NUMBER}{_MEASURE})~({_ANY_NUMBER}{_MEASURE})')
_TEMPERATURE = re.compile(rf'(-?)({_NUMBER})(°C|℃|度|摄氏度)')
# Replaced one after the other, anywhere in the text: "m" comes before "mm" could (5mm -> 五米米).
# fmt: off
_UNITS = (
    ('cm2', '平方厘米'), ('cm²', '平方厘米'), ('cm3', '立方厘米'), ('cm³', '立方厘米'),
    ('cm', '厘米'), ('db', '分贝'), ('ds', '毫秒'), ('kg', '千克'), ('km', '千米'),
    ('m2', '平方米'), ('m²', '平方米'), ('m³', '立方米'), ('m3', '立方米'), ('ml', '毫升'),
    ('m', '米'), ('s', '秒'),
)
# fmt: on

_RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ'
_LOWERED = str.maketrans(_RAISED, '0123456789xyn')
_EXPONENT = re.compile(f'[{_RAISED}]+')
_OPERAND = f'(?:{_ANY_NUMBER}|[A-Za-z])[{_RAISED}]*'
_ARITHMETIC = re.compile(rf'({_OPERAND})([-+×÷=])({_OPERAND})')
_OPERATORS = {'+': '加', '-': '减', '×': '乘', '÷': '除', '=': '等于'}

_FRACTION = re.compile(r'(-?)(?<![0-9])([0-9]+)/([0-9]+)')
_PERCENTAGE = re.compile(rf'(-?)({_NUMBER})%')

_MOBILE = re.compile(r'(?<![0-9])(?:\+?86)?1(?:[38][0-9]|5[0-35-9]|7[678]|9[89])[0-9]{8}(?![0-9])')
_LANDLINE = re.compile(r'(?<![0-9])(?:0(?:10|2[1-3]|[3-9][0-9]{2})-?)?[1-9][0-9]{6,7}(?![0-9])')
_NUMBER_400 = re.compile(r'400-?[0-9]{3}-?[0-9]{4}')

_RANGE = re.compile(
    r'(?<![-0-9+×÷=])(-?[0-9]+(?:\.[0-9]+)?)[-~](-?[0-9]+(?:\.[0-9]+)?)(?![-0-9+×÷=])'
)
_NEGATIVE = re.compile(r'-([0-9]+)')
_VERSION = re.compile(r'(?<![0-9])[0-9]+(?:\.[0-9]+){2,}')
_DECIMAL = re.compile(r'(?<![0-9])[0-9]+\.[0-9]+|\.[0-9]+')
_SERIAL = re.compile('[0-9]{3,}')
_PLAIN_NUMBER = re.compile(r'(-?)([0-9]+(?:\.[0-9]+)?)')

# What is left of the symbols. Only the listed letters have names; other Greek letters are silent.
# fmt: off
_SYMBOLS = str.maketrans({
    '/': '每',
    '①': '一', '②': '二', '③': '三', '④': '四', '⑤': '五',
    '⑥': '六', '⑦': '七', '⑧': '八', '⑨': '九', '⑩': '十',
    'α': '阿尔法', 'β': '贝塔', 'γ': '伽玛', 'Γ': '伽玛', 'δ': '德尔塔', 'Δ': '德尔塔',
    'ε': '艾普西龙', 'ζ': '捷塔', 'η': '依塔', 'θ': '西塔', 'Θ': '西塔', 'ι': '艾欧塔',
    'κ': '喀帕', 'λ': '拉姆达', 'Λ': '拉姆达', 'μ': '缪', 'ν': '拗', 'ξ': '克西', 'Ξ': '克西',
    'ο': '欧米克伦', 'π': '派', 'Π': '派', 'ρ': '肉', 'ς': '西格玛', 'Σ': '西格玛', 'σ': '西格玛',
    'τ': '套', 'υ': '宇普西龙', 'φ': '服艾', 'Φ': '服艾', 'χ': '器', 'ψ': '普赛', 'Ψ': '普赛',
    'ω': '欧米伽', 'Ω': '欧米伽',
    '+': '加', '-': '减', '×': '乘', '÷': '除', '=': '等',
})
# fmt: on

# These two have no vowel, so no phonemes; they are read as characters that sound alike.
_INTERJECTIONS = str.maketrans('嗯呣', '恩母')
_MARKS = str.maketrans('：；，·、。$！？~～', ',,,,,..!?……')
_UNSPEAKABLE = re.compile('[^\u4e00-\u9fa5!?…,.-]+')
_MARK_RUN = re.compile('([!?…,.-])[!?…,.-]+')


def normalize(text: str) -> str:
    """Return the text as it is spoken: U+4E00..U+9FA5 and the marks ! ? … , . - only.

    Latin letters and all other characters are dropped, so the result may be empty. Runs of marks
    become their first mark. Any string is accepted; the time is linear in its length.
    """
    for rule in RULES:
        text = rule(text)
    return text


def _delete_brackets(text: str) -> str:
    return text.translate(_DELETED)


def simplify(text: str) -> str:
    """Return the text with simplified characters for traditional ones that have one form only."""
    return text.translate(_simplified_forms())


@cache
def _simplified_forms() -> dict[int, int]:
    table = json.loads(data_path('zh_simplified.json').read_text('utf-8'))
    return str.maketrans(table['traditional'], table['simplified'])


def _narrow_letters_and_digits(text: str) -> str:
    return text.translate(_FULL_WIDTH)


def _read_dates(text: str) -> str:
    def spoken(match: re.Match[str]) -> str:
        year, month, day, day_word = match.groups()
        words = digits(year) + '年'
        if month:
            words += cardinal(month) + '月'
        if day:
            words += cardinal(day) + day_word
        return words

    return _DATE.sub(spoken, text)


def _read_dates_with_separators(text: str) -> str:
    def spoken(match: re.Match[str]) -> str:
        year, _, month, day = match.groups()
        return f'{digits(year)}年{cardinal(month)}月{cardinal(day)}日'

    return _DATE_BY_SEPARATOR.sub(spoken, text)


def _read_time_ranges(text: str) -> str:
    def spoken(match: re.Match[str]) -> str:
        hour, minute, second, end_hour, end_minute, end_second = match.groups()
        # The official rule looks at the first minute to decide whether the second one is a half.
        return (
            _clock(hour, minute, second, minute == '30')
            + '至'
            + _clock(end_hour, end_minute, end_second, minute == '30')
        )

    return _TIME_RANGE.sub(spoken, text)


def _read_times(text: str) -> str:
    def spoken(match: re.Match[str]) -> str:
        hour, minute, second = match.groups()
        return _clock(hour, minute, second, minute == '30')

    return _TIME.sub(spoken, text)


def _clock(hour: str, minute: str, second: str | None, is_half: bool) -> str:
    words = cardinal(hour) + '点'
    if minute != '00':
        words += '半' if is_half else _sixtieths(minute) + '分'
    if second and second != '00':
        words += _sixtieths(second) + '秒'
    return words


def _sixtieths(two_digits: str) -> str:
    return ('零' if two_digits[0] == '0' else '') + cardinal(two_digits)


def _read_measure_ranges(text: str) -> str:
    return _MEASURE_RANGE.sub(r'\1至\2', text)


def _read_temperatures(text: str) -> str:
    def spoken(match: re.Match[str]) -> str:
        minus, value, unit = match.groups()
        return ('零下' if minus else '') + number(value) + (unit if unit == '摄氏度' else '度')

    return _TEMPERATURE.sub(spoken, text)


def _read_units(text: str) -> str:
    for unit, word in _UNITS:
        text = text.replace(unit, word)
    return text


def _read_arithmetic(text: str) -> str:
    # The right operand of one operation may be the left operand of the next.
    replaced = 1
    while replaced:
        text, replaced = _ARITHMETIC.subn(
            lambda match: match[1] + _OPERATORS[match[2]] + match[3], text
        )
    return text


def _read_exponents(text: str) -> str:
    return _EXPONENT.sub(lambda match: f'的{match[0].translate(_LOWERED)}次方', text)


def _read_fractions(text: str) -> str:
    def spoken(match: re.Match[str]) -> str:
        minus, numerator, denominator = match.groups()
        return f'{"负" if minus else ""}{cardinal(denominator)}分之{cardinal(numerator)}'

    return _FRACTION.sub(spoken, text)


def _read_percentages(text: str) -> str:
    return _PERCENTAGE.sub(
        lambda match: f'{"负" if match[1] else ""}百分之{number(match[2])}', text
    )


def _read_mobile_numbers(text: str) -> str:
    return _MOBILE.sub(lambda match: digits(match[0].lstrip('+'), '幺'), text)


def _read_telephone_numbers(text: str) -> str:
    def spoken(match: re.Match[str]) -> str:
        return '，'.join(digits(part, '幺') for part in match[0].split('-'))

    return _NUMBER_400.sub(spoken, _LANDLINE.sub(spoken, text))


def _read_ranges(text: str) -> str:
    return _RANGE.sub(
        lambda match: f'{_read_plain_numbers(match[1])}到{_read_plain_numbers(match[2])}', text
    )


def _read_negative_integers(text: str) -> str:
    return _NEGATIVE.sub(lambda match: '负' + cardinal(match[1]), text)


def _read_version_numbers(text: str) -> str:
    return _VERSION.sub(lambda match: '点'.join(map(digits, match[0].split('.'))), text)


def _read_decimals(text: str) -> str:
    return _DECIMAL.sub(lambda match: number(match[0]), text)


def _read_counts(text: str) -> str:
    def spoken(match: re.Match[str]) -> str:
        words = cardinal(match[1])
        more = (match[2] or '').replace('+', '多')
        return ('两' if words == '二' else words) + more + match[3]

    return _counted().sub(spoken, text)


@cache
def _counted() -> re.Pattern[str]:
    classifiers = '|'.join(data_path('zh_classifiers.txt').read_text('utf-8').split())
    return re.compile(rf'(?<![0-9])([0-9]+)([多余几+])?({classifiers})')


def _read_serial_numbers(text: str) -> str:
    return _SERIAL.sub(lambda match: digits(match[0], '幺'), text)


def _read_plain_numbers(text: str) -> str:
    return _PLAIN_NUMBER.sub(lambda match: ('负' if match[1] else '') + number(match[2]), text)


def _read_symbols(text: str) -> str:
    return text.translate(_SYMBOLS)


def _respell_interjections(text: str) -> str:
    return text.translate(_INTERJECTIONS)


def _map_marks(text: str) -> str:
    return text.replace('...', '…').translate(_MARKS)


def _drop_unspeakable(text: str) -> str:
    return _UNSPEAKABLE.sub('', text)


def _collapse_marks(text: str) -> str:
    return _MARK_RUN.sub(r'\1', text)


RULES: tuple[Rule, ...] = (
    _delete_brackets,
    simplify,
    _narrow_letters_and_digits,
    _read_dates,
    _read_dates_with_separators,
    _read_time_ranges,
    _read_times,
    _read_measure_ranges,
    _read_temperatures,
    _read_units,
    _read_arithmetic,
    _read_exponents,
    _read_fractions,
    _read_percentages,
    _read_mobile_numbers,
    _read_telephone_numbers,
    _read_ranges,
    _read_negative_integers,
    _read_version_numbers,
    _read_decimals,
    _read_counts,
    _read_serial_numbers,
    _read_plain_numbers,
    _read_symbols,
    _respell_interjections,
    _map_marks,
    _drop_unspeakable,
    _collapse_marks,
)
