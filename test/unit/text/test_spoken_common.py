"""The pieces of a text: what each notation is taken for."""

from __future__ import annotations

import pytest

from gptsovits_ros.text.spoken.common import (
    Kind,
    Number,
    Piece,
    code_words,
    find_pieces,
    fold,
    number,
    roman,
)
from gptsovits_ros.text.spoken.en_reader import EnglishReader
from gptsovits_ros.text.spoken.ja import JapaneseReader
from gptsovits_ros.text.spoken.ko import KoreanReader
from gptsovits_ros.text.spoken.reader import METHODS, PieceReader

from .spoken_scoring import random_texts


@pytest.mark.parametrize(
    ('written', 'kind', 'words'),
    [
        ('2026-11-23', Kind.DATE, ('2026', '11', '23')),
        ('11/23/2026', Kind.DATE, ('2026', '11', '23')),
        ('23/11/2026', Kind.DATE, ('2026', '11', '23')),
        ('2026-11', Kind.DATE, ('2026', '11', '')),
        ('3:05 p.m.', Kind.TIME, ('3', '05', '', 'pm')),
        ('23:59:59', Kind.TIME, ('23', '59', '59', '')),
        ('8:30-22:00', Kind.TIME_RANGE, ('8', '30', '', '', '22', '00', '', '')),
        ('9am-5pm', Kind.TIME_RANGE, ('9', '', '', 'am', '5', '', '', 'pm')),
        ('+86 138-0013-8000', Kind.PHONE, ('+86', '138', '0013', '8000')),
        ('+1 (555) 010-1234', Kind.PHONE, ('+1', '555', '010', '1234')),
        ('03-1234-5678', Kind.PHONE, ('03', '1234', '5678')),
        ('8-3-1201', Kind.SERIAL, ('8', '3', '1201')),
        ('6217 0001 2345 6789', Kind.SERIAL, ('6217', '0001', '2345', '6789')),
        ('v2.10.3', Kind.VERSION, ('v', '2', '10', '3')),
        ('1.2.3', Kind.VERSION, ('', '1', '2', '3')),
        ('192.168.1.1:80', Kind.IP, ('192', '168', '1', '1', ':', '80')),
        ('10.0.0.1', Kind.IP, ('10', '0', '0', '1', '', '')),
        ('me@x.org', Kind.EMAIL, ('me', '@', 'x', '.', 'org')),
        ('https://x.org/a', Kind.URL, ('x', '.', 'org', '/', 'a')),
        ('main.py', Kind.PATH, ('main', '.', 'py')),
        ('/etc/hosts', Kind.PATH, ('/', 'etc', '/', 'hosts')),
        ('max_len', Kind.CODE, ('max', '_', 'len')),
        ('getName', Kind.CODE, ('get', 'Name')),
        ("don't", Kind.LATIN, ("don't",)),
        ('→', Kind.SYMBOL, ('→',)),
        ('km/h', Kind.UNIT, ('km/h',)),
        ('👨‍👩‍👧', Kind.EMOJI, ('👨👩👧',)),
    ],
)
def test_a_notation_is_one_piece_with_words(
    written: str, kind: Kind, words: tuple[str, ...]
) -> None:
    (piece,) = find_pieces(written)
    assert (piece.kind, piece.words) == (kind, words)


@pytest.mark.parametrize(
    ('written', 'kind', 'numbers', 'words'),
    [
        ('1,299', Kind.INTEGER, ['1,299'], ()),
        ('-3', Kind.INTEGER, ['-3'], ()),
        ('.5', Kind.DECIMAL, ['.5'], ()),
        ('1.5e-3', Kind.SCIENTIFIC, ['1.5', '-3'], ()),
        ('3/4', Kind.FRACTION, ['3', '4'], ()),
        ('1½', Kind.FRACTION, ['1', '1', '2'], ()),
        ('22nd', Kind.ORDINAL, ['22'], ()),
        ('③', Kind.ENCLOSED, ['3'], ()),
        ('Ⅳ', Kind.ROMAN, ['4'], ()),
        ('-2.75%', Kind.PERCENT, ['-2.75'], ('%',)),
        ('60 km/h', Kind.QUANTITY, ['60'], ('km/h',)),
        ('-3℃', Kind.QUANTITY, ['-3'], ('°C',)),
        ('30㎡', Kind.QUANTITY, ['30'], ('m2',)),
        ('$2.4B', Kind.MONEY, ['2.4'], ('$', 'B')),
        ('-€3', Kind.MONEY, ['-3'], ('EUR', '')),
        ('20.5万 USD', Kind.MONEY, ['20.5'], ('USD', '万')),
        ('5-12', Kind.RANGE, ['5', '12'], ('-', '', '', '')),
        ('-3℃~8℃', Kind.RANGE, ['-3', '8'], ('~', '', '°C', '°C')),
        ('¥5~8', Kind.RANGE, ['5', '8'], ('~', '¥', '', '')),
        ('16:9', Kind.RATIO, ['16', '9'], ()),
    ],
)
def test_a_notation_is_one_piece_with_numbers(
    written: str, kind: Kind, numbers: list[str], words: tuple[str, ...]
) -> None:
    (piece,) = find_pieces(written)
    assert piece == Piece(kind, fold(written), tuple(map(number, numbers)), words)


@pytest.mark.parametrize(
    ('written', 'kinds'),
    [
        ('3-5=-2', 'INTEGER SYMBOL INTEGER SYMBOL INTEGER'),
        ('x=-3', 'LATIN SYMBOL INTEGER'),
        ('x²+1', 'LATIN EXPONENT SYMBOL INTEGER'),
        ('2h15min', 'QUANTITY QUANTITY'),
        ('GPT-4', 'LATIN SYMBOL INTEGER'),
        ('C++', 'LATIN SYMBOL SYMBOL'),
        ('1,2,3', 'INTEGER TEXT INTEGER TEXT INTEGER'),
    ],
)
def test_signs_and_operators_are_told_apart(written: str, kinds: str) -> None:
    assert [piece.kind.name for piece in find_pieces(written)] == kinds.split()


def test_folding_writes_each_sign_in_one_way() -> None:
    assert (
        fold('０８：００，１２％＋Ａ−１　ｋｇ㎡ ½ 3½ CO₂ ❤\ufe0f')
        == '08:00，12%+A-1 kgm2 1/2 3 1/2 CO2 ❤'
    )


def test_the_pieces_make_up_the_folded_text() -> None:
    for text in random_texts(200):
        pieces = find_pieces(text)
        assert ''.join(piece.text for piece in pieces) == fold(text)
        kinds = [piece.kind for piece in pieces]
        assert (Kind.TEXT, Kind.TEXT) not in zip(kinds, kinds[1:], strict=False)


def test_a_number_keeps_its_digits() -> None:
    assert number('-1,299.50') == Number('1299', '50', '-', grouped=True)


@pytest.mark.parametrize(
    ('text', 'value'), [('IV', 4), ('XIV', 14), ('MCMXCIX', 1999), ('IIII', None), ('', None)]
)
def test_roman_numerals_have_one_regular_form(text: str, value: int | None) -> None:
    assert roman(text) == value


def test_code_is_cut_at_signs_digits_and_capitals() -> None:
    assert code_words('getUser_id2.HTTPServer') == (
        'get', 'User', '_', 'id', '2', '.', 'HTTP', 'Server',
    )  # fmt: skip


@pytest.mark.parametrize('reader', [EnglishReader, JapaneseReader, KoreanReader])
@pytest.mark.parametrize('kind', Kind)
def test_each_reader_has_a_method_for_each_kind(reader: type[PieceReader], kind: Kind):
    assert callable(getattr(reader, METHODS[kind]))
