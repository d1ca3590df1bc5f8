"""Words that a user wants said otherwise: the file lexicon.yaml (docs/pronunciation.md)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.text.alphabets import ALPHABETS, UnknownSoundError, parse

FORMAT = 1
LANGUAGES = ('zh', 'en', 'ja', 'ko', 'yue')
MAX_FILE_BYTES = 1024 * 1024
MAX_WORD_LENGTH = 100
MAX_SAY_LENGTH = 500

# How an entry may give the pronunciation, besides "say" -> the alphabet.
_ALPHABET_KEYS = {'phonemes': 'gptsovits', 'pinyin': 'pinyin', 'jyutping': 'jyutping'}
# Scripts that put spaces between words; in others an entry may be a part of a longer run.
_SPACED = re.compile(r'[^\W_\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af]')


@dataclass(frozen=True)
class Entry:
    """How one word is said: as another text, or with given phonemes.

    Attributes:
        language: language of the entry.
        say: text to read in place of the word; empty: `phonemes` count.
        phonemes: symbols of the phoneme set.

    """

    language: str
    say: str = ''
    phonemes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lexicon:
    """The entries of one file.

    Attributes:
        entries: by language and word, normalised to NFC.

    """

    entries: Mapping[str, Mapping[str, Entry]] = field(default_factory=dict)

    def lengths(self, languages: Sequence[str]) -> set[int]:
        """Return which lengths the words of some languages have."""
        return {len(word) for language in languages for word in self.entries.get(language, ())}

    def entry(self, word: str, languages: Sequence[str]) -> Entry | None:
        """Return the entry of a word in the first language that has one.

        An entry in lower case counts for any case.
        """
        for language in languages:
            words = self.entries.get(language, {})
            found = words.get(word) or words.get(word.lower())
            if found:
                return found
        return None


def find_words(
    text: str, lexicons: Sequence[Lexicon], languages: Sequence[str]
) -> Iterator[tuple[str, Entry | None]]:
    """Yield a text in pieces: words of the lexicons with their entry, and what is between.

    At each place the longest word counts, and among equally long ones that of the first lexicon.

    Args:
        text: in NFC.
        lexicons: the most important first.
        languages: the most important first.

    """
    lengths = sorted({n for lexicon in lexicons for n in lexicon.lengths(languages)}, reverse=True)
    start = at = 0
    while at < len(text):
        found = None
        for length in lengths:
            if at + length <= len(text) and _is_whole(text, at, at + length):
                found = _first(text[at : at + length], lexicons, languages)
            if found:
                break
        if not found:
            at += 1
            continue
        if start < at:
            yield text[start:at], None
        yield text[at : at + length], found
        start = at = at + length
    if start < len(text):
        yield text[start:], None


def _first(word: str, lexicons: Sequence[Lexicon], languages: Sequence[str]) -> Entry | None:
    entries = (lexicon.entry(word, languages) for lexicon in lexicons)
    return next((entry for entry in entries if entry), None)


def _is_whole(text: str, start: int, end: int) -> bool:
    """Tell whether no word of a script with spaces is cut at either end."""
    return not any(
        0 < place < len(text) and _SPACED.match(text[place - 1]) and _SPACED.match(text[place])
        for place in (start, end)
    )


def lexicons_at(path: Path | str | None) -> tuple[Lexicon, ...]:
    """Return the lexicon of a file, where one is named; raises as `load_lexicon`."""
    return (load_lexicon(Path(path)),) if path else ()


def load_lexicon(path: Path) -> Lexicon:
    """Read a lexicon.

    Raises:
        ConfigurationError: if the file cannot be read, is too large, or has something wrong in it;
            the message names the word.

    """
    tree = _load_yaml(path)
    if not isinstance(tree, dict) or tree.get('format') != FORMAT:
        raise ConfigurationError(f'{path} is no lexicon of format {FORMAT}: its first line must '
                                 f'be "format: {FORMAT}"')  # fmt: skip
    unknown = [str(key) for key in tree if key not in (*LANGUAGES, 'format')]
    if unknown:
        raise ConfigurationError(
            f'{path}: "{unknown[0][:40]}" is no language of a lexicon; known are '
            + ', '.join(LANGUAGES)
        )
    return Lexicon({language: _words(path, language, tree[language])
                    for language in LANGUAGES if tree.get(language)})  # fmt: skip


def _load_yaml(path: Path) -> Any:
    try:
        with path.open('rb') as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f'cannot read the lexicon {path}: {error.strerror}') from error
    if len(data) > MAX_FILE_BYTES:
        raise ConfigurationError(f'the lexicon {path} is larger than {MAX_FILE_BYTES} bytes')
    try:
        text = data.decode('utf-8')
        # An alias lets a small file become a huge tree.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise ConfigurationError(f'the lexicon {path} has a YAML alias; write the entry out')
        return yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f'the lexicon {path} is not valid YAML: {error}') from error


def _words(path: Path, language: str, tree: Any) -> dict[str, Entry]:
    if not isinstance(tree, dict):
        raise ConfigurationError(f'{path}: "{language}" must be a map from words to entries')
    words = {}
    for word, value in tree.items():
        if not isinstance(word, str) or not 1 <= len(word.strip()) <= MAX_WORD_LENGTH:
            raise ConfigurationError(
                f'{path}: {str(word)[:40]!r} in "{language}" is no word: write it in quotes, with '
                f'1 to {MAX_WORD_LENGTH} characters'
            )
        try:
            words[unicodedata.normalize('NFC', word.strip())] = _entry(language, value)
        except ValueError as error:
            raise ConfigurationError(
                f'{path}: the word "{word}" in "{language}": {error}'
            ) from error
    return words


def _entry(language: str, value: Any) -> Entry:
    """Return an entry; a ValueError tells what is wrong."""
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError('an entry is {say: "..."} or {phonemes: "..."}')
    ((kind, text),) = value.items()
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f'"{kind}" needs a text in quotes')
    if kind == 'say':
        if len(text) > MAX_SAY_LENGTH:
            raise ValueError(f'"say" has more than {MAX_SAY_LENGTH} characters')
        return Entry(language, say=unicodedata.normalize('NFC', text.strip()))
    if kind not in _ALPHABET_KEYS:
        raise ValueError(f'"{kind}" is unknown; known are say, ' + ', '.join(_ALPHABET_KEYS))
    alphabet = _ALPHABET_KEYS[kind]
    wanted, _ = ALPHABETS[alphabet]
    if wanted not in (None, language):
        raise ValueError(f'"{kind}" is for "{wanted}" only')
    try:
        return Entry(language, phonemes=parse(text, alphabet))
    except UnknownSoundError as error:
        raise ValueError(str(error)) from error
