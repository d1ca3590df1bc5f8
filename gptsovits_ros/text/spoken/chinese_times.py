"""Dates, times of day, durations, scores and ratios in Chinese."""

from __future__ import annotations

import re

from gptsovits_ros.text.numbers_zh import cardinal, digits
from gptsovits_ros.text.spoken.chinese_numbers import Context, plain, quantity
from gptsovits_ros.text.spoken.common import Number, Piece
from gptsovits_ros.text.spoken.dialect import Dialect

_SCORE = re.compile(
    '比分|比數|战胜|战平|战成|戰勝|击败|擊敗|不敌|负于|领先|领跑|落后|落後|扳平|逆转|绝杀|主队'
    '|客队|主隊|客隊'
    '|主场|客场|点球|总分|局分|盘分|打成|[赢贏胜勝输輸]'
)
_RATIO_BEFORE = re.compile('(?:比|比例|比例尺|比率|之比|配比|赔率|股)(?:约?为|约?是|约)?[：: ]*$')
_CLOCK_BEFORE = re.compile(
    '(?:[上下中正]午|[早晚]上?|凌晨|傍晚|[时時][间間]|[上下]晝|朝早|夜晚|[于於在]'
    '|截[止至])[是为為係：: ]*$'
)
_LASTING_BEFORE = re.compile('(?:用时|用時|耗时|时长|历时|计时|需时|成绩|片长|全长)[约为是：: ]*$')


def date(piece: Piece, context: Context, dialect: Dialect) -> str:
    """Return a date: year digit by digit, month and day as numbers."""
    year, month, day = piece.words
    words = f'{digits(year)}年{cardinal(month)}月'
    if not day:
        return words
    return (
        words
        + cardinal(day)
        + ('' if context.after[:1] in '日号號' and context.after else dialect.day)
    )


def time(piece: Piece, context: Context, dialect: Dialect) -> str:
    """Return a time of day; or a score, ratio or duration, if the words around say so."""
    hour, minute, second, half_day = piece.words
    if _LASTING_BEFORE.search(context.before):
        return _duration(hour, minute, second) if second else _duration('', hour, minute)
    if not half_day and not _CLOCK_BEFORE.search(context.before) and _is_compared(context):
        return _compared([hour, minute, second] if second else [hour, minute])
    return _clock(piece.words, dialect)


def time_range(piece: Piece, context: Context, dialect: Dialect) -> str:
    """Return two times of day."""
    return f'{_clock(piece.words[:4], dialect)}{dialect.to}{_clock(piece.words[4:], dialect)}'


def ratio(piece: Piece, context: Context, dialect: Dialect) -> str:
    """Return numbers with 比 between them, or a duration of minutes and seconds."""
    parts = [number.integer for number in piece.numbers]
    if _LASTING_BEFORE.search(context.before) and len(parts[-1]) == 2 and len(parts) < 4:
        return _duration('', *parts) if len(parts) == 2 else _duration(*parts)
    return '比'.join(map(plain, piece.numbers))


def is_score(context: Context) -> bool:
    """Tell whether the text is about a match."""
    return _SCORE.search(context.around) is not None


def _is_compared(context: Context) -> bool:
    return is_score(context) or _RATIO_BEFORE.search(context.before) is not None


def _compared(parts: list[str]) -> str:
    return '比'.join(map(cardinal, parts))


def _clock(words: tuple[str, ...], dialect: Dialect) -> str:
    hour, minute, second, half_day = words
    spoken = (
        {'am': '上午', 'pm': '下午'}.get(half_day, '')
        + quantity(Number(hour.lstrip('0') or '0'))
        + '点'
    )
    if minute == '30' and dialect.half and second in ('', '00'):
        return spoken + dialect.half
    has_second = second not in ('', '00')
    if minute not in ('', '00') or has_second:
        spoken += _sixtieths(minute) + '分'
    return spoken + (_sixtieths(second) + '秒' if has_second else '')


def _sixtieths(text: str) -> str:
    if text == '00':
        return '零'
    return ('零' if text[0] == '0' else '') + cardinal(text)


def _duration(hours: str, minutes: str, seconds: str) -> str:
    names = ('小时', '分', '秒') if hours else ('', '分', '秒')
    parts = zip((hours, minutes, seconds), names, strict=True)
    return ''.join(quantity(Number(value)) + name for value, name in parts if value.strip('0'))
