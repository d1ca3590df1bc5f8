"""Numbers in Korean text as words (gptsovits-spec section 4.9).

The words are what the official frontend makes of digits, with its oddities: 110000 is "십만",
since 일 (one) is dropped before every unit up to 만. The voices were trained on them.
"""

from __future__ import annotations

import re

_DIGITS = '영일이삼사오육칠팔구'
# Units of the sixteen places from the right; a group of four places shares 만, 억 or 조.
_UNITS = ('', *'십백천만십백천억십백천조십백천')
_ONE_IS_SILENT = range(1, 8)  # the places whose unit is said without 일
_NATIVE_ONES = ('', '한', '두', '세', '네', '다섯', '여섯', '일곱', '여덟', '아홉')
_NATIVE_TENS = ('', '열', '스물', '서른', '마흔', '쉰', '예순', '일흔', '여든', '아흔')
_ANY_DIGIT = re.compile('[0-9]')


def digits(text: str) -> str:
    """Return the text with each digit 0..9 as its Sino-Korean name."""
    return _ANY_DIGIT.sub(lambda match: _DIGITS[int(match[0])], text)


def cardinal(number: str, native: bool = False) -> str:
    """Return a count as words.

    Args:
        number: digits 0..9; with more than 16 of them, they are read one by one.
        native: say tens and ones in native words (한, 두, ...), as before most counters.

    """
    if len(number) > len(_UNITS):
        return digits(number)
    if number == '0':
        return '영'
    if native and number == '20':
        return '스무'
    places = list(enumerate(reversed(number)))
    return ''.join(_place(number, place, int(digit), native) for place, digit in reversed(places))


def _place(number: str, place: int, digit: int, native: bool) -> str:
    """Return the words of one digit, with its unit."""
    if digit == 0:
        group_is_empty = not int(number[: len(number) - place][-4:])
        return '' if place % 4 or group_is_empty else _UNITS[place]
    if native and place == 0:
        return _NATIVE_ONES[digit]
    if native and place == 1:
        return _NATIVE_TENS[digit]
    if digit == 1 and place in _ONE_IS_SILENT:
        return _UNITS[place]
    return _DIGITS[digit] + _UNITS[place]
