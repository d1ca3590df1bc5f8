"""Cantonese text as a native reader says it."""

from __future__ import annotations

from gptsovits_ros.text.spoken.chinese import speak
from gptsovits_ros.text.spoken.chinese_words import CODE_SIGNS, CURRENCIES, UNITS
from gptsovits_ros.text.spoken.dialect import Dialect

# The characters of the words that are added; what is written in the text stays as it is.
_SIMPLIFIED = (
    '万两个为于亿仑兰兹减划华卢压厘号吨奥尔属币帧摄'
    '无时杠欧气泽点玛码积穷约纳纽线缪节贝负转达钟铢镑门问韩顷马'
)
_TRADITIONAL = (
    '萬兩個為於億侖蘭茲減劃華盧壓厘號噸奧爾屬幣幀攝'
    '無時槓歐氣澤點瑪碼積窮約納紐線繆節貝負轉達鐘銖鎊門問韓頃馬'
)
_ENGLISH_SIGNS = {
    '@': ' at ', '.': ' dot ', '/': ' slash ', '_': ' underscore ', '-': ' dash ', '#': ' hash ',
}  # fmt: skip
_CANTONESE = Dialect(
    one='一',
    day='號',
    to='至',
    parts='分',
    two_hundred='二百',
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

    As `zh.spoken_zh`, with Cantonese habits: 一 in telephone numbers, 四分三, 號, 蚊, 三點半.
    Words are added in traditional characters; what is written stays as it is.
    """
    return speak(text, _CANTONESE)
