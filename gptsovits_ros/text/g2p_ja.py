"""Japanese text to phonemes with accents (gptsovits-spec section 4.8)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from gptsovits_ros.text.openjtalk import LONGEST_TEXT, OpenJTalk, find_dictionary

# Between phonemes: the pitch rises, falls, a phrase with an accent of its own begins, a pause.
RISE, FALL, PHRASE, PAUSE = '[', ']', '#', '_'

# Runs that Open JTalk reads. Half-width voicing marks (ﾞ ﾟ) are not among them, as officially.
_READABLE = re.compile('([A-Za-z\\d々\u3040-\u30ff\u4e00-\u9fffＡ-Ｚａ-ｚｦ-ﾝ]+)')
_MARKS = dict(zip('：；，。！？\n·、', ',,,.!?.,,', strict=True))
# What the library takes at once; a segment of speech is shorter, so this cuts no word of one.
_RUN_PARTS = re.compile(f'.{{1,{LONGEST_TEXT}}}')

_PHONEME = re.compile('-(.+?)[+]')
# Fields of a label, of the accent phrase that the phoneme is in: the mora's distance from the
# accent, its position, its position from the end, and how many moras there are.
_AFTER_ACCENT = re.compile('/A:(-?[0-9]+)[+]')
_POSITION = re.compile('[+]([0-9]+)[+]')
_POSITION_FROM_END = re.compile('[+]([0-9]+)/')
_MORAS = re.compile('/F:([0-9]+)_')
_NO_NUMBER = -50  # of silence; no mora is there
_DEVOICED = frozenset('AEIOU')
_ENDS_OF_MORA = frozenset((*'aiueo', *'AIUEO', 'N', 'cl'))


class JapaneseG2p:
    """Turns Japanese text into phonemes.

    Loading maps the dictionary (103 MB) into memory and takes milliseconds once the library is
    imported. One instance may serve several threads; they wait for each other.
    """

    def __init__(self, dictionary: Path | None = None) -> None:
        """Load the analyser.

        Args:
            dictionary: folder of the dictionary; None: the one that is installed, see
                openjtalk.find_dictionary.

        Raises:
            DependencyMissingError: if pyopenjtalk-ndy or the dictionary is not installed.
            ConfigurationError: if $OPEN_JTALK_DICT_DIR is wrong.

        """
        self._analyser = OpenJTalk(dictionary or find_dictionary())

    def __call__(self, norm_text: str) -> list[str]:
        """Return the phonemes of a text, with RISE, FALL, PHRASE and PAUSE between them.

        Args:
            norm_text: any text; what is neither a letter, a digit, kana nor Han stands for itself,
                and spaces are dropped.

        Returns:
            symbols; the tables know no PHRASE, and v1 neither RISE nor FALL. The models were
            trained with UNK in their place.

        """
        phonemes: list[str] = []
        parts = _READABLE.split(norm_text.replace('％', 'パーセント').lower())
        for position, part in enumerate(parts):
            if position % 2:
                phonemes.extend(self._read(part))
            else:
                phonemes.extend(_MARKS.get(mark, mark) for mark in part if mark != ' ')
        return phonemes

    def moras(self, norm_text: str) -> list[tuple[str, int]]:
        """Return the words of a text, each with its number of moras; marks are left out."""
        runs = _READABLE.split(norm_text.replace('％', 'パーセント').lower())[1::2]
        parts = (part for run in runs for part in _RUN_PARTS.findall(run))
        return [word for part in parts for word in self._analyser.moras(part)]

    def _read(self, run: str) -> Iterator[str]:
        for text in _RUN_PARTS.findall(run):
            labels = self._analyser.labels(text)
            # The first and the last are silence.
            for label, following in pairwise(labels[1:]):
                yield from _symbols(label, following)


def _symbols(label: str, following: str) -> Iterator[str]:
    """Yield the phoneme of a label and the sign behind it, if there is one."""
    phoneme = _PHONEME.search(label)[1]
    if phoneme == 'pau':
        yield PAUSE
        return
    yield phoneme.lower() if phoneme in _DEVOICED else phoneme
    position = _number(_POSITION, label)
    next_position = _number(_POSITION, following)
    if _number(_POSITION_FROM_END, label) == 1 and next_position == 1 and phoneme in _ENDS_OF_MORA:
        yield PHRASE
    elif (
        _number(_AFTER_ACCENT, label) == 0
        and next_position == position + 1
        and position != _number(_MORAS, label)
    ):
        yield FALL
    elif position == 1 and next_position == 2:
        yield RISE


def _number(field: re.Pattern[str], label: str) -> int:
    match = field.search(label)
    return int(match[1]) if match else _NO_NUMBER
