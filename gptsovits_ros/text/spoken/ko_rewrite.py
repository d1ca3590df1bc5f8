"""Notations of Korean that are written out before the pieces are read."""

from __future__ import annotations

import re

_REWRITES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r'(?<![A-Za-z0-9])B([1-9])(?:층|F(?![A-Za-z0-9]))', r'지하 \1층'),
        (r'(?<![0-9.])([0-9]{1,6})분의 ?([0-9]{1,6})(?![0-9.])', r'\2/\1'),
        (r'\(주\) ?', '주식회사 '),
        (r'(?<![A-Za-z0-9])5G(?![A-Za-z0-9])', '파이브지'),
        (r'(?<![A-Za-z0-9])4K(?![A-Za-z0-9])', '포케이'),
        (r'(?<![A-Za-z])[Nn]o\. ?(?=[0-9])|№ ?', '넘버 '),
        (r'(?<![A-Za-z])(?:Wi-Fi|wi-fi|WIFI|Wi-fi)(?![A-Za-z])', '와이파이'),
        (r'(?<![0-9])((?:19|20)[0-9]{2})\. (1[0-2]|0?[1-9])\. (3[01]|[12][0-9]|0?[1-9])(?![0-9])'
         r'\.?', r'\1년 \2월 \3일'),
        (r'(?<![0-9/])(1[0-2]|0?[1-9])/(3[01]|[12][0-9]|0?[1-9])(?= ?\([월화수목금토일]\))',
         r'\1월 \2일'),
        (r'(?<=일) ?\(([월화수목금토일])\)', r' \1요일'),
        (r'(?<![가-힣])([월화수목금토일]) ?[~～〜-] ?([월화수목금토일])(?:요일)?(?![가-힣])',
         r'\1요일에서 \2요일'),
        (r'(?<![A-Za-z0-9])3D(?![A-Za-z0-9])', '쓰리디'),
        (r'(?<![A-Za-z0-9])2D(?![A-Za-z0-9])', '투디'),
        (r'(?<![A-Za-z0-9])MP3(?![A-Za-z0-9])', '엠피쓰리'),
        (r'(?<=[0-9])%[pP](?![A-Za-z])', '퍼센트포인트'),
    )
)  # fmt: skip


def rewrite(text: str) -> str:
    """Return a folded text with the notations of Korean written out."""
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    return text
