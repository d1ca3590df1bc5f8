"""What single signs are called in Chinese, by what stands beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from gptsovits_ros.text.spoken.chinese_numbers import Context, counts
from gptsovits_ros.text.spoken.chinese_words import SYMBOLS
from gptsovits_ros.text.spoken.common import Piece
from gptsovits_ros.text.spoken.dialect import Dialect
from gptsovits_ros.text.spoken.units import UNIT

_HAN = re.compile('[\u3400-\u9fff\uf900-\ufaff]')
_OPERAND_BEFORE = re.compile('[0-9A-Za-z)²³°%\u0391-\u03c9] ?$')
_OPERAND_AFTER = re.compile(' ?[-+(√]?[0-9A-Za-z\u0391-\u03c9]')
_DIGIT_BEFORE, _DIGIT_AFTER = re.compile('[0-9)²³] ?$'), re.compile(' ?[-(]?[0-9]')
_PER_BEFORE = re.compile('[0-9][^，。！？；：、\\s/]{0,6}$')
_PER_AFTER = re.compile(f'(?:{UNIT})|[0-9]{{1,4}} ?(?:k?m|m[lL]|k?g|L)(?![A-Za-z])')
_NUMBER_AFTER = re.compile(' ?[-+.]?[0-9]')
_OTHER_OPERATOR = re.compile('[=+×÷]')
_CODE_GROUP_BEFORE = re.compile('[A-Za-z]-?[0-9]{1,12}$')
_VARIABLE_AFTER = re.compile('[a-z](?![A-Za-z])')
_START_BEFORE = re.compile('(?:^|[，。、：；,:;(（ ])$')
_ZERO_AFTER = re.compile('0[0-9]')
_LETTER_BEFORE, _LETTER_AFTER = re.compile('[A-Za-z]$'), re.compile('[A-Za-z]')
_SHARP_BEFORE = re.compile('(?<![A-Za-z])[CFJ]$')


def symbol(piece: Piece, context: Context, dialect: Dialect) -> str:
    """Return the word for a sign; one without a word is silent."""
    sign, before, after = piece.text, context.before, context.after
    is_between = bool(_OPERAND_BEFORE.search(before) and _OPERAND_AFTER.match(after))
    if sign in _RULES_OF_SIGNS:
        return _RULES_OF_SIGNS[sign](context, is_between)
    if sign == '*':
        return '乘' if is_between else ''
    if sign in '<>':
        is_compared = is_between or _NUMBER_AFTER.match(after)
        return {'<': '小于', '>': '大于'}[sign] if is_compared else ''
    return SYMBOLS.get(sign, '')


def _minus(context: Context, is_between: bool) -> str:
    before, after = context.before, context.after
    is_equation = bool(_OTHER_OPERATOR.search(context.around))
    if _DIGIT_BEFORE.search(before) and _DIGIT_AFTER.match(after):
        is_code = _CODE_GROUP_BEFORE.search(before) or _ZERO_AFTER.match(after)
        return '，' if is_code and not is_equation else '减'
    if is_between and is_equation:
        return '减'
    if _LETTER_BEFORE.search(before) and _LETTER_AFTER.match(after):
        return '-'
    if is_between:
        return ' '
    if _VARIABLE_AFTER.match(after) and not _HAN.match(before[-1:]):
        return '负'
    return '，' if _HAN.match(before[-1:]) or before.endswith(' ') else ''


def _plus(context: Context, is_between: bool) -> str:
    is_more = context.before[-1:].isdigit() or context.before[-1:] == 'w'
    return '多' if is_more and counts(context.after) else '加'


def _slash(context: Context, is_between: bool) -> str:
    if _PER_BEFORE.search(context.before) and _PER_AFTER.match(context.after):
        return '每'
    if _HAN.match(context.before[-1:]) and _HAN.match(context.after):
        return '每' if _PER_BEFORE.search(context.before) else '、'
    if _PER_BEFORE.search(context.before) and _HAN.search(context.before[-1:] + context.after[:1]):
        return '每'
    if context.before[-1:].isdigit() and _VARIABLE_AFTER.match(context.after):
        return '除以'
    if context.before[-1:].isdigit() and is_between:
        return '、'
    return ' ' if is_between else ''


def _ampersand(context: Context, is_between: bool) -> str:
    return ' and ' if is_between else '和'


def _arrow(context: Context, is_between: bool) -> str:
    return '到' if context.before.strip() and context.after.strip() else ''


def _rise(context: Context, is_between: bool) -> str:
    return '上升' if _NUMBER_AFTER.match(context.after) else ''


def _fall(context: Context, is_between: bool) -> str:
    return '下降' if _NUMBER_AFTER.match(context.after) else ''


def _degree(context: Context, is_between: bool) -> str:
    return '度' if context.before[-1:].isdigit() else ''


def _hash(context: Context, is_between: bool) -> str:
    if _SHARP_BEFORE.search(context.before):
        return ' sharp'
    return '，' if _HAN.match(context.before[-1:]) else ''


def _at(context: Context, is_between: bool) -> str:
    return '艾特' if context.after.strip() else ''


def _wave(context: Context, is_between: bool) -> str:
    is_about = _NUMBER_AFTER.match(context.after) and _START_BEFORE.search(context.before)
    return '约' if is_about else '～'


def _caret(context: Context, is_between: bool) -> str:
    return '^'  # asks for a pause in Chinese text, see frontend.py


def _inches(context: Context, is_between: bool) -> str:
    is_closing_quote = context.before.count('"') % 2
    return '英寸' if context.before[-1:].isdigit() and not is_closing_quote else '"'


_RULES_OF_SIGNS: Mapping[str, Callable[[Context, bool], str]] = {
    '-': _minus,
    '+': _plus,
    '/': _slash,
    '&': _ampersand,
    '→': _arrow,
    '⇒': _arrow,
    '↑': _rise,
    '↓': _fall,
    '°': _degree,
    '#': _hash,
    '@': _at,
    '~': _wave,
    '～': _wave,
    '〜': _wave,
    '^': _caret,
    '"': _inches,
}
