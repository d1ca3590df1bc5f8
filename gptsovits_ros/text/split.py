"""Long text into segments that are spoken one by one (gptsovits-spec sections 4.3 and 4.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from gptsovits_ros.errors import ParameterInvalidError

# The longest text that the models read at once: BERT has 512 positions, two of them its own.
MAX_SEGMENT_LENGTH = 510
_SHORT_LINE = 5
_SHORT_START = 4
_PIECES_PER_GROUP = 4
_CUT2_LENGTH = 50

# A segment ends with one of these.
_ENDS = '，。？！,.?!~:：—…'
_CUT5_MARKS = frozenset(',.;?!、，。？！：…')
_SILENT = frozenset('!?…,.- ')
_MARK_RUN = re.compile(r'([-!?…,.])[-!?…,.]+')
_END_MARK = re.compile(f'([{_ENDS}])')
_FULL_STOP = re.compile(r'(?<!\d)\.(?!\d)')
_WORD_CHARACTER = re.compile(r'\w')


def collapse_punctuation(text: str) -> str:
    """Return the text with each run of ! ? … , . - reduced to its first mark."""
    return _MARK_RUN.sub(r'\1', text)


def full_stop(language: str) -> str:
    """Return the mark that ends a segment without one."""
    return '.' if language == 'en' else '。'


def ends_with_mark(text: str) -> bool:
    """Tell whether the last character is one that ends a segment."""
    return text[-1:] in _ENDS and text != ''


def _clauses(text: str) -> list[str]:
    """Return the pieces that end with a mark; the last gets one if it has none."""
    text = text.replace('……', '。').replace('——', '，')
    if not ends_with_mark(text):
        text += '。'
    parts = _END_MARK.split(text)
    return [clause + mark for clause, mark in zip(parts[::2], parts[1::2], strict=False)]


def _audible(pieces: Iterable[str]) -> list[str]:
    return [piece for piece in pieces if not set(piece) <= _SILENT]


def _cut0(text: str) -> list[str]:
    """Leave the text whole."""
    return _audible([text])


def _cut1(text: str) -> list[str]:
    """Make groups of four clauses; the last group takes the rest and so has up to eight."""
    clauses = _clauses(text)
    if len(clauses) <= _PIECES_PER_GROUP:
        return _audible([text])
    last = max(0, (len(clauses) - 1) // _PIECES_PER_GROUP - 1) * _PIECES_PER_GROUP
    starts = range(0, last + 1, _PIECES_PER_GROUP)
    return _audible(
        ''.join(clauses[start : None if start == last else start + _PIECES_PER_GROUP])
        for start in starts
    )


def _cut2(text: str) -> list[str]:
    """Collect clauses until there are more than 50 characters."""
    clauses = _clauses(text)
    if len(clauses) < 2:
        return [text]
    groups = ['']
    for clause in clauses:
        if len(groups[-1]) > _CUT2_LENGTH:
            groups.append('')
        groups[-1] += clause
    if len(groups) > 1 and len(groups[-1]) < _CUT2_LENGTH:
        groups[-2:] = [groups[-2] + groups[-1]]
    return _audible(groups)


def _cut3(text: str) -> list[str]:
    """Cut at the Chinese full stop, which is dropped."""
    return _audible(text.strip('。').split('。'))


def _cut4(text: str) -> list[str]:
    """Cut at the English full stop, which is dropped; a decimal point is none."""
    return _audible(_FULL_STOP.split(text.strip('.')))


def _cut5(text: str) -> list[str]:
    """Cut after every mark; a decimal point is none."""
    pieces = ['']
    for position, character in enumerate(text):
        pieces[-1] += character
        is_decimal_point = (
            character == '.'
            and 0 < position < len(text) - 1
            and text[position - 1].isdigit()
            and text[position + 1].isdigit()
        )
        if character in _CUT5_MARKS and not is_decimal_point:
            pieces.append('')
    return [piece for piece in pieces if not set(piece) <= _CUT5_MARKS]


_CUTS: Mapping[str, Callable[[str], list[str]]] = {
    'cut0': _cut0,
    'cut1': _cut1,
    'cut2': _cut2,
    'cut3': _cut3,
    'cut4': _cut4,
    'cut5': _cut5,
}


def cut(text: str, method: str) -> str:
    r"""Return the text with a line break at each cut (section 4.4).

    Args:
        text: any text; line breaks in it stay.
        method: one of `types.SPLIT_METHODS`.

    Raises:
        ParameterInvalidError: for an unknown method.

    """
    if method not in _CUTS:
        raise ParameterInvalidError(
            f'the split method "{method}" does not exist; use one of {", ".join(_CUTS)}'
        )
    return '\n'.join(_CUTS[method](text.strip('\n')))


def _with_opening_mark(text: str, language: str) -> str:
    """Return the text with a full stop in front if it starts with a very short clause."""
    if text[0] in _ENDS or len(_END_MARK.split(text, maxsplit=1)[0]) >= _SHORT_START:
        return text
    return full_stop(language) + text


def _merge_short(lines: list[str]) -> list[str]:
    """Join lines of fewer than 5 characters to the next one, or the last to the one before."""
    merged = ['']
    for line in lines:
        if len(merged[-1]) >= _SHORT_LINE:
            merged.append('')
        merged[-1] += line
    if len(merged) > 1 and len(merged[-1]) < _SHORT_LINE:
        merged[-2:] = [merged[-2] + merged[-1]]
    return merged


def split_long(text: str, max_length: int = MAX_SEGMENT_LENGTH) -> list[str]:
    """Return the text in parts of at most `max_length` characters, cut behind marks.

    A stretch without a mark that is too long is cut at a space, or else anywhere.
    """
    parts = ['']
    for piece in _END_MARK.split(text):
        if len(parts[-1]) + len(piece) > max_length and parts[-1]:
            parts.append('')
        parts[-1] += piece
        while len(parts[-1]) > max_length:
            rest = parts[-1]
            end = rest.rfind(' ', 1, max_length + 1)
            end = max_length if end < 0 else end
            parts[-1:] = [rest[:end], rest[end:]]
    return [part for part in parts if part]


def split_text(text: str, language: str, method: str) -> list[str]:
    """Return the segments of a text, each with a mark at its end and at most 510 characters long.

    Args:
        text: the text to speak.
        language: language tag of the request; it decides which full stop is added.
        method: one of `types.SPLIT_METHODS`.

    Returns:
        no segment if the text has no word.

    Raises:
        ParameterInvalidError: for an unknown method.

    """
    text = collapse_punctuation(text).strip('\n')
    if not text:
        return []
    lines = cut(_with_opening_mark(text, language), method).split('\n')
    segments = []
    for line in _merge_short([line for line in lines if line.strip()]):
        if not _WORD_CHARACTER.search(line):
            continue
        if not ends_with_mark(line):
            line += full_stop(language)
        segments.extend(split_long(line))
    return segments
