"""The tone of the suffix 儿 (gptsovits-spec section 4.6, "erhua", from symbol set v2 on)."""

from __future__ import annotations

import json

from gptsovits_ros.text.data_files import data_path

# jieba: adjective, abbreviation, name of a person. In names 儿 is a syllable of its own.
_TAGS_WITHOUT_SUFFIX = ('a', 'j', 'nr')


class Erhua:
    """Knows where 儿 only colours the syllable before it; word lists in data/zh_erhua.json."""

    def __init__(self) -> None:
        """Load the word lists."""
        words = json.loads(data_path('zh_erhua.json').read_text('utf-8'))
        self._suffix = frozenset(words['suffix'])
        self._syllable = frozenset(words['syllable'])

    def apply(self, word: str, tag: str, readings: list[str]) -> list[str]:
        """Return the readings of a word with the tone of a final 儿 set.

        A suffix takes the tone of the syllable before it (一会儿 hui4 er4; the phonemes stay two);
        a syllable of its own (女儿) keeps tone 2.

        Args:
            word: characters.
            tag: its part of speech, in jieba's letters.
            readings: numbered pinyin, one per character.

        """
        if not word.endswith('儿'):
            return readings
        *before, last = readings
        if last == 'er1':
            last = 'er2'
        if before and last in ('er2', 'er5') and self._is_suffix(word, tag):
            last = 'er' + before[-1][-1]
        return [*before, last]

    def _is_suffix(self, word: str, tag: str) -> bool:
        if word[-2:] in self._syllable:
            return False
        if word in self._suffix:
            return True
        return word not in self._syllable and tag not in _TAGS_WITHOUT_SUFFIX
