"""Numbers in English words, as the voices were trained to hear them.

The strings equal those of the `inflect` package with `andword=''` (whose import takes seconds),
the comma between groups of thousands included: it becomes a short pause.
"""

from __future__ import annotations

_ONES = (
    'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen '
    'fifteen sixteen seventeen eighteen nineteen'
).split()
_TENS = 'zero ten twenty thirty forty fifty sixty seventy eighty ninety'.split()
_GROUPS = [
    '',
    *(
        'thousand million billion trillion quadrillion quintillion sextillion septillion '
        'octillion nonillion decillion'
    ).split(),
]
_IRREGULAR_ORDINALS = {
    'one': 'first',
    'two': 'second',
    'three': 'third',
    'five': 'fifth',
    'eight': 'eighth',
    'nine': 'ninth',
    'twelve': 'twelfth',
}
_LONGEST = 3 * len(_GROUPS)  # digits that have a name; longer numbers are read digit by digit


def digits(text: str) -> str:
    """Return the digits of a text one by one: "05" is "zero five"."""
    return ' '.join(_ONES[int(digit)] for digit in text)


def _below_hundred(number: int) -> str:
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return f'{_TENS[tens]}-{_ONES[ones]}' if ones else _TENS[tens]


def _below_thousand(number: int, joint: str) -> str:
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return _below_hundred(rest)
    head = f'{_ONES[hundreds]} hundred'
    return f'{head}{joint}{_below_hundred(rest)}' if rest else head


def _groups(text: str) -> list[int]:
    """Return groups of three digits, the lowest first."""
    return [int(text[max(0, end - 3) : end]) for end in range(len(text), 0, -3)]


def cardinal(text: str, use_and: bool = False) -> str:
    """Return a whole number in words: "12345" is "twelve thousand, three hundred forty-five".

    Args:
        text: decimal digits only, at least one; leading zeros do not count.
        use_and: say "one hundred and one" instead of "one hundred one".

    """
    text = text.lstrip('0') or '0'
    if len(text) > _LONGEST:
        return digits(text)
    if text == '0':
        return _ONES[0]
    joint = ' and ' if use_and else ' '
    lowest, *higher = _groups(text)
    words = [
        f'{_below_thousand(group, joint)} {_GROUPS[place]}'
        for place, group in reversed(list(enumerate(higher, start=1)))
        if group
    ]
    if lowest >= 100:
        words.append(_below_thousand(lowest, joint))
    head = ', '.join(words)
    if lowest >= 100 or not lowest:
        return head
    return f'{head}{joint}{_below_hundred(lowest)}' if head else _below_hundred(lowest)


def ordinal(text: str) -> str:
    """Return a rank in words: "22" is "twenty-second", "101" is "one hundred and first"."""
    words = cardinal(text, use_and=True)
    start = max(words.rfind(' '), words.rfind('-')) + 1
    last = words[start:]
    if last in _IRREGULAR_ORDINALS:
        return words[:start] + _IRREGULAR_ORDINALS[last]
    if last.endswith('y'):
        return words[:-1] + 'ieth'
    return words + ('h' if last.endswith('t') else 'th')


def year(number: int) -> str:
    """Return a number of four digits the way years are read: 1905 is "nineteen oh five".

    Args:
        number: from 1001 to 2999.

    """
    century, rest = divmod(number, 100)
    if 2000 <= number < 2010:
        return 'two thousand' + (f' {_ONES[rest]}' if rest else '')
    if not rest:
        return f'{_below_hundred(century)} hundred'
    tail = f'oh {_ONES[rest]}' if rest < 10 else _below_hundred(rest)
    return f'{_below_hundred(century)} {tail}'
