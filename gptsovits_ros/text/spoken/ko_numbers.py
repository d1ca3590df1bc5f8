"""Numbers in Korean: Sino-Korean (일, 이, 삼), native (하나, 둘; 한, 두 before counters), digits.

Unlike `numbers_ko`, which keeps the habits of the official frontend, this is what people say.
"""

from __future__ import annotations

from gptsovits_ros.text.spoken.piece import Number

_DIGITS = '영일이삼사오육칠팔구'
_PLACES = ('', '십', '백', '천')
_GROUPS = ('', '만', '억', '조', '경')
_LONGEST = 4 * len(_GROUPS)
_TENS = ('', '열', '스물', '서른', '마흔', '쉰', '예순', '일흔', '여든', '아흔')
_ONES = ('', '한', '두', '세', '네', '다섯', '여섯', '일곱', '여덟', '아홉')
_SIGNS = {'': '', '-': '마이너스 ', '+': '플러스 ', '±': '플러스마이너스 '}


def digits(text: str, zero: str = '공') -> str:
    """Return the digits one by one: "010" is 공일공."""
    return ''.join(zero if digit == '0' else _DIGITS[int(digit)] for digit in text)


def sino(text: str) -> str:
    """Return a count of digits 0..9: "12900" is 만 이천구백; too long ones as digits."""
    text = text.lstrip('0')
    if not text:
        return '영'
    if len(text) > _LONGEST:
        return digits(text)
    groups = [text[max(0, end - 4) : end] for end in range(len(text), 0, -4)]
    words = []
    for place, group in reversed(list(enumerate(groups))):
        if int(group):
            # 만 alone is said without 일, 억 and above with it.
            number = '' if place == 1 and int(group) == 1 and len(groups) == 2 else _group(group)
            words.append(number + _GROUPS[place])
    return ' '.join(words)


def _group(text: str) -> str:
    return ''.join(
        ('' if digit == '1' and place else _DIGITS[int(digit)]) + _PLACES[place]
        for place, digit in zip(range(len(text) - 1, -1, -1), text, strict=True)
        if digit != '0'
    )


def native(text: str) -> str:
    """Return a count as it is said before native counters: "21" is 스물한.

    0 and counts above 99 are Sino-Korean.
    """
    if not is_native_size(text):
        return sino(text)
    tens, ones = divmod(int(text), 10)
    return '스무' if (tens, ones) == (2, 0) else _TENS[tens] + _ONES[ones]


def is_native_size(text: str) -> bool:
    """Tell whether a count has native words."""
    text = text.lstrip('0')
    return 0 < len(text) <= 2


def spoken(value: Number, minus: str = '') -> str:
    """Return a number with its sign; "3.5" is 삼 점 오.

    Args:
        value: the number.
        minus: the word for a minus sign, if another than 마이너스.

    """
    sign = f'{minus} ' if minus and value.sign == '-' else _SIGNS[value.sign]
    whole = sino(value.integer)
    if not value.decimals:
        return sign + whole
    return f'{sign}{whole} 점 {digits(value.decimals, "영")}'


def scaled(value: Number, zeros: int) -> str:
    """Return a number times a power of ten: "2.4" times a billion is 이십사억."""
    whole = value.scaled(zeros)
    return spoken(value if whole is None or len(whole.integer) > _LONGEST else whole)


def fraction(numerator: Number, denominator: Number) -> str:
    """Return a part of a whole: "3/4" is 사분의 삼."""
    return f'{_SIGNS[numerator.sign]}{sino(denominator.integer)}분의 {sino(numerator.integer)}'
