"""Numbers in Japanese: kanji numerals, which Open JTalk joins with counters, and katakana.

Katakana stands where kanji numerals would be misread: for digits one by one, for decimals and for
the lower half of fractions. Hiragana is never used: it misleads the analyser.
"""

from __future__ import annotations

from collections.abc import Sequence

from gptsovits_ros.text.spoken.piece import Number

_KANJI = '〇一二三四五六七八九'
_PLACES = ('', '十', '百', '千')
_GROUPS = ('', '万', '億', '兆', '京')
_LONGEST = 4 * len(_GROUPS)
_SHORT = 'ゼロ イチ ニ サン ヨン ゴ ロク ナナ ハチ キュウ'.split()
_LONG = 'ゼロ イチ ニー サン ヨン ゴー ロク ナナ ハチ キュー'.split()
_HUNDREDS = {3: 'サンビャク', 6: 'ロッピャク', 8: 'ハッピャク'}
_THOUSANDS = {3: 'サンゼン', 8: 'ハッセン'}
# What the last sound of a number becomes before テン.
_BEFORE_POINT = (
    ('イチ', 'イッ'),
    ('ハチ', 'ハッ'),
    ('ジュウ', 'ジュッ'),
    ('ニ', 'ニー'),
    ('ゴ', 'ゴー'),
)
_SIGNS = {'': '', '-': 'マイナス', '+': 'プラス', '±': 'プラスマイナス'}


def digits(text: str) -> str:
    """Return the digits one by one, with long vowels: "025" is ゼロニーゴー."""
    return ''.join(_LONG[int(digit)] for digit in text)


def kanji(text: str) -> str:
    """Return a count of digits 0..9 in kanji: "12900" is 一万二千九百; too long ones as digits."""
    text = text.lstrip('0')
    if not text:
        return 'ゼロ'
    if len(text) > _LONGEST:
        return digits(text)
    groups = [text[max(0, end - 4) : end] for end in range(len(text), 0, -4)]
    return ''.join(
        _kanji_group(group, place > 0) + _GROUPS[place]
        for place, group in reversed(list(enumerate(groups)))
        if int(group)
    )


def _kanji_group(text: str, is_high: bool) -> str:
    words = []
    for place, digit in zip(range(len(text) - 1, -1, -1), text, strict=True):
        if digit == '0':
            continue
        # 千 and 百 are said without 一, but 一千万.
        silent = digit == '1' and 0 < place and not (place == 3 and is_high)
        words.append(('' if silent else _KANJI[int(digit)]) + _PLACES[place])
    return ''.join(words)


def katakana(text: str) -> str:
    """Return a count in katakana; from five digits on in kanji."""
    text = text.lstrip('0')
    if not text:
        return 'レイ'
    if len(text) > 4:
        return kanji(text)
    thousands, hundreds, tens, ones = map(int, text.zfill(4))
    spoken = _place(thousands, 'セン', _THOUSANDS) + _place(hundreds, 'ヒャク', _HUNDREDS)
    return spoken + _place(tens, 'ジュウ', {}) + (_SHORT[ones] if ones else '')


def _place(digit: int, unit: str, irregular: dict[int, str]) -> str:
    if digit < 2:
        return unit * digit
    return irregular.get(digit, _SHORT[digit] + unit)


def spoken(value: Number) -> str:
    """Return a number with its sign: kanji if it is whole, katakana if it has a point."""
    if not value.decimals:
        return _SIGNS[value.sign] + kanji(value.integer)
    *rest, last = value.decimals
    whole = _before_point(katakana(value.integer))
    return f'{_SIGNS[value.sign]}{whole}テン{digits("".join(rest))}{_SHORT[int(last)]}'


def pointed(parts: Sequence[str]) -> str:
    """Return the numbers of a version: 2, 10, 3 is ニーテンジュッテンサン."""
    *rest, last = (katakana(part) if part.strip('0') else digits(part) for part in parts)
    return 'テン'.join([*map(_before_point, rest), last])


def _before_point(whole: str) -> str:
    for ending, sound in _BEFORE_POINT:
        if whole.endswith(ending):
            return whole[: -len(ending)] + sound
    return whole


def scaled(value: Number, zeros: int) -> str:
    """Return a number times a power of ten: "2.4" times a billion is 二十四億."""
    whole = value.scaled(zeros)
    return spoken(value if whole is None or len(whole.integer) > _LONGEST else whole)


def fraction(numerator: Number, denominator: Number) -> str:
    """Return a part of a whole: "3/4" is ヨンブンノサン."""
    above, below = katakana(numerator.integer), katakana(denominator.integer)
    return f'{_SIGNS[numerator.sign]}{below}ブンノ{above}'
