"""Numbers as Mandarin words (gptsovits-spec section 4.6)."""

from __future__ import annotations

_DIGITS = '零一二三四五六七八九'
_PLACES = ('', '十', '百', '千')


def digits(text: str, one: str = '一') -> str:
    """Return ASCII digits read one by one: "105" -> 一零五.

    Args:
        text: ASCII digits only.
        one: the word for 1; telephone and serial numbers say 幺.

    """
    return ''.join(one if char == '1' else _DIGITS[int(char)] for char in text)


def cardinal(text: str) -> str:
    """Return ASCII digits read as one quantity: "1010" -> 一千零一十.

    Leading zeros do not count ("007" -> 七). From 10^16 on the word 亿 repeats (一亿亿).
    An empty text gives an empty string.
    """
    significant = text.lstrip('0')
    if not significant:
        return _DIGITS[0] if text else ''
    head = len(significant) % 8 or 8
    blocks = [significant[:head]]
    blocks += [significant[i : i + 8] for i in range(head, len(significant), 8)]
    words = '亿'.join(_below_1e8(block) for block in blocks)
    return words[1:] if words.startswith('一十') else words


def number(text: str) -> str:
    """Return a number with an optional decimal point in words: "3.20" -> 三点二零.

    Of several trailing zeros in the decimals one is kept (3.200 -> 三点二零). ".22" -> 零点二二.

    Args:
        text: ASCII digits with at most one ".".

    """
    integer, _, decimals = text.partition('.')
    kept = decimals.rstrip('0') + ('0' if decimals.endswith('0') else '')
    words = cardinal(integer)
    return f'{words or _DIGITS[0]}点{digits(kept)}' if kept else words


def _below_1e8(block: str) -> str:
    """Return up to eight digits in words; a block of zeros only is silent."""
    high, low = block[:-4], block[-4:]
    if not high.strip('0'):
        return _below_1e4(block)
    return f'{_below_1e4(high)}万{_below_1e4(low)}'


def _below_1e4(block: str) -> str:
    """Return digits worth less than 10^4 in words; zeros before a digit say 零 once."""
    words = ''
    skipped = False
    for index, char in enumerate(block):
        if char == '0':
            skipped = True
            continue
        if skipped:
            words += _DIGITS[0]
        words += _DIGITS[int(char)] + _PLACES[len(block) - 1 - index]
        skipped = False
    return words
