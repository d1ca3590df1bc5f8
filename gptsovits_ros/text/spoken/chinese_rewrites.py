"""Notations of Chinese text that are rewritten before its pieces are read."""

from __future__ import annotations

import re

from gptsovits_ros.text.numbers_zh import cardinal, digits
from gptsovits_ros.text.spoken.chinese_numbers import counts
from gptsovits_ros.text.spoken.dialect import Dialect

_AFTER = 16  # characters that tell whether something is counted

# "5月1日-5日", "3楼~5楼", "5元-10元": the hyphen stands between two numbers with their words.
_WORDED_RANGE = re.compile(
    '([0-9][\u4e00-\u9fff]{1,3}) ?[-~～〜–—―]{1,2} ?(?=-?[0-9])'
    '|(?<=[周週][一二三四五六日末]) ?[-~～〜–—―]{1,2} ?(?=[周週]?[一二三四五六日末])'
    '|(?<=星期[一二三四五六日天]) ?[-~～〜–—―]{1,2} ?(?=星期)'
    '|(?<=[0-9][kKwWMG])[-~～〜–—―](?=[0-9])|(?<=[A-Z][0-9])[-~～〜–—―](?=[A-Z][0-9])'
)
# Days that are names: "9·18事变", "3.15晚会", "618大促".
_NAMED_DAY = re.compile(
    '(?<![0-9.])([0-9]{1,2})[·.]?([0-9]{1,2})'
    '(?=(?:事变|事變|事件|晚会|晚會|运动|運動|惨案|大促|大地震|地震|购物节|購物節|狂欢))'
)
_HOLIDAY = re.compile('(?<![0-9.])(5|10)[·.]1(?=假期|黄金周|长假|小长假|劳动节|国庆)')
_MINUTES_AND_SECONDS = re.compile("(?<![0-9])([0-9]{1,2})['′]([0-9]{2})(?:[\"″]|'')")
_FEET_AND_INCHES = re.compile('(?<![0-9])([1-9])[\'′]([0-9]|1[01])["″]')
_SEVERAL = re.compile('(?<![0-9.])([1-9])[、,，]([1-9])(?![0-9.])')
_NUMBER_SIGN = re.compile(
    '(?:(?<![A-Za-z])[Nn][Oo]\\.|№) ?(?=[0-9])|(?<=[0-9])#(?=[\u4e00-\u9fff])'
)
_LATIN_PHRASES = re.compile('(?<![A-Za-z])(e\\.g\\.|i\\.e\\.|etc\\.)(?![A-Za-z])')
_PHRASES = {'e.g.': '例如', 'i.e.': '即', 'etc.': '等等'}


def rewritten(sentence: str, dialect: Dialect) -> str:
    """Return a folded sentence in plainer notation, with words of the dialect."""
    sentence = _WORDED_RANGE.sub(lambda match: (match[1] or '') + dialect.to, sentence)
    sentence = _NAMED_DAY.sub(lambda match: digits(match[1] + match[2]), sentence)
    sentence = _HOLIDAY.sub(lambda match: cardinal(match[1]) + '一', sentence)
    sentence = _FEET_AND_INCHES.sub(
        r'\1英尺\2英寸', _MINUTES_AND_SECONDS.sub(r'\1分\2秒', sentence)
    )
    sentence = _SEVERAL.sub(lambda match: _several(match).translate(dialect.written), sentence)
    sentence = _NUMBER_SIGN.sub(lambda match: '号' if match[0] == '#' else '第', sentence)
    return _LATIN_PHRASES.sub(lambda match: _PHRASES[match[0]], sentence)


def _several(match: re.Match[str]) -> str:
    """Return "2、3" before something counted as 两三."""
    low, high = match.groups()
    after = match.string[match.end() : match.end() + _AFTER]
    if int(high) - int(low) != 1 or not counts(after):
        return match[0]
    return ('两' if low == '2' else digits(low)) + digits(high)
