"""One segment of text into spans of phonemes (gptsovits-spec sections 4.1 and 4.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from gptsovits_ros.errors import LanguageUnsupportedError
from gptsovits_ros.text import (
    g2pw,
    normalize_en,
    normalize_ja,
    normalize_ko,
    normalize_yue,
    normalize_zh,
    traditional_zh,
    word_lengths,
)
from gptsovits_ros.text import language as languages
from gptsovits_ros.text.g2p_en import EnglishG2P
from gptsovits_ros.text.g2p_ja import JapaneseG2p
from gptsovits_ros.text.g2p_ko import KoreanG2p
from gptsovits_ros.text.g2p_yue import CantoneseG2p
from gptsovits_ros.text.g2p_zh import MandarinG2p
from gptsovits_ros.text.language import main_language
from gptsovits_ros.text.readings import split_at_placeholders
from gptsovits_ros.text.symbols import UNKNOWN, is_known, symbol_table
from gptsovits_ros.types import Reading, Segment, Span, SpokenWord

# Text of one language -> how it is spoken, in writing.
Normalizer = Callable[[str], str]

# What the official frontend makes of numbers and symbols.
OFFICIAL_NORMALIZERS: Mapping[str, Normalizer] = MappingProxyType(
    {
        'zh': normalize_zh.normalize,
        'en': normalize_en.normalize,
        'ja': normalize_ja.normalize,
        'ko': normalize_ko.normalize,
        'yue': normalize_yue.normalize,
    }
)

_FEWEST_ENGLISH_PHONEMES = 4
# These signs in Chinese text ask for a longer pause at every comma of the piece. Before a number
# they are what they look like.
_PAUSE_SIGNS = ((re.compile(r'￥(?!\s*\d)'), 'SP2'), (re.compile(r'\^(?!\s*\d)'), 'SP3'))
_NOT_IN_VERSION_1 = {'ko': 'Korean', 'yue': 'Cantonese'}
# A sentence of each language but English, to load all that reading one needs.
_FIRST_WORDS = {'zh': '你好。', 'ja': 'はい。', 'ko': '네.', 'yue': '你好。'}
_HAN = re.compile('[\u4e00-\u9fa5]+')


class SegmentReader:
    """Turns segments into spans of phonemes; the tables of a language are read when needed."""

    def __init__(
        self,
        symbol_version: str,
        model_root: Path | None = None,
        upstream_compatible: bool = False,
    ) -> None:
        """Choose the symbol table.

        Args:
            symbol_version: "v1" or "v2".
            model_root: folder of the official models, some of which read text better than what is
                installed with the package; None: those are not used.
            upstream_compatible: True leaves 乾 and 著 of traditional text as they are.

        Raises:
            ConfigurationError: if there is no such table.

        """
        symbol_table(symbol_version)
        self.symbol_version = symbol_version
        self._model_root = model_root
        self._segmenter = languages.Segmenter(model_root)
        self._english = EnglishG2P()
        self._plain = str if upstream_compatible else traditional_zh.plain

    @cached_property
    def _mandarin(self) -> MandarinG2p:
        if self.symbol_version == 'v1':
            return MandarinG2p(erhua=False)
        return MandarinG2p(g2pw.find_readings(self._model_root) or 'word')

    @cached_property
    def _japanese(self) -> JapaneseG2p:
        return JapaneseG2p()

    @cached_property
    def _korean(self) -> KoreanG2p:
        return KoreanG2p()

    @cached_property
    def _cantonese(self) -> CantoneseG2p:
        return CantoneseG2p()

    def load(self, tags: Iterable[str]) -> None:
        """Read all that these language tags need; see TextFrontend.load."""
        tags = set(tags)
        for tag in sorted(tags):
            self.check_language(tag)
        if tags:
            self._english.load()  # any text may hold English words
        if tags - {'en'}:
            self._segmenter.load()
        for language in sorted({main_language(tag) for tag in tags} - {'en'}):
            self.spans(_FIRST_WORDS[language], f'all_{language}', {})

    def check_language(self, tag: str) -> None:
        """Accept a language tag.

        Raises:
            LanguageUnsupportedError: for an unknown one, or one that the symbol table lacks.

        """
        languages.check_language(tag)
        name = _NOT_IN_VERSION_1.get(tag.split('_')[-1])
        if name and self.symbol_version == 'v1':
            raise LanguageUnsupportedError(
                f'models with symbol table v1 do not speak {name} ("{tag}"); use a voice of a '
                'later model version'
            )

    def spans(self, text: str, tag: str, readings: Mapping[str, Reading]) -> list[Span]:
        """Return the spans of a segment.

        Args:
            text: the segment, with placeholders.
            tag: one of `types.LANGUAGES`.
            readings: what the placeholders stand for.

        Raises:
            LanguageUnsupportedError: for a piece in a language that the symbol table lacks.
            DependencyMissingError: if a package or dictionary for this text is not installed.

        """
        pieces: list[tuple[str, str]] = []
        for part in split_at_placeholders(text):
            reading = readings.get(part)
            found = (
                [(reading.language, part)]
                if reading
                else languages.spans(part, tag, self._segmenter)
            )
            for language, piece in found:
                if pieces and pieces[-1][0] == language:
                    pieces[-1] = (language, pieces[-1][1] + piece)
                else:
                    pieces.append((language, piece))
        return [span for piece in pieces for span in self._read(*piece, readings)]

    def _read(self, language: str, text: str, readings: Mapping[str, Reading]) -> Iterator[Span]:
        """Yield the span of a text in one language; Mandarin has one more at each foreign word."""
        self.check_language(language)
        if language != 'zh':
            yield self._span(language, text, readings)
            return
        stretch = ''
        for part in split_at_placeholders(text):
            reading = readings.get(part)
            if not reading or _HAN.fullmatch(reading.word):
                stretch += part
                continue
            if stretch:
                yield self._mandarin_span(stretch, readings)
            # BERT knows no such word, so it gives no features.
            known = self._known(reading.phonemes)
            word = SpokenWord(reading.word, len(known))
            yield Span('zh', reading.word, reading.word, known, words=(word,))
            stretch = ''
        if stretch:
            yield self._mandarin_span(stretch, readings)

    def _span(self, language: str, text: str, readings: Mapping[str, Reading]) -> Span:
        """Return the span of a text that BERT does not see."""
        phonemes: list[str] = []
        words: list[SpokenWord] = []
        norm_text = ''
        parts = split_at_placeholders(text)
        for part in parts:
            reading = readings.get(part)
            if reading:
                phonemes.extend(reading.phonemes)
                words.append(SpokenWord(reading.word, len(reading.phonemes)))
                norm_text += reading.word
                continue
            norm_part = OFFICIAL_NORMALIZERS[language](part)
            spoken, found = self._pronounce(language, norm_part)
            if language == 'ko' and part is not parts[-1] and not norm_part.endswith('.'):
                spoken = spoken[:-1] if spoken[-1:] == ['.'] else spoken  # the text goes on
                found = word_lengths.of_spaces(norm_part, spoken)
            phonemes.extend(spoken)
            words.extend(found)
            norm_text += norm_part
        if language == 'en' and len(phonemes) < _FEWEST_ENGLISH_PHONEMES:
            phonemes.insert(0, ',')
            words.insert(0, SpokenWord('', 1))
        written, known = _words(text, readings), self._known(phonemes)
        return Span(language, written, norm_text, known, words=tuple(words))

    def _pronounce(self, language: str, norm_text: str) -> tuple[list[str], list[SpokenWord]]:
        """Return the phonemes of a text, and what words they belong to."""
        if language == 'ja':
            spoken = self._japanese(norm_text)
            return spoken, word_lengths.of_moras(self._japanese.moras(norm_text), spoken)
        if language == 'ko':
            spoken = self._korean(norm_text)
            return spoken, word_lengths.of_spaces(norm_text, spoken)
        if language == 'yue':
            # There is an alignment, but the models saw Cantonese without BERT features.
            spoken, counts = self._cantonese(norm_text)
            return spoken, word_lengths.of_characters(norm_text, counts)
        words = self._english.words(norm_text)
        spoken = [phoneme for _, phonemes in words for phoneme in phonemes]
        lengths = [
            SpokenWord(word if word[0].isalpha() else '', len(found)) for word, found in words
        ]
        return spoken, lengths

    def _mandarin_span(self, text: str, readings: Mapping[str, Reading]) -> Span:
        """Return a span of Mandarin; words with a reading are seen by BERT and the tone rules."""
        written = _words(text, readings)
        text, pause = _without_pause_sign(text)
        norm_text = ''
        given: dict[int, Reading] = {}  # by the position of the word in norm_text
        for part in split_at_placeholders(text):
            reading = readings.get(part)
            if reading:
                given[len(norm_text)] = reading
            # A word of Han characters keeps its length there.
            word = self._plain(reading.word if reading else part)
            norm_text += normalize_zh.normalize(word)
        phonemes, word2ph = _with_readings(*self._mandarin(norm_text), given)
        symbols = (pause if symbol == ',' else symbol for symbol in phonemes)
        words = tuple(word_lengths.of_characters(norm_text, word2ph))
        return Span('zh', written, norm_text, self._known(symbols), tuple(word2ph), words)

    def _known(self, symbols: Iterable[str]) -> tuple[str, ...]:
        version = self.symbol_version
        return tuple(symbol if is_known(symbol, version) else UNKNOWN for symbol in symbols)


def _words(text: str, readings: Mapping[str, Reading]) -> str:
    """Return a text with its words in the place of placeholders."""
    return Segment(text, '', readings=readings).text


def _without_pause_sign(text: str) -> tuple[str, str]:
    """Return the text without a sign for longer pauses, and the symbol that its commas become."""
    for sign, symbol in _PAUSE_SIGNS:
        if sign.search(text):
            return sign.sub(',', text), symbol
    return text, ','


def _with_readings(
    phonemes: Sequence[str], word2ph: Sequence[int], given: Mapping[int, Reading]
) -> tuple[list[str], list[int]]:
    """Put given phonemes in the place of those of their words.

    Args:
        phonemes: of a text.
        word2ph: phonemes per character of the text.
        given: readings by the position of their word in the text.

    """
    spoken: list[str] = []
    counts: list[int] = []
    at = taken = 0
    while at < len(word2ph):
        reading = given.get(at)
        length = len(reading.word) if reading else 1
        end = taken + sum(word2ph[at : at + length])
        found = reading.phonemes if reading else phonemes[taken:end]
        spoken.extend(found)
        counts.extend(_shares(len(found), length))
        at, taken = at + length, end
    return spoken, counts


def _shares(total: int, parts: int) -> list[int]:
    """Return how many phonemes each character of a word gets: as equal as can be."""
    return [total * (part + 1) // parts - total * part // parts for part in range(parts)]
