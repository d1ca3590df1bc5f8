"""Which reading a Mandarin character has here (gptsovits-spec section 4.6, "g2p").

Readings are numbered pinyin in ASCII ("lv4", neutral tone 5), one per character; a character
without a reading stands for itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from gptsovits_ros.errors import DependencyMissingError
from gptsovits_ros.text.data_files import data_path

SegmentReadings = Callable[[str], list[str]]
"""Gives the readings of all characters of a segment, e.g. by a model that sees the context."""


class PinyinDictionary:
    """The characters and words of pypinyin."""

    def __init__(self) -> None:
        """Load pypinyin's tables.

        Raises:
            DependencyMissingError: if pypinyin is not installed.

        """
        try:
            from pypinyin import Style, lazy_pinyin
            from pypinyin.contrib.tone_convert import to_tone3
            from pypinyin.phrases_dict import phrases_dict
        except ImportError as error:
            raise DependencyMissingError(
                'Mandarin needs the library pypinyin, which is not installed; run '
                'pip install "gptsovits_ros[zh]"'
            ) from error
        self._style = Style.TONE3
        self._lazy_pinyin = lazy_pinyin
        self._to_tone3 = to_tone3
        self._words: dict[str, list[list[str]]] = phrases_dict

    def read(self, text: str) -> list[str]:
        """Return the readings of all characters, by the longest known words in the text."""
        return self._lazy_pinyin(text, style=self._style, neutral_tone_with_five=True, errors=list)

    def listed(self, word: str) -> list[str] | None:
        """Return the readings of a word that is listed as a whole, else None."""
        readings = self._words.get(word)
        if readings is None:
            return None
        return [self._to_tone3(reading[0], neutral_tone_with_five=True) for reading in readings]


class ReadingOverrides:
    """Corrects the readings of a segment word by word, from a dictionary of words.

    These are pypinyin's words and then a short list of our own data (data/zh_polyphones.json).
    """

    def __init__(self, dictionary: PinyinDictionary) -> None:
        """Load the short list."""
        self._dictionary = dictionary
        self._short_list: dict[str, list[str]] = json.loads(
            data_path('zh_polyphones.json').read_text('utf-8')
        )

    def apply(self, word: str, readings: list[str]) -> list[str]:
        """Return the readings as listed for the word, or else for each of its characters."""
        return self._listed(word) or [
            (self._listed(char) or [reading])[0]
            for char, reading in zip(word, readings, strict=True)
        ]

    def _listed(self, word: str) -> list[str] | None:
        return self._dictionary.listed(word) or self._short_list.get(word)
