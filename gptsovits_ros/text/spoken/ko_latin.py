"""Latin letters in Korean text: names of letters, and words with a Korean form."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gptsovits_ros.text.spoken import ko_numbers as numbers
from gptsovits_ros.text.spoken import ko_tables as tables
from gptsovits_ros.text.spoken.latin_letters import has_acronym, humps, without_accents

_LONGEST_SPELLED = 5
_VOWEL = re.compile('[aeiouy]')


def read_letters(text: str) -> str:
    """Return the names of the letters: "AI" is 에이아이; what is no letter A to Z is silent."""
    return ''.join(tables.LETTERS.get(letter, '') for letter in text.upper())


def read_word(written: str) -> str:
    """Return a Latin word as Korean speakers say it, or unchanged if it has no Korean form."""
    word = without_accents(written.replace('’', "'"))
    known = tables.WORDS.get(word.lower())
    if known:
        return known
    if not word.isascii():
        return written
    letters = word.replace('.', '').replace("'", '')
    has_vowel = bool(_VOWEL.search(word.lower()))
    if len(letters) == 1 or '.' in word or not has_vowel:
        return read_letters(letters)
    if word.isupper() and len(letters) <= _LONGEST_SPELLED:
        return read_letters(letters)
    if len(letters) <= 4 and sum(map(str.isupper, letters)) > 1:
        return read_letters(letters)
    parts = humps(word)
    if has_acronym(parts):
        return ' '.join(map(read_word, parts))
    return written


def read_code(words: Iterable[str]) -> str:
    """Return an address, a path or a name in a program: its words, signs and numbers.

    Args:
        words: as `common.code_words` gives them.

    """
    spoken: list[str] = []
    for word in words:
        if word == 'com' and spoken and spoken[-1] == tables.CODE_SIGNS['.']:
            spoken[-1] = '닷컴'
        else:
            spoken.append(_read_code_word(word))
    return ' '.join(word for word in spoken if word)


def _read_code_word(word: str) -> str:
    if word.isascii() and word.isdecimal():
        return numbers.digits(word) if len(word) > 2 or word[0] == '0' else numbers.sino(word)
    if word in tables.CODE_SIGNS:
        return tables.CODE_SIGNS[word]
    spoken = read_word(word) if word[0].isalpha() else ''
    return read_letters(spoken) if spoken.isascii() and 0 < len(spoken) < 4 else spoken
