"""The door of the text room: text in, phonemes out (gptsovits-spec sections 4 and 9.2)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from gptsovits_ros.errors import TextInvalidError
from gptsovits_ros.text import split, ssml
from gptsovits_ros.text.language import main_language
from gptsovits_ros.text.reader import SegmentReader
from gptsovits_ros.text.readings import PLACEHOLDER, Placeholders
from gptsovits_ros.text.spoken_form import passages, spoken_form
from gptsovits_ros.text.symbols import SILENT, symbol_ids
from gptsovits_ros.text.user_lexicon import LANGUAGES, Lexicon, find_words
from gptsovits_ros.types import Phonemes, Reading, Segment

# The models were trained on whole sentences; with less they babble.
_FEWEST_PHONEMES = 6
_LINE_BREAK = re.compile('\r\n?|[\x0b\x0c\x85\u2028\u2029]')
_BLANK_LINES = re.compile(r'\s*\n\s*')
_ACCENTED = re.compile('[\u00c0-\u024f]')


class TextFrontend:
    """Cuts text into segments and turns each into phonemes of one symbol table.

    The tables of a language are read when it is first needed; `load` does it beforehand. Calls
    only read, so one instance may serve several threads once the languages are loaded.
    """

    def __init__(
        self,
        symbol_version: str = 'v2',
        upstream_compatible: bool = False,
        lexicons: Sequence[Lexicon] = (),
        model_root: Path | None = None,
    ) -> None:
        """Choose the symbol table and how text is read.

        Args:
            symbol_version: "v1", or "v2" for all later models.
            upstream_compatible: True reads numbers, signs and abbreviations exactly as the
                official frontend does, with its mistakes; False as a listener would say them.
            lexicons: pronunciations that count for every text, the most important first.
            model_root: folder of the official models; those for text are used where they are
                present (docs/languages.md). None: what the installed packages bring.

        Raises:
            ConfigurationError: for an unknown symbol table.

        """
        self._reader = SegmentReader(symbol_version, model_root, upstream_compatible)
        self.symbol_version = symbol_version
        self.upstream_compatible = upstream_compatible
        self._lexicons = tuple(lexicons)

    def load(self, tags: Iterable[str]) -> None:
        """Read all that these language tags need, so that the first sentence is not slow.

        Args:
            tags: some of `types.LANGUAGES`. "auto" and "auto_yue" load Chinese and English; other
                languages follow when a text has them.

        Raises:
            LanguageUnsupportedError: for an unknown tag, or one that the symbol table lacks.
            DependencyMissingError: if a package or dictionary is not installed.

        """
        self._reader.load(tags)

    def segments(
        self, text: str, language: str, method: str, lexicons: Sequence[Lexicon] = ()
    ) -> list[Segment]:
        """Return the pieces in which a text is spoken, at least one.

        Args:
            text: plain text, or SSML if it starts with <speak> (docs/pronunciation.md); control
                characters are dropped.
            language: one of `types.LANGUAGES`.
            method: one of `types.SPLIT_METHODS`.
            lexicons: pronunciations for this text, which win over those of the frontend.

        Raises:
            TextInvalidError: if the text has no word, is not valid Unicode, or has a mark that is
                not supported.
            LanguageUnsupportedError: for an unknown tag, or one that the symbol table lacks.
            ParameterInvalidError: for an unknown method.

        """
        segments = []
        for whole in self._stretches(text, language, lexicons):
            pieces = split.split_text(whole.marked, whole.language, method)
            parts = [replace(whole, marked=piece, pause_s=None) for piece in pieces]
            if parts:
                parts[-1] = replace(parts[-1], pause_s=whole.pause_s)
            segments.extend(parts)
        if not segments:
            raise TextInvalidError(
                f'nothing in the text of {len(text)} characters can be spoken; send words'
            )
        return segments

    def spoken(self, text: str, language: str, lexicons: Sequence[Lexicon] = ()) -> str:
        """Return what is said, in writing: numbers and signs as words.

        A frontend that is compatible with upstream gives the text as it was written; there, words
        are found segment by segment (Phonemes.norm_text).

        Args:
            text: as in `segments`, as are `language`, `lexicons` and the errors.
            language: one of `types.LANGUAGES`.
            lexicons: pronunciations for this text.

        """
        stretches = self._stretches(text, language, lexicons)
        return ' '.join(whole.text.strip() for whole in stretches)

    def phonemes(self, text: str, language: str, lexicons: Sequence[Lexicon] = ()) -> Phonemes:
        """Return the phonemes of a text without marks, read as one segment.

        Args:
            text: plain text.
            language: one of `types.LANGUAGES`.
            lexicons: pronunciations for this text, which win over those of the frontend.

        Raises:
            TextInvalidError: if the text has no sound, or is not valid Unicode.
            LanguageUnsupportedError: for an unknown tag; for a language that the symbol table
                lacks, as the tag or in a piece of the text.
            DependencyMissingError: if a package or dictionary for this text is not installed.

        """
        self._reader.check_language(language)
        return self.read(self._stretch(ssml.Run((text,)), language, lexicons))

    def read(self, segment: Segment) -> Phonemes:
        """Return the phonemes of a segment; raises as `phonemes`."""
        text = segment.marked.replace('\n', ' ')
        spans = self._reader.spans(text, segment.language, segment.readings)
        if sum(len(span.phonemes) for span in spans) < _FEWEST_PHONEMES:
            spans = self._reader.spans(f'.{text}', segment.language, segment.readings)
        symbols = [symbol for span in spans for symbol in span.phonemes]
        if SILENT.issuperset(symbols):
            raise TextInvalidError(
                f'a part of the text ({len(text)} characters) has nothing that can be spoken '
                f'in "{segment.language}"; send words in that language'
            )
        return Phonemes(
            segment.text.strip(), tuple(spans), symbol_ids(symbols, self.symbol_version)
        )

    def prompt(self, text: str, language: str, lexicons: Sequence[Lexicon] = ()) -> Phonemes:
        """Return the phonemes of the transcript of a reference clip.

        Args:
            text: what is said in the clip; a full stop is added where the end has no mark.
            language: one of `types.LANGUAGES`.
            lexicons: pronunciations for this text, which win over those of the frontend.

        Raises:
            GptsovitsError: as `phonemes`.

        """
        self._reader.check_language(language)
        stop = split.full_stop(language)
        lines = _BLANK_LINES.split(_clean(text).strip())
        sentences = (line if split.ends_with_mark(line) else line + stop for line in lines if line)
        joint = ' ' if language == 'en' else ''
        return self.phonemes(joint.join(sentences), language, lexicons)

    def _stretches(self, text: str, language: str, lexicons: Sequence[Lexicon]) -> list[Segment]:
        """Return a text as it is said, cut only where its marks change the way of speaking."""
        self._reader.check_language(language)
        _check_unicode(text)
        runs = ssml.runs(text) if ssml.is_markup(text) else [ssml.Run((text,))]
        found = []
        for run in runs:
            tag = run.language or language
            self._reader.check_language(tag)
            found.append(self._stretch(run, tag, lexicons))
        for position, (whole, _) in enumerate(pairwise(found)):
            # In the middle of a sentence nobody stops.
            if whole.pause_s is None and not split.ends_with_mark(whole.marked.rstrip()):
                found[position] = replace(whole, pause_s=0.0)
        return found

    def _stretch(self, run: ssml.Run, tag: str, lexicons: Sequence[Lexicon]) -> Segment:
        placeholders = Placeholders()
        lexicons = (*lexicons, *self._lexicons)
        marked = ''
        for part in run.parts:
            if isinstance(part, str):
                marked += _with_lexicons(_clean(part), tag, lexicons, placeholders)
            else:
                language = part.language or passages(part.word, tag)[0][0]
                marked += placeholders.add(Reading(language, part.word, part.phonemes))
        # A word with an accent is not seen as English and would fall silent in Chinese text.
        marked = _ACCENTED.sub(lambda match: unicodedata.normalize('NFD', match[0])[0], marked)
        if not self.upstream_compatible:
            marked = spoken_form(marked, tag)
        return Segment(marked, tag, run.pause_s, run.rate, placeholders.readings)


def _with_lexicons(
    text: str, tag: str, lexicons: Sequence[Lexicon], placeholders: Placeholders
) -> str:
    """Return a text with respelled words, and placeholders for those with given phonemes."""
    if not lexicons:
        return text
    found = []
    for word, entry in find_words(text, lexicons, _lexicon_languages(text, tag)):
        if entry is None:
            found.append(word)
        elif entry.say:
            found.append(_clean(entry.say))
        else:
            found.append(placeholders.add(Reading(entry.language, word, entry.phonemes)))
    return ''.join(found)


def _lexicon_languages(text: str, tag: str) -> tuple[str, ...]:
    """Return whose entries count, the most important first; English words are in every text."""
    if tag in ('auto', 'auto_yue'):
        spoken = (language for language, _ in passages(text, tag))
        # What looks Chinese is Cantonese with one tag, and Mandarin with the other.
        others = set(LANGUAGES) - {'zh' if tag == 'auto_yue' else 'yue'}
        return tuple(dict.fromkeys((*spoken, 'en', *sorted(others))))
    return tuple(dict.fromkeys((main_language(tag), 'en')))


def _check_unicode(text: str) -> None:
    try:
        text.encode('utf-8')
    except UnicodeEncodeError as error:
        raise TextInvalidError(
            f'the text is not valid Unicode: half a surrogate pair at position {error.start}; '
            'send UTF-8 text'
        ) from error


def _clean(text: str) -> str:
    """Return text without control, format and placeholder characters, its line breaks alike."""
    _check_unicode(text)
    # One character for each syllable and each kana, however they were typed.
    text = unicodedata.normalize('NFC', text)
    text = PLACEHOLDER.sub('', _LINE_BREAK.sub('\n', text).replace('\t', ' '))
    return ''.join(
        character
        for character in text
        if character == '\n' or unicodedata.category(character) not in ('Cc', 'Cf')
    )
