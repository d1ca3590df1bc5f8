"""Cantonese text as a native reader says it."""

from __future__ import annotations

from gptsovits_ros.text.spoken.chinese import speak
from gptsovits_ros.text.spoken.chinese_words import CODE_SIGNS, CURRENCIES, UNITS
from gptsovits_ros.text.spoken.dialect import Dialect

_SIMPLIFIED = '万亿两点负时号秒钟摄华级节种条张个圆欧镑韩币兰币东维斜线艾气压纳兹块转帧纽约阿尔贝马伽们无穷于属为积处开样龄积'
_TRADITIONAL = '萬億兩點負時號秒鐘攝華級節種條張個圓歐鎊韓幣蘭幣東維斜線艾氣壓納茲塊轉幀紐約阿爾貝馬伽們無窮於屬為積處開樣齡積'

_CANTONESE = Dialect(
    one='一',
    day='號',
    to='至',
    parts='分',
    half='半',
    celsius='度',
    units={**UNITS, 'km': '公里', 'kg': '公斤', 'km²': '平方公里', 'km2': '平方公里', 'lb': '磅'},
    currencies={**CURRENCIES, '$': '蚊', 'HKD': '港元', '¥': '元'},
    cents=('毫', '仙'),
    code_signs={
        **CODE_SIGNS,
        '@': ' at ',
        '.': ' dot ',
        '/': ' slash ',
        '_': ' underscore ',
        '-': ' dash ',
    },
    written=str.maketrans(_SIMPLIFIED, _TRADITIONAL),
)


def spoken_yue(text: str) -> str:
    """Return a text of a Cantonese request with all that is not a word written as words.

    As `zh.spoken_zh`, with Cantonese habits: 一 in telephone numbers, 四分三, 號, 蚊, 三點半. Words
    are added in traditional characters; what is written stays as it is.
    """
    return speak(text, _CANTONESE)
