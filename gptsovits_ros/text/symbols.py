"""The phoneme tables of the models: which symbol has which id (gptsovits-spec section 3).

Both tables are sorted sets, so they are built from their parts here and compared with the official
lists by the tests. An id is a position in the table; checkpoints depend on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np

from gptsovits_ros.errors import ConfigurationError

SYMBOL_VERSIONS = ('v1', 'v2')
PUNCTUATION = ('!', '?', '…', ',', '.', '-')
PAUSES = ('SP', 'SP2', 'SP3')
UNKNOWN = 'UNK'
# All that is no sound; the last six are accents and word boundaries of Japanese and Korean.
SILENT = frozenset((*PUNCTUATION, *PAUSES, UNKNOWN, *'_[]#空停'))

_MANDARIN_INITIALS = 'AA EE OO b c ch d f g h j k l m n p q r s sh t w x y z zh'.split()
_MANDARIN_FINALS = (
    'E En a ai an ang ao e ei en eng er i i0 ia ian iang iao ie in ing iong ir iu o ong ou '
    'u ua uai uan uang ui un uo v van ve vn'
).split()
_JAPANESE = (
    'I N U a b by ch cl d dy e f g gy h hy i j k ky m my n ny o p py r ry s sh t ts u v w y z'
).split()
_ENGLISH_VOWELS = 'AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW'.split()
_ENGLISH_UNSTRESSED = ('ER', 'IH')  # the only two vowels that also occur without a stress digit
ENGLISH_CONSONANTS = tuple('B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH'.split())

_KOREAN = 'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎㅏㅐㅓㅔㅗㅜㅡㅣ停空'
_CANTONESE_INITIALS = 'b c d f g gw h j k kw l m n ng p s t w z'.split()
_CANTONESE_TONELESS = 'a aa ai ak au e o oi ok on ou uk'.split()
_CANTONESE_FINALS = (
    'a aa aai aak aam aan aang aap aat aau ai ak am an ang ap at au e ei ek eng eoi eon eot g i '
    'ik im in ing ip it iu k m n o oe oek oeng oi ok on ong ot ou p t u ui uk un ung ut yu yun yut'
).split()


def _version_1() -> list[str]:
    symbols = {'_', UNKNOWN, *PUNCTUATION, *PAUSES, *_MANDARIN_INITIALS, *_JAPANESE}
    symbols.update(final + tone for final in _MANDARIN_FINALS for tone in '12345')
    symbols.update(vowel + stress for vowel in _ENGLISH_VOWELS for stress in '012')
    symbols.update(_ENGLISH_UNSTRESSED, ENGLISH_CONSONANTS)
    return sorted(symbols)


def _version_2() -> list[str]:
    cantonese = {*_CANTONESE_INITIALS, *_CANTONESE_TONELESS}
    cantonese.update(final + tone for final in _CANTONESE_FINALS for tone in '123456')
    return [*_version_1(), '[', ']', *sorted(_KOREAN), *sorted('Y' + part for part in cantonese)]


@cache
def symbol_table(version: str) -> tuple[str, ...]:
    """Return all phoneme symbols in id order: 322 for "v1", 732 for "v2".

    Args:
        version: "v1", or "v2" (which v2Pro, v2ProPlus, v3 and v4 use too).

    Raises:
        ConfigurationError: for any other version.

    """
    if version == 'v1':
        return tuple(_version_1())
    if version == 'v2':
        return tuple(_version_2())
    raise ConfigurationError(
        f'there is no symbol table "{version}"; known are {", ".join(SYMBOL_VERSIONS)}'
    )


@cache
def _symbol_positions(version: str) -> dict[str, int]:
    return {symbol: position for position, symbol in enumerate(symbol_table(version))}


def symbol_ids(phonemes: Iterable[str], version: str) -> np.ndarray:
    """Return the ids of phonemes as int64 [P]; a symbol that the table lacks becomes UNK.

    Args:
        phonemes: P symbols.
        version: as in `symbol_table`.

    """
    positions = _symbol_positions(version)
    unknown = positions[UNKNOWN]
    return np.array([positions.get(symbol, unknown) for symbol in phonemes], dtype=np.int64)


def is_known(symbol: str, version: str) -> bool:
    """Tell whether the table of a version has this symbol."""
    return symbol in _symbol_positions(version)
