"""What Mandarin and Cantonese say differently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gptsovits_ros.text.spoken import chinese_words


@dataclass(frozen=True)
class Dialect:
    """The habits of one kind of Chinese; words are simplified until `written` is applied."""

    one: str = '幺'  # 1 in telephone numbers and codes
    day: str = '日'  # of a date
    to: str = '到'  # between the ends of a range
    parts: str = '分之'  # in 3/4
    two_hundred: str = '两百'
    half: str = ''  # minute 30, if it has a word of its own
    celsius: str = '摄氏度'
    units: Mapping[str, str] = field(default_factory=lambda: chinese_words.UNITS)
    currencies: Mapping[str, str] = field(default_factory=lambda: chinese_words.CURRENCIES)
    cents: tuple[str, str] = ('', '')  # a tenth and a hundredth of "$", if amounts name them
    code_signs: Mapping[str, str] = field(default_factory=lambda: chinese_words.CODE_SIGNS)
    written: Mapping[int, str] = field(default_factory=dict)  # simplified -> own characters
