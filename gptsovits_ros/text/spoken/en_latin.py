"""How English speakers read a written word: capitals, camel case, accents, code and addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gptsovits_ros.text.spoken import en_numbers as numbers
from gptsovits_ros.text.spoken import en_tables as tables
from gptsovits_ros.text.spoken.latin_letters import humps, without_accents

_VOWEL = re.compile('[AEIOUY]')
# Consonants that no English word begins or ends with.
_UNSPEAKABLE = re.compile(
    '[^AEIOUY]{4}|^[^AEIOUY]{3}(?<!SCR)(?<!SPL)(?<!SPR)(?<!STR)(?<!THR)(?<!SCH)(?<!SHR)'
    '|^(?:[BDFGKLMNPRTV][BCDFGJKMNPQTVXZ]|[LMN]R|RL|H[^AEIOUY]|W[^AEIOUYHR])'
    '|[AEIOUY](?:[BDFGPV][BDGMPV]|[BDV]N|[JQ]|CB|TK|TD|TF|TM|PF|GN)$'
)
_LETTERS = str.maketrans(
    {'ß': 'ss', 'æ': 'ae', 'Æ': 'Ae', 'œ': 'oe', 'Œ': 'Oe', 'ø': 'o', 'Ø': 'O', 'ł': 'l',
     'Ł': 'L', 'đ': 'd', 'Đ': 'D', 'ð': 'd', 'þ': 'th', 'Þ': 'Th', 'ı': 'i', '’': "'"}
)  # fmt: skip
_PLAIN_IN_CODE = frozenset('com org net gov edu info app dev doc docs zip bin log'.split())


def plain_letters(text: str) -> str:
    """Return the text without accents: "café" is "cafe"; other scripts stay as they are."""
    if text.isascii():
        return text
    return without_accents(text.translate(_LETTERS))


def spell(letters: str) -> str:
    """Return letters as capitals with spaces between."""
    return ' '.join(letters.upper())


def is_acronym(word: str) -> bool:
    """Tell whether capitals are spelled, as in "FBI", and not a word, as in "NASA"."""
    if len(word) < 2 or word in tables.WORD_ACRONYMS:
        return len(word) == 1
    if word in tables.SPELLED:
        return True
    if len(word) <= 3:
        return word not in tables.STRESSED
    return not _VOWEL.search(word) or bool(_UNSPEAKABLE.search(word))


def read_word(written: str, shouted: bool = False) -> str:
    """Return a word as it is said, written in such a way that no capital stands inside a word.

    Args:
        written: letters, with apostrophes or dots between them.
        shouted: the words around it are in capitals, too.

    """
    word = plain_letters(written)
    if not word.isascii():
        return word  # letters that have no name here
    if '.' in word:
        return spell(word.replace('.', ''))
    if word in tables.BRANDS:
        return tables.BRANDS[word]
    stem, ending = _stem_and_ending(word)
    if stem in tables.BRANDS:
        return tables.BRANDS[stem] + ending
    if len(stem) == 1:
        return word
    if stem.isupper():
        return _read_capitals(stem, shouted) + ending.lower()
    if stem.islower():
        return _read_small_letters(stem) + ending
    if stem[1:].islower():
        return word
    return _read_camel_case(stem) + ending


def _stem_and_ending(word: str) -> tuple[str, str]:
    """Return a word and its "'s", which the plural of capitals ("APIs") gets as well."""
    stem, apostrophe, ending = word.partition("'")
    if apostrophe and ending.lower() == 's':
        return stem, "'s"
    if len(word) > 2 and word[-1] == 's' and word[:-1].isupper():
        return word[:-1], "'s" if is_acronym(word[:-1]) else 's'
    return word, ''


def _read_capitals(word: str, shouted: bool) -> str:
    if "'" in word:  # "CAN'T", "O'NEIL"
        return word[0] + word[1:].lower()
    if shouted and (word in tables.SHOUTED or len(word) > 2 and word not in tables.SPELLED):
        return word.lower() if _VOWEL.search(word) else spell(word)
    if is_acronym(word):
        return spell(word)
    return word.capitalize() if word in tables.WORD_ACRONYMS else word.lower()


def _read_small_letters(word: str) -> str:
    if word in tables.SPELLED_IN_LOWER_CASE:
        plural = len(word) > 2 and word[-1] == 's' and word[:-1] in tables.SPELLED_IN_LOWER_CASE
        return f"{spell(word[:-1])}'s" if plural else spell(word)
    if not _VOWEL.search(word.upper()) and word not in tables.VOWELLESS_WORDS:
        return spell(word)
    return word


def _read_camel_case(word: str) -> str:
    if "'" in word:  # "O'Neil", "D'Angelo"
        return word[0] + word[1:].lower()
    if re.fullmatch('Ma?c[A-Z][a-z]+', word) and word not in ('MacBook', 'MacOS'):
        return word.capitalize()
    return ' '.join(read_word(hump) for hump in humps(word) or [word])


def read_code(words: Iterable[str], silent: str = '') -> str:
    """Return the words and signs of an address, a path or a name in a program.

    Args:
        words: as `common.code_words` gives them.
        silent: signs that are not said.

    """
    spoken = [_read_code_word(word) for word in words if word not in silent]
    return ' '.join(word for word in spoken if word)


def _read_code_word(word: str) -> str:
    if word.isdecimal() and word.isascii():
        return numbers.code(word)
    if word in tables.CODE_SIGNS:
        return tables.CODE_SIGNS[word]
    if not word[0].isalpha():
        return ''
    word = plain_letters(word)
    if word.lower() in _PLAIN_IN_CODE:
        return word.lower()
    if word.islower() and (word.upper() in tables.SPELLED or len(word) == 2):
        return word if word in _SHORT_WORDS else spell(word)
    return read_word(word) if len(word) > 1 else word.upper()


_SHORT_WORDS = frozenset(
    'to of in on my me go do no so we up us it is by at an as be he or if co ok'.split()
)
