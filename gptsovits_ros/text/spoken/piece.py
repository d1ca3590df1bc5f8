"""The values of the spoken forms: numbers and pieces of text as they are written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What a piece is, and what its `numbers` (N) and `words` (W) hold.

    All words are as written, an absent one is ''.
    """

    TEXT = auto()  # all else: words in other scripts than Latin, marks, spaces
    LATIN = auto()  # "iPhone", "API", "don't", "naïve"; W: the word
    INTEGER = auto()  # "12", "-3", "1,299"; N: it
    DECIMAL = auto()  # "0.5", ".5"; N: it
    SCIENTIFIC = auto()  # "1.5e-3"; N: mantissa, exponent
    FRACTION = auto()  # "3/4", "1 1/2"; N: numerator, denominator; or whole number and both
    ORDINAL = auto()  # "2nd"; N: it
    ENCLOSED = auto()  # "③" or "㈢"; N: it
    ROMAN = auto()  # "Ⅳ"; N: it (ASCII "IV" is LATIN: see `common.roman`)
    EXPONENT = auto()  # "²", "^10"; N: it, or W: a letter ("ⁿ")
    PERCENT = auto()  # "5%", "5‰"; N: it; W: the sign
    QUANTITY = auto()  # "60 km/h", "-3.5°C", "5°"; N: it; W: the unit, see units.UNIT
    UNIT = auto()  # a unit without a number: "km/h", "m" in "5元/m"; W: it
    MONEY = auto()  # "$2.4B", "20 €"; N: it; W: currency code, magnitude ("B", "万", "million")
    RANGE = auto()  # "5-12", "¥5~8", "-3°C~8°C"; N: both; W: sign, currency code, unit of each
    RATIO = auto()  # "16:9", "3:2:1"; N: all
    SERIAL = auto()  # three or more groups of digits with hyphens, or of four with spaces; W: them
    DATE = auto()  # "2026-11-23", "2026/1/5", "11/23/2026"; W: year, month, day ("2026-11": '')
    TIME = auto()  # "3:05", "23:59:59", "3:05 p.m."; W: hour, minute, second, "am" or "pm"
    TIME_RANGE = auto()  # "8:30-22:00", "9am-5pm"; W: the four of both times
    PHONE = auto()  # "+86 138-0013-8000"; W: the groups, the first with its "+"
    VERSION = auto()  # "v2.10.3", "1.2.3", "v2"; W: the letter or '', then the parts
    IP = auto()  # "192.168.1.1:80", "10.0.0.0/8"; W: four parts, sign and number behind, or ''
    EMAIL = auto()  # W: see `common.code_words`
    URL = auto()  # W: see `common.code_words`, without the scheme
    PATH = auto()  # "/etc/hosts", "C:\temp", "main.py"; W: see `common.code_words`
    CODE = auto()  # "max_len", "--no-deps", "getName", "foo()"; W: see `common.code_words`
    SYMBOL = auto()  # one sign: + - × ÷ = ≈ < > ± → & @ # % * / ...; W: it
    EMOJI = auto()  # emoji, dingbats and other pictures: silent


@dataclass(frozen=True)
class Number:
    """A number as written: the digits on both sides of the point.

    `sign` is '', '-', '+' or '±'. `grouped`: written with group marks ("1,299"), which `integer`
    does not hold.
    """

    integer: str
    decimals: str = ''
    sign: str = ''
    grouped: bool = False

    def scaled(self, zeros: int) -> Number | None:
        """Return this times a power of ten, or None if digits stay behind the point."""
        decimals = self.decimals.rstrip('0')
        if len(decimals) > zeros:
            return None
        return Number(self.integer + decimals.ljust(zeros, '0'), '', self.sign)


@dataclass(frozen=True)
class Piece:
    """A stretch of folded text; `Kind` tells what `numbers` and `words` hold."""

    kind: Kind
    text: str
    numbers: tuple[Number, ...] = ()
    words: tuple[str, ...] = ()


def number(text: str) -> Number:
    """Return a number from its notation, e.g. "-1,299.50" or ".5"."""
    sign = text[0] if text[0] in '+-±' else ''
    integer, _, decimals = text[len(sign) :].strip().partition('.')
    return Number(integer.replace(',', ''), decimals, sign, ',' in integer)
