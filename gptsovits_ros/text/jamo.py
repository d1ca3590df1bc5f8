"""Hangul syllables and their letters (jamo), and a notation for patterns over them.

Unicode has each consonant twice: as the first sound of a syllable (onset, U+1100..) and as its
last (coda, U+11A8..). The two look alike, so this package writes both with the letters of the
keyboard (U+3131..), and a coda in braces: "ㄱㅏ{ㄴ}" is 간.
"""

from __future__ import annotations

import re

ONSETS = 'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ'
VOWELS = 'ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ'
CODAS = 'ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ'
_FIRST_SYLLABLE, _FIRST_ONSET, _FIRST_VOWEL, _FIRST_CODA = 0xAC00, 0x1100, 0x1161, 0x11A8

_SYLLABLE = re.compile('[가-힣]')
_CODA = re.compile(r'\{(.+?)\}')
_ONSET_OR_VOWEL = str.maketrans(
    {
        **{letter: chr(_FIRST_ONSET + index) for index, letter in enumerate(ONSETS)},
        **{letter: chr(_FIRST_VOWEL + index) for index, letter in enumerate(VOWELS)},
    }
)
_CODA_OF = {letter: chr(_FIRST_CODA + index) for index, letter in enumerate(CODAS)}
_LETTERS = str.maketrans(
    {
        **{chr(_FIRST_ONSET + index): letter for index, letter in enumerate(ONSETS)},
        **{chr(_FIRST_VOWEL + index): letter for index, letter in enumerate(VOWELS)},
        **{chr(_FIRST_CODA + index): letter for index, letter in enumerate(CODAS)},
    }
)


def decompose(text: str) -> str:
    """Return the text with each Hangul syllable as its onset, vowel and coda; all else stays."""
    return _SYLLABLE.sub(lambda match: _jamo(match[0]), text)


def last_letter(character: str) -> str:
    """Return the coda of a syllable as a keyboard letter; empty if there is none."""
    return to_letters(_jamo(character)[2:]) if _SYLLABLE.fullmatch(character) else ''


def to_letters(text: str) -> str:
    """Return the text with onsets, vowels and codas as the letters of the keyboard."""
    return text.translate(_LETTERS)


def from_notation(notation: str) -> str:
    """Return the onsets, vowels and codas that a text in this module's notation stands for.

    Several codas in one pair of braces become a class of a regular expression: "{ㄱㄲ}".
    """
    return _CODA.sub(_codas, notation).translate(_ONSET_OR_VOWEL)


def _codas(match: re.Match[str]) -> str:
    codas = ''.join(_CODA_OF[letter] for letter in match[1])
    return codas if len(codas) == 1 else f'[{codas}]'


def _jamo(syllable: str) -> str:
    number = ord(syllable) - _FIRST_SYLLABLE
    number, coda = divmod(number, len(CODAS) + 1)
    onset, vowel = divmod(number, len(VOWELS))
    letters = chr(_FIRST_ONSET + onset) + chr(_FIRST_VOWEL + vowel)
    return letters + (chr(_FIRST_CODA + coda - 1) if coda else '')
