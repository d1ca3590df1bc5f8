"""Latin letters in Japanese text: names of letters, words with a Japanese form, romaji."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gptsovits_ros.text.spoken import ja_numbers as numbers
from gptsovits_ros.text.spoken import ja_tables as tables
from gptsovits_ros.text.spoken.latin_letters import has_acronym, humps, without_accents

_LONGEST_SPELLED = 5
_VOWEL = re.compile('[aeiou]')
_ROWS = {
    '': 'アイウエオ', 'k': 'カキクケコ', 's': 'サシスセソ', 't': 'タチツテト', 'n': 'ナニヌネノ',
    'h': 'ハヒフヘホ', 'm': 'マミムメモ', 'y': 'ヤ ユ ヨ', 'r': 'ラリルレロ', 'w': 'ワ   ヲ',
    'g': 'ガギグゲゴ', 'z': 'ザジズゼゾ', 'd': 'ダ  デド', 'b': 'バビブベボ', 'p': 'パピプペポ',
}  # fmt: skip
_GLIDES = {
    'ky': 'キ', 'sh': 'シ', 'ch': 'チ', 'ny': 'ニ', 'hy': 'ヒ', 'my': 'ミ', 'ry': 'リ', 'gy': 'ギ',
    'j': 'ジ', 'by': 'ビ', 'py': 'ピ',
}  # fmt: skip
_SYLLABLES = {
    **{onset + vowel: kana for onset, row in _ROWS.items()
       for vowel, kana in zip('aiueo', row, strict=False) if kana != ' '},
    **{onset + vowel: kana + small for onset, kana in _GLIDES.items()
       for vowel, small in zip('auo', 'ャュョ', strict=True)},
    'shi': 'シ', 'chi': 'チ', 'tsu': 'ツ', 'fu': 'フ', 'ji': 'ジ', 'n': 'ン',
}  # fmt: skip
# In romaji, a doubled consonant is a stop.
_ROMAJI = re.compile('([kstpgdbzj])(?=\\1)|' + '|'.join(sorted(_SYLLABLES, key=len, reverse=True)))


def read_letters(text: str) -> str:
    """Return the names of the letters: "AI" is エーアイ; what is no letter A to Z is silent."""
    return ''.join(tables.LETTERS.get(letter, '') for letter in text.upper())


def read_word(written: str) -> str:
    """Return a Latin word as Japanese speakers say it, or unchanged if it has no Japanese form."""
    word = without_accents(written.replace('’', "'"))
    known = tables.WORDS.get(word.lower())
    if known:
        return known
    if not word.isascii():
        return written
    letters = word.replace('.', '').replace("'", '')
    if word.isupper() and (len(letters) <= _LONGEST_SPELLED or not _VOWEL.search(word.lower())):
        return read_letters(letters)
    if len(letters) == 1 or '.' in word or not (_VOWEL.search(word) or 'y' in word):
        return read_letters(letters)
    if len(letters) <= 4 and sum(map(str.isupper, letters)) > 1:
        return read_letters(letters)
    parts = humps(word)
    if has_acronym(parts):
        return ''.join(map(read_word, parts))
    return written


def read_code(words: Iterable[str]) -> str:
    """Return an address, a path or a name in a program: its words, signs and numbers.

    Args:
        words: as `common.code_words` gives them.

    """
    return ''.join(map(_read_code_word, words))


def _read_code_word(word: str) -> str:
    if word.isascii() and word.isdecimal():
        return numbers.digits(word) if len(word) > 2 or word[0] == '0' else numbers.katakana(word)
    if word in tables.CODE_SIGNS:
        return tables.CODE_SIGNS[word]
    spoken = read_word(word) if word[0].isalpha() else ''
    if not spoken.isascii() or not spoken:
        return spoken
    return _from_romaji(spoken.lower()) or (read_letters(spoken) if len(spoken) < 5 else spoken)


def _from_romaji(word: str) -> str:
    kana = []
    position = 0
    while match := _ROMAJI.match(word, position):
        kana.append('ッ' if match[1] else _SYLLABLES[match[0]])
        position = match.end()
    return ''.join(kana) if position == len(word) and len(word) > 3 else ''
