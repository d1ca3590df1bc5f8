"""Marks of a Chinese text: layout signs go, brackets become pauses, runs become one mark."""

from __future__ import annotations

import re

_HAN = '\u3400-\u9fff\uf900-\ufaff'
_LAYOUT = (
    (re.compile(r'^[ ]{0,8}(?:```.*|[-*_=]{3,}|\|?[ :|-]{3,}\|?)$', re.MULTILINE), ''),
    (re.compile(r'^[ ]{0,8}(?:#{1,6} +|> ?|[-*+•●▪◦] +(?=[^ 0-9]))', re.MULTILINE), ''),
    (re.compile(r'^([ ]{0,8}[0-9]{1,3})[.)] +', re.MULTILINE), r'\1、'),
    (re.compile(r'!?\[([^\[\]\n]{1,300})\]\([^()\s]{1,1000}\)'), r'\1'),
    (re.compile(r'\*\*|~~|`|https?://(?![\x00-\x7f])'), ''),
    # A function and its argument, and two quotations side by side.
    (re.compile(r'(?<![A-Za-z])([A-Za-z])\(([A-Za-z0-9])\)'), r'\1 \2'),
    (re.compile('[”’」』》] ?(?=[“‘「『《])'), '、'),
    (re.compile(r'</?[A-Za-z][A-Za-z0-9]{0,15}(?: [^<>\n]{0,300})?/?>'), ''),
)
# Spaces between Han characters and what stands beside them mean nothing.
_LOOSE_SPACE = re.compile(rf'(?<=[{_HAN}，。！？；：、]) +|(?<=[^\s]) +(?=[{_HAN}，。！？；：、])')
_BRACKETS = str.maketrans(dict.fromkeys('()（）[]{}【】〔〕［］｛｝', '，'))
_QUOTES = str.maketrans('', '', '"“”„‟＂\'‘’「」『』《》〈〉«»<>')
_INNER_APOSTROPHE = re.compile("(?<=[A-Za-z])['’](?=[A-Za-z])")
_DASHES = re.compile('[—―–]+')
_WAVES = re.compile(rf'[~～〜]+(?=$|[\s，。！？；：、…,.!?]|[{_HAN}A-Za-z])')
_ELLIPSIS = re.compile(r'\.{2,}|。{2,}|…+|·{3,}')
_MARK_RUN = re.compile('[，。！？；：、…,!?;:.][，。！？；：、…,!?;:. ]+')
_STRONGEST = '？?！!。.…；;：:，,、'
_OPENING_MARKS = re.compile('^[，、；：。,;: ]+', re.MULTILINE)
_SPACES = re.compile(' {2,}')
_APOSTROPHE = '\ue000'


def without_layout(text: str) -> str:
    """Return folded text without the signs of Markdown and HTML and without loose spaces."""
    for pattern, replacement in _LAYOUT:
        text = pattern.sub(replacement, text)
    return _LOOSE_SPACE.sub('', text)


def with_plain_marks(text: str) -> str:
    """Return spoken text with the marks that are pauses only, one at a time."""
    text = _INNER_APOSTROPHE.sub(_APOSTROPHE, text).translate(_QUOTES).replace(_APOSTROPHE, "'")
    text = _DASHES.sub('，', text.translate(_BRACKETS))
    text = _ELLIPSIS.sub('…', _WAVES.sub('，', text))
    text = _LOOSE_SPACE.sub('', text)
    text = _MARK_RUN.sub(_one_mark, text)
    text = _SPACES.sub(' ', _OPENING_MARKS.sub('', text))
    return _TRAILING_PAUSE.sub('', text.strip(' '))


_TRAILING_PAUSE = re.compile('[，、,]+ *$', re.MULTILINE)


def _one_mark(match: re.Match[str]) -> str:
    marks = match[0].rstrip()
    ends_with_space = match[0][-1:] == ' '
    mark = min(marks.replace(' ', ''), key=_STRONGEST.index)
    return mark + ' ' if ends_with_space else mark
