"""Chinese text as it is said, for Mandarin and Cantonese; a dialect holds what differs."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from gptsovits_ros.text.numbers_zh import cardinal, digits
from gptsovits_ros.text.spoken import chinese_measures, chinese_signs, chinese_times
from gptsovits_ros.text.spoken.chinese_numbers import (
    Context,
    grouped,
    integer,
    plain,
    quantity,
    sign_word,
)
from gptsovits_ros.text.spoken.chinese_rewrites import rewritten
from gptsovits_ros.text.spoken.chinese_words import unit_name
from gptsovits_ros.text.spoken.common import Kind, Piece, find_pieces, fold, roman
from gptsovits_ros.text.spoken.dialect import Dialect
from gptsovits_ros.text.spoken.latin import spoken_code, spoken_word
from gptsovits_ros.text.spoken.marks import with_plain_marks, without_layout
from gptsovits_ros.text.spoken.units import SIMPLE_UNITS

# A full stop ends a sentence before a space or a Han character, but not in "No. 5", "p.m. on".
_SENTENCE = re.compile(
    r'(?:[^。！？；!?\n.]|\.(?![\s\u4e00-\u9fff])|(?<=[Nn]o)\.|(?<=\.[a-zA-Z])\.)*'
    r'(?:[。！？；!?\n]+|\.|$)'
)
_ENTITY = re.compile('&(?:[A-Za-z]{2,8}|#[0-9]{1,6});')
_HAN = re.compile('[\u3400-\u9fff\uf900-\ufaff]')
_ENGLISH_WORD = re.compile(r"(?:(?<=\s)|^)(?![ap]m|[ckm][gml])[A-Za-z]?[a-z']+(?=[\s,.;:]|$)")
_NEXT_TO, _AROUND = 16, 40  # characters of context

_ROMAN_BEFORE = re.compile('[第表图圖附录錄卷章世型期级級类]$')
_SMALL_NUMERAL = re.compile('[IVX]{1,7}')
_ROMAN_AFTER = re.compile('[级級期型类章节節卷部世度代篇册号線线]')
_MONEY_AFTER = re.compile('元|块|塊|美元|欧元|英镑|日元|港元|蚊')
_TIMES_BEFORE, _TIMES_AFTER = re.compile('[0-9](?:[a-z]{1,2}[²³]?)? ?$'), re.compile(' ?[0-9]')
_MAGNITUDES = {'w': '万', 'M': '兆'}
_START_BEFORE = re.compile('(?:^|[，。、：；,:;(（ ])$')

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
    if context.after[:1] == 'w' and not context.after[1:2].isascii():
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
    Kind.SYMBOL: chinese_signs.symbol,
    Kind.EMOJI: lambda piece, context, dialect: '',
}
