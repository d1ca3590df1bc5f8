"""Mandarin text to phonemes (gptsovits-spec section 4.6, "g2p")."""

from __future__ import annotations

import logging
import re
import warnings
from types import ModuleType
from typing import Any

from gptsovits_ros.errors import DependencyMissingError, InternalError, TextInvalidError
from gptsovits_ros.text.erhua_zh import Erhua
from gptsovits_ros.text.pinyin import symbols
from gptsovits_ros.text.polyphone_zh import PinyinDictionary, ReadingOverrides, SegmentReadings
from gptsovits_ros.text.tone_sandhi_zh import ToneSandhi, Word

MARKS = '!?…,.-'

_SEGMENT = re.compile('[^!?…,.-]*[!?…,.-]|[^!?…,.-]+')
_UNSPEAKABLE = re.compile('[^\u4e00-\u9fa5!?…,.-]')


class MandarinG2p:
    """Turns normalised Mandarin text into phonemes.

    An instance holds everything that it needs (dictionaries, word lists); nothing is shared
    between instances or written to disk. Loading takes about a second and 220 MB, mostly for
    jieba's dictionary. Calls only read, so one instance may serve several threads.
    """

    def __init__(self, readings: str | SegmentReadings = 'word', erhua: bool = True) -> None:
        """Load the dictionaries.

        Args:
            readings: where the readings of characters come from. "word": pypinyin, word by word.
                "character": pypinyin for the segment as a whole, then each character corrected
                by a dictionary of words. A function: all readings of a segment at once from
                elsewhere (e.g. g2pW), corrected likewise; see polyphone_zh.SegmentReadings.
            erhua: give the suffix 儿 the tone of the syllable before it. Official from symbol set
                v2 on; False for v1.

        Raises:
            DependencyMissingError: if jieba or pypinyin is not installed.
            ValueError: if readings is another text.

        """
        self._dictionary = PinyinDictionary()
        self._segment_readings = self._choose_readings(readings)
        self._overrides = ReadingOverrides(self._dictionary)
        self._tokenizer, self._tagger = _load_jieba()
        self._sandhi = ToneSandhi(
            read_word=self._dictionary.read,
            subwords=lambda word: list(self._tokenizer.cut_for_search(word)),
        )
        self._erhua = Erhua() if erhua else None

    def __call__(self, norm_text: str) -> tuple[list[str], list[int]]:
        """Return phonemes and the number of phonemes of each character of the text.

        Args:
            norm_text: what normalize_zh.normalize gives: characters U+4E00..U+9FA5 and MARKS.

        Returns:
            phonemes: P symbols; a mark stands for itself, an unreadable character is UNK.
            word2ph: len(norm_text) numbers that sum to P (a syllable 2, a mark or UNK 1).

        Raises:
            TextInvalidError: if the text holds other characters.

        """
        unspeakable = _UNSPEAKABLE.search(norm_text)
        if unspeakable:
            raise TextInvalidError(
                f'character {unspeakable[0]!a} at position {unspeakable.start()} has no Mandarin '
                'reading; normalize the text first'
            )
        phonemes: list[str] = []
        word2ph: list[int] = []
        for segment in _SEGMENT.findall(norm_text):
            for char, reading in zip(segment, self._read(segment), strict=True):
                spoken = (char,) if char in MARKS else symbols(reading)
                phonemes.extend(spoken)
                word2ph.append(len(spoken))
        return phonemes, word2ph

    def _choose_readings(self, readings: str | SegmentReadings) -> SegmentReadings | None:
        if readings == 'word':
            return None
        if readings == 'character':
            return self._dictionary.read
        if isinstance(readings, str):
            raise ValueError(f'readings is "word", "character" or a function, not {readings!r}')
        return readings

    def _read(self, segment: str) -> list[str]:
        """Return numbered pinyin as it is spoken, one per character; a mark stands for itself."""
        words = self._sandhi.merge(
            [Word(pair.word, pair.flag) for pair in self._tagger.cut(segment)]
        )
        spoken: list[str] = []
        for word, readings in zip(words, self._dictionary_readings(segment, words), strict=True):
            readings = self._sandhi.apply(word, readings)
            if self._erhua:
                readings = self._erhua.apply(word.text, word.tag, readings)
            spoken.extend(readings)
        return spoken

    def _dictionary_readings(self, segment: str, words: list[Word]) -> list[list[str]]:
        """Return the readings of each word before its tones change."""
        if self._segment_readings is None:
            return [self._dictionary.read(word.text) for word in words]
        readings = self._segment_readings(segment)
        if len(readings) != len(segment):
            raise InternalError(
                f'the source of readings gave {len(readings)} for {len(segment)} characters'
            )
        found = []
        start = 0
        for word in words:
            end = start + len(word.text)
            found.append(self._overrides.apply(word.text, readings[start:end]))
            start = end
        return found


def _load_jieba() -> tuple[Any, Any]:
    """Return a tokenizer and a part-of-speech tagger that share nothing with other instances."""
    jieba, posseg = _import_jieba()
    tokenizer = jieba.Tokenizer()
    # What Tokenizer.initialize does, without its cache file in the shared temporary folder:
    # processes race for it, anyone can plant one there, and it saves less than 0.1 s.
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer, posseg.POSTokenizer(tokenizer)


def _import_jieba() -> tuple[ModuleType, ModuleType]:
    try:
        with warnings.catch_warnings():
            # jieba 0.42.1 asks for pkg_resources and has escapes that Python 3.12 warns of.
            warnings.simplefilter('ignore')
            import jieba
            from jieba import posseg
    except ImportError as error:
        raise DependencyMissingError(
            'Mandarin needs the library jieba, which is not installed; run '
            'pip install "gptsovits_ros[zh]"'
        ) from error
    jieba.setLogLevel(logging.WARNING)
    return jieba, posseg
