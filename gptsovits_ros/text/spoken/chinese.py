"""Chinese text as it is said, for Mandarin and Cantonese; a dialect holds what differs."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from gptsovits_ros.text.numbers_zh import cardinal, digits
from gptsovits_ros.text.spoken import chinese_measures, chinese_times
from gptsovits_ros.text.spoken.chinese_numbers import (
    Context,
    counts,
    grouped,
    integer,
    plain,
    quantity,
    sign_word,
)
from gptsovits_ros.text.spoken.chinese_rewrites import rewritten
from gptsovits_ros.text.spoken.chinese_words import SYMBOLS, unit_name
from gptsovits_ros.text.spoken.common import Kind, Piece, find_pieces, fold, roman
from gptsovits_ros.text.spoken.dialect import Dialect
from gptsovits_ros.text.spoken.latin import spoken_code, spoken_word
from gptsovits_ros.text.spoken.marks import with_plain_marks, without_layout
from gptsovits_ros.text.spoken.units import SIMPLE_UNITS, UNIT

_SENTENCE = re.compile(r'[^。！？；!?\n]*(?:[。！？；!?\n]+|$)')
_ENTITY = re.compile('&(?:[A-Za-z]{2,8}|#[0-9]{1,6});')
_HAN = re.compile('[\u3400-\u9fff\uf900-\ufaff]')
_ENGLISH_WORD = re.compile(r"(?:(?<=\s)|^)(?![ap]m|[ckm][gml])[A-Za-z]?[a-z']+(?=[\s,.;:]|$)")
_NEXT_TO, _AROUND = 16, 40  # characters of context

_ROMAN_BEFORE = re.compile('[第表图圖附录錄卷章世型期级級类]$')
_SMALL_NUMERAL = re.compile('[IVX]{1,7}')
_ROMAN_AFTER = re.compile('[级級期型类章节節卷部世度代篇册号線线]')
_MONEY_AFTER = re.compile('元|块|塊|美元|欧元|英镑|日元|港元|蚊')
_PER_BEFORE = re.compile('[0-9][^，。！？；：、\\s/]{0,6}$')
_OPERAND_BEFORE = re.compile('[0-9A-Za-z)²³°%\u0391-\u03c9] ?$')
_OPERAND_AFTER = re.compile(' ?[-+(√]?[0-9A-Za-z\u0391-\u03c9]')
_DIGIT_BEFORE, _DIGIT_AFTER = re.compile('[0-9)²³] ?$'), re.compile(' ?[-(]?[0-9]')
_PER_AFTER = re.compile(f'(?:{UNIT})|[0-9]{{1,4}} ?(?:k?m|m[lL]|k?g|L)(?![A-Za-z])')
_TIMES_BEFORE, _TIMES_AFTER = re.compile('[0-9](?:[a-z]{1,2}[²³]?)? ?$'), re.compile(' ?[0-9]')
_MAGNITUDES = {'w': '万', 'M': '兆'}
_NUMBER_AFTER = re.compile(' ?[-+.]?[0-9]')
_OTHER_OPERATOR = re.compile('[=+×÷]')
_CODE_GROUP_BEFORE = re.compile('[A-Za-z]-?[0-9]{1,12}$')
_VARIABLE_AFTER = re.compile('[a-z](?![A-Za-z])')
_START_BEFORE = re.compile('(?:^|[，。、：；,:;(（ ])$')
_ZERO_AFTER = re.compile('0[0-9]')
_LETTER_BEFORE, _LETTER_AFTER = re.compile('[A-Za-z]$'), re.compile('[A-Za-z]')

_Reading = Callable[[Piece, Context, Dialect], str]


def speak(text: str, dialect: Dialect) -> str:
    """Return the text as it is said in a dialect; any text is accepted."""
    text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    text = without_layout(fold(text))
    sentences = (_sentence(sentence, dialect) for sentence in _SENTENCE.findall(text))
    return with_plain_marks(''.join(sentences))


def _sentence(sentence: str, dialect: Dialect) -> str:
    if not _HAN.search(sentence) and len(_ENGLISH_WORD.findall(sentence)) > 1:
        return sentence  # English, which has its own rules
    sentence = rewritten(sentence, dialect)
    spoken: list[str] = []
    position = 0
    for piece in find_pieces(sentence):
        end = position + len(piece.text)
        if piece.kind is Kind.TEXT:
            spoken.append(piece.text)
        else:
            context = Context(
                before=sentence[max(0, position - _NEXT_TO) : position],
                after=sentence[end : end + _NEXT_TO],
                around=sentence[max(0, position - _AROUND) : end + _AROUND],
            )
            words = _READINGS[piece.kind](piece, context, dialect)
            words = words.replace('两百', dialect.two_hundred)
            spoken.append(words.translate(dialect.written))
        position = end
    return ''.join(spoken)


def _latin(piece: Piece, context: Context, dialect: Dialect) -> str:
    word = piece.text
    is_numeral = _ROMAN_BEFORE.search(context.before) or (
        len(word) > 1 and _ROMAN_AFTER.match(context.after)
    )
    # Larger numerals look like sizes and brands: XL, CD, MIX.
    value = roman(word) if is_numeral and _SMALL_NUMERAL.fullmatch(word) else None
    if value:
        return cardinal(str(value))
    if _TIMES_BEFORE.search(context.before) and _TIMES_AFTER.match(context.after) and word in 'xX':
        return '乘'
    if context.before[-1:].isdigit():
        if word in _MAGNITUDES:
            return _MAGNITUDES[word]
        if len(word) > 1 and word in SIMPLE_UNITS:
            return unit_name(word, dialect.units)
    if word.isupper() and '&' in (context.before[-1:], context.after[:1]):
        return ' '.join(word)
    return spoken_word(word)


def _integer(piece: Piece, context: Context, dialect: Dialect) -> str:
    number = piece.numbers[0]
    if context.after[:1] == 'w' and not _LETTER_AFTER.match(context.after[1:]):
        return quantity(number)
    return integer(number, context, dialect.one)


def _decimal(piece: Piece, context: Context, dialect: Dialect) -> str:
    number = piece.numbers[0]
    if context.after[:1] == '折':
        return digits(number.integer + number.decimals)
    if _MONEY_AFTER.match(context.after):
        return plain(replace(number, decimals=number.decimals.rstrip('0')))
    return plain(number)


def _scientific(piece: Piece, context: Context, dialect: Dialect) -> str:
    mantissa, exponent = map(plain, piece.numbers)
    return f'{mantissa}乘十的{exponent.removeprefix("正")}次方'


def _fraction(piece: Piece, context: Context, dialect: Dialect) -> str:
    *whole, numerator, denominator = piece.numbers
    if context.before[-2:] in ('血压', '血壓') or '24/7' == piece.text:
        return f'{plain(numerator)}，{plain(denominator)}'
    words = sign_word(numerator) + cardinal(denominator.integer) + dialect.parts
    words += cardinal(numerator.integer)
    return f'{plain(whole[0])}又{words}' if whole else words


def _first_number(piece: Piece, context: Context, dialect: Dialect) -> str:
    return plain(piece.numbers[0]) if piece.numbers else piece.words[0]


def _enclosed(piece: Piece, context: Context, dialect: Dialect) -> str:
    words = plain(piece.numbers[0])
    return f'{words}、' if _START_BEFORE.search(context.before) else words


def _ordinal(piece: Piece, context: Context, dialect: Dialect) -> str:
    return '第' + plain(piece.numbers[0])


def _exponent(piece: Piece, context: Context, dialect: Dialect) -> str:
    base = context.before[-1:]
    if (
        not (base.isascii() and base.isalnum())
        and base != ')'
        and not '\u0391' <= base <= '\u03c9'
    ):
        return ''  # a footnote
    if not piece.numbers:
        return f'的{piece.words[0]}次方'
    power = plain(piece.numbers[0]).removeprefix('正')
    if power == '二' or (power == '三' and not base.isdigit()):
        return '的平方' if power == '二' else '的立方'
    return f'的{power}次方'


def _percent(piece: Piece, context: Context, dialect: Dialect) -> str:
    return chinese_measures.measure(piece.numbers[0], piece.words[0], dialect)


def _unit(piece: Piece, context: Context, dialect: Dialect) -> str:
    return dialect.celsius if piece.text == '°C' else unit_name(piece.text.strip(), dialect.units)


def _serial(piece: Piece, context: Context, dialect: Dialect) -> str:
    return '，'.join(grouped(group, dialect.one) for group in piece.words)


def _phone(piece: Piece, context: Context, dialect: Dialect) -> str:
    groups = piece.words
    words = [grouped(group.lstrip('+'), dialect.one) for group in groups]
    return ('加' if groups[0].startswith('+') else '') + '，'.join(words)


def _version(piece: Piece, context: Context, dialect: Dialect) -> str:
    letter, *parts = piece.words
    return letter.upper() + '点'.join(
        cardinal(part) if len(parts) == 1 else digits(part) for part in parts
    )


def _ip(piece: Piece, context: Context, dialect: Dialect) -> str:
    *address, sign, rest = piece.words
    words = '点'.join(map(digits, address))
    return words + dialect.code_signs[sign] + digits(rest) if sign else words


def _code(piece: Piece, context: Context, dialect: Dialect) -> str:
    figures = str.maketrans({str(value): digits(str(value)) for value in range(10)})
    return spoken_code(piece.words, dialect.code_signs, figures)


def _symbol(piece: Piece, context: Context, dialect: Dialect) -> str:
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
    if re.search('(?<![A-Za-z])[CFJ]$', context.before):
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
    return '英寸' if context.before[-1:].isdigit() else '"'


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

_READINGS: Mapping[Kind, _Reading] = {
    Kind.LATIN: _latin,
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.SCIENTIFIC: _scientific,
    Kind.FRACTION: _fraction,
    Kind.ORDINAL: _ordinal,
    Kind.ENCLOSED: _enclosed,
    Kind.ROMAN: _first_number,
    Kind.EXPONENT: _exponent,
    Kind.PERCENT: _percent,
    Kind.QUANTITY: chinese_measures.piece_quantity,
    Kind.UNIT: _unit,
    Kind.MONEY: chinese_measures.money,
    Kind.RANGE: chinese_measures.piece_range,
    Kind.RATIO: chinese_times.ratio,
    Kind.SERIAL: _serial,
    Kind.DATE: chinese_times.date,
    Kind.TIME: chinese_times.time,
    Kind.TIME_RANGE: chinese_times.time_range,
    Kind.PHONE: _phone,
    Kind.VERSION: _version,
    Kind.IP: _ip,
    Kind.EMAIL: _code,
    Kind.URL: _code,
    Kind.PATH: _code,
    Kind.CODE: _code,
    Kind.SYMBOL: _symbol,
    Kind.EMOJI: lambda piece, context, dialect: '',
}
