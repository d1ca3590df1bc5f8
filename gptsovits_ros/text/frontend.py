"""The door of the text room: text in, phonemes out (gptsovits-spec sections 4.1, 4.3 and 9.2)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property

from gptsovits_ros.errors import TextInvalidError
from gptsovits_ros.text import language as languages
from gptsovits_ros.text import normalize_en, normalize_zh, split
from gptsovits_ros.text.g2p_en import EnglishG2P
from gptsovits_ros.text.g2p_zh import MandarinG2p
from gptsovits_ros.text.symbols import PAUSES, PUNCTUATION, UNKNOWN, symbol_ids, symbol_table
from gptsovits_ros.types import LANGUAGES, Phonemes, Span

# The models were trained on whole sentences; with less they babble.
_FEWEST_PHONEMES = 6
_FEWEST_ENGLISH_PHONEMES = 4

# These signs in Chinese text ask for a longer pause at every comma of the piece. Before a number
# they are what they look like.
_PAUSE_SIGNS = ((re.compile(r'￥(?!\s*\d)'), 'SP2'), (re.compile(r'\^(?!\s*\d)'), 'SP3'))

_SILENT = frozenset((*PUNCTUATION, *PAUSES, UNKNOWN))
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
        self._segmenter = languages.Segmenter()
        self._english = EnglishG2P()

    @cached_property
    def _mandarin(self) -> MandarinG2p:
        return MandarinG2p(erhua=self.symbol_version != 'v1')

    def load(self, tags: Iterable[str] = LANGUAGES) -> None:
        """Read all that these language tags need, so that the first sentence is not slow.

        Args:
            tags: some of `types.LANGUAGES`.

        Raises:
            LanguageUnsupportedError: for an unknown tag.
            DependencyMissingError: if a package is not installed.

        """
        tags = set(tags)
        for tag in sorted(tags):
            languages.check_language(tag)
        if tags:
            self._english.load()  # any text may hold English words
        if tags - {'en'}:
            self._segmenter.load()
            self._read_mandarin('你好。')

    def segments(self, text: str, language: str, method: str) -> list[str]:
        """Return the pieces in which a text is spoken, at least one.

        Args:
            text: plain text; control characters are dropped.
            language: one of `types.LANGUAGES`.
            method: one of `types.SPLIT_METHODS`.

        Raises:
            TextInvalidError: if the text has no word, or is not valid Unicode.
            LanguageUnsupportedError: for an unknown tag.
            ParameterInvalidError: for an unknown method.

        """
        languages.check_language(language)
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
            LanguageUnsupportedError: for an unknown tag; in "auto" also for a piece in Japanese or
                Korean.
            DependencyMissingError: if a package for this text is not installed.

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
        languages.check_language(language)
        stop = split.full_stop(language)
        lines = _BLANK_LINES.split(_clean(text).strip())
        sentences = (line if split.ends_with_mark(line) else line + stop for line in lines if line)
        joint = ' ' if language == 'en' else ''
        return self.phonemes(joint.join(sentences), language)

    def _spans(self, text: str, language: str) -> list[Span]:
        return [
            self._read_english(piece) if tag == 'en' else self._read_mandarin(piece)
            for tag, piece in languages.spans(text, language, self._segmenter)
        ]

    def _read_english(self, text: str) -> Span:
        norm_text = normalize_en.normalize(text)
        phonemes = self._english(norm_text)
        if len(phonemes) < _FEWEST_ENGLISH_PHONEMES:
            phonemes.insert(0, ',')
        return Span('en', text, norm_text, tuple(phonemes))

    def _read_mandarin(self, text: str) -> Span:
        written = text
        pause = ','
        for sign, symbol in _PAUSE_SIGNS:
            if sign.search(text):
                text, pause = sign.sub(',', text), symbol
                break
        norm_text = normalize_zh.normalize(text)
        phonemes, word2ph = self._mandarin(norm_text)
        return Span('zh', written, norm_text, _with_pause(phonemes, pause), tuple(word2ph))


def _with_pause(phonemes: Sequence[str], pause: str) -> tuple[str, ...]:
    return tuple(pause if symbol == ',' else symbol for symbol in phonemes)


def _clean(text: str) -> str:
    """Return text without control and format characters, with one kind of line break."""
    try:
        text.encode('utf-8')
    except UnicodeEncodeError as error:
        raise TextInvalidError(
            f'the text is not valid Unicode: half a surrogate pair at position {error.start}; '
            'send UTF-8 text'
        ) from error
    text = _LINE_BREAK.sub('\n', text).replace('\t', ' ')
    # A word with an accent is not seen as English and would fall silent in Chinese text.
    text = _ACCENTED.sub(lambda match: unicodedata.normalize('NFD', match[0])[0], text)
    return ''.join(
        character
        for character in text
        if character == '\n' or unicodedata.category(character) not in ('Cc', 'Cf')
    )
