"""The door of the text room: text in, phonemes out (gptsovits-spec sections 4.1, 4.3 and 9.2)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

from gptsovits_ros.errors import LanguageUnsupportedError, TextInvalidError
from gptsovits_ros.text import language as languages
from gptsovits_ros.text import (
    normalize_en,
    normalize_ja,
    normalize_ko,
    normalize_yue,
    normalize_zh,
    split,
)
from gptsovits_ros.text.g2p_en import EnglishG2P
from gptsovits_ros.text.g2p_ja import JapaneseG2p
from gptsovits_ros.text.g2p_ko import KoreanG2p
from gptsovits_ros.text.g2p_yue import CantoneseG2p
from gptsovits_ros.text.g2p_zh import MandarinG2p
from gptsovits_ros.text.symbols import (
    PAUSES,
    PUNCTUATION,
    UNKNOWN,
    is_known,
    symbol_ids,
    symbol_table,
)
from gptsovits_ros.types import Phonemes, Span

# Text of one language -> how it is spoken, in writing.
Normalizer = Callable[[str], str]

# What the official frontend makes of numbers and symbols; the voices were trained on it.
OFFICIAL_NORMALIZERS: Mapping[str, Normalizer] = MappingProxyType(
    {
        'zh': normalize_zh.normalize,
        'en': normalize_en.normalize,
        'ja': normalize_ja.normalize,
        'ko': normalize_ko.normalize,
        'yue': normalize_yue.normalize,
    }
)

# The models were trained on whole sentences; with less they babble.
_FEWEST_PHONEMES = 6
_FEWEST_ENGLISH_PHONEMES = 4

# These signs in Chinese text ask for a longer pause at every comma of the piece. Before a number
# they are what they look like.
_PAUSE_SIGNS = ((re.compile(r'￥(?!\s*\d)'), 'SP2'), (re.compile(r'\^(?!\s*\d)'), 'SP3'))

# The last six are not sounds of Japanese and Korean.
_SILENT = frozenset((*PUNCTUATION, *PAUSES, UNKNOWN, *'_[]#空停'))
_NOT_IN_VERSION_1 = {'ko': 'Korean', 'yue': 'Cantonese'}
# A sentence of each language but English, to load all that reading one needs.
_FIRST_WORDS = {'zh': '你好。', 'ja': 'はい。', 'ko': '네.', 'yue': '你好。'}
_LINE_BREAK = re.compile('\r\n?|[\x0b\x0c\x85\u2028\u2029]')
_BLANK_LINES = re.compile(r'\s*\n\s*')
_ACCENTED = re.compile('[\u00c0-\u024f]')


class TextFrontend:
    """Cuts text into segments and turns each into phonemes of one symbol table.

    The tables of a language are read when it is first needed; `load` does it beforehand. Calls
    only read, so one instance may serve several threads once the languages are loaded.
    """

    def __init__(self, symbol_version: str = 'v2') -> None:
        """Choose the symbol table: "v1", or "v2" for all later models.

        Raises:
            ConfigurationError: for any other version.

        """
        symbol_table(symbol_version)
        self.symbol_version = symbol_version
        self._normalizers = OFFICIAL_NORMALIZERS
        self._segmenter = languages.Segmenter()
        self._english = EnglishG2P()

    @cached_property
    def _mandarin(self) -> MandarinG2p:
        return MandarinG2p(erhua=self.symbol_version != 'v1')

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
        """Read all that these language tags need, so that the first sentence is not slow.

        Args:
            tags: some of `types.LANGUAGES`. "auto" and "auto_yue" load Chinese and English; other
                languages follow when a text has them.

        Raises:
            LanguageUnsupportedError: for an unknown tag, or one that the symbol table lacks.
            DependencyMissingError: if a package or dictionary is not installed.

        """
        tags = set(tags)
        for tag in sorted(tags):
            self._check_language(tag)
        if tags:
            self._english.load()  # any text may hold English words
        if tags - {'en'}:
            self._segmenter.load()
        for language in sorted({_main_language(tag) for tag in tags} - {'en'}):
            self._read(language, _FIRST_WORDS[language])

    def segments(self, text: str, language: str, method: str) -> list[str]:
        """Return the pieces in which a text is spoken, at least one.

        Args:
            text: plain text; control characters are dropped.
            language: one of `types.LANGUAGES`.
            method: one of `types.SPLIT_METHODS`.

        Raises:
            TextInvalidError: if the text has no word, or is not valid Unicode.
            LanguageUnsupportedError: for an unknown tag, or one that the symbol table lacks.
            ParameterInvalidError: for an unknown method.

        """
        self._check_language(language)
        segments = split.split_text(_clean(text), language, method)
        if not segments:
            raise TextInvalidError(
                f'nothing in the text of {len(text)} characters can be spoken; send words'
            )
        return segments

    def phonemes(self, segment: str, language: str) -> Phonemes:
        """Return the phonemes of one segment.

        Args:
            segment: as `segments` gives it.
            language: one of `types.LANGUAGES`.

        Raises:
            TextInvalidError: if the segment has no sound, or is not valid Unicode.
            LanguageUnsupportedError: for an unknown tag; for a language that the symbol table
                lacks, as the tag or in a piece of the text.
            DependencyMissingError: if a package or dictionary for this text is not installed.

        """
        text = _clean(segment).replace('\n', ' ')
        spans = self._spans(text, language)
        if sum(len(span.phonemes) for span in spans) < _FEWEST_PHONEMES:
            spans = self._spans(f'.{text}', language)
        symbols = [symbol for span in spans for symbol in span.phonemes]
        if _SILENT.issuperset(symbols):
            raise TextInvalidError(
                f'a part of the text ({len(segment)} characters) has nothing that can be spoken '
                f'in "{language}"; send words in that language'
            )
        return Phonemes(segment, tuple(spans), symbol_ids(symbols, self.symbol_version))

    def prompt(self, text: str, language: str) -> Phonemes:
        """Return the phonemes of the transcript of a reference clip.

        Args:
            text: what is said in the clip; a full stop is added where the end has no mark.
            language: one of `types.LANGUAGES`.

        Raises:
            GptsovitsError: as `phonemes`.

        """
        self._check_language(language)
        stop = split.full_stop(language)
        lines = _BLANK_LINES.split(_clean(text).strip())
        sentences = (line if split.ends_with_mark(line) else line + stop for line in lines if line)
        joint = ' ' if language == 'en' else ''
        return self.phonemes(joint.join(sentences), language)

    def _check_language(self, tag: str) -> None:
        languages.check_language(tag)
        name = _NOT_IN_VERSION_1.get(tag.split('_')[-1])
        if name and self.symbol_version == 'v1':
            raise LanguageUnsupportedError(
                f'models with symbol table v1 do not speak {name} ("{tag}"); use a voice of a '
                'later model version'
            )

    def _spans(self, text: str, language: str) -> list[Span]:
        return [
            self._read(tag, piece)
            for tag, piece in languages.spans(text, language, self._segmenter)
        ]

    def _read(self, language: str, text: str) -> Span:
        """Return the phonemes of a text in one language."""
        self._check_language(language)
        written, pause = text, ','
        if language == 'zh':
            text, pause = _without_pause_sign(text)
        norm_text = self._normalizers[language](text)
        phonemes, word2ph = self._pronounce(language, norm_text)
        symbols = (pause if symbol == ',' else symbol for symbol in phonemes)
        return Span(language, written, norm_text, self._known(symbols), word2ph)

    def _pronounce(
        self, language: str, norm_text: str
    ) -> tuple[Sequence[str], tuple[int, ...] | None]:
        """Return phonemes and their alignment, None where BERT gives no features."""
        if language == 'zh':
            phonemes, word2ph = self._mandarin(norm_text)
            return phonemes, tuple(word2ph)
        if language == 'ja':
            return self._japanese(norm_text), None
        if language == 'ko':
            return self._korean(norm_text), None
        if language == 'yue':
            # There is an alignment, but the models saw Cantonese without BERT features.
            return self._cantonese(norm_text)[0], None
        phonemes = self._english(norm_text)
        if len(phonemes) < _FEWEST_ENGLISH_PHONEMES:
            phonemes.insert(0, ',')
        return phonemes, None

    def _known(self, symbols: Iterable[str]) -> tuple[str, ...]:
        version = self.symbol_version
        return tuple(symbol if is_known(symbol, version) else UNKNOWN for symbol in symbols)


def _main_language(tag: str) -> str:
    return {'auto': 'zh', 'auto_yue': 'yue'}.get(tag, tag.removeprefix('all_'))


def _without_pause_sign(text: str) -> tuple[str, str]:
    """Return the text without a sign for longer pauses, and the symbol that its commas become."""
    for sign, symbol in _PAUSE_SIGNS:
        if sign.search(text):
            return sign.sub(',', text), symbol
    return text, ','


def _clean(text: str) -> str:
    """Return text without control and format characters, with one kind of line break."""
    try:
        text.encode('utf-8')
    except UnicodeEncodeError as error:
        raise TextInvalidError(
            f'the text is not valid Unicode: half a surrogate pair at position {error.start}; '
            'send UTF-8 text'
        ) from error
    # One character for each syllable and each kana, however they were typed.
    text = unicodedata.normalize('NFC', text)
    text = _LINE_BREAK.sub('\n', text).replace('\t', ' ')
    # A word with an accent is not seen as English and would fall silent in Chinese text.
    text = _ACCENTED.sub(lambda match: unicodedata.normalize('NFD', match[0])[0], text)
    return ''.join(
        character
        for character in text
        if character == '\n' or unicodedata.category(character) not in ('Cc', 'Cf')
    )
