"""Ways to write a pronunciation: the symbols of the models, ARPAbet, Pinyin, Jyutping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gptsovits_ros.text import g2p_yue, pinyin
from gptsovits_ros.text.symbols import UNKNOWN, is_known

MAX_PHONEMES = 200
# The larger of the two tables; what the smaller one lacks is UNK there, as in any other text.
_TABLE = 'v2'
_SILENT = frozenset((UNKNOWN, '_', *'空停'))


class UnknownSoundError(ValueError):
    """A part of a pronunciation is not in its alphabet; the message names it."""


def _symbol(part: str) -> tuple[str, ...]:
    return (part,) if is_known(part, _TABLE) and part not in _SILENT else ()


def _arpabet(part: str) -> tuple[str, ...]:
    return (part,) if part.isascii() and part.isupper() and _symbol(part) else ()


def _pinyin(part: str) -> tuple[str, ...]:
    return _unless_unknown(pinyin.symbols(part.replace('ü', 'v')))


def _jyutping(part: str) -> tuple[str, ...]:
    return _unless_unknown(g2p_yue.symbols(part))


def _unless_unknown(symbols: tuple[str, ...]) -> tuple[str, ...]:
    return symbols if all(map(_symbol, symbols)) else ()


# Name -> the language of its sounds (None: that of the text around), and how one part is read.
ALPHABETS: Mapping[str, tuple[str | None, Callable[[str], tuple[str, ...]]]] = MappingProxyType(
    {
        'gptsovits': (None, _symbol),
        'arpabet': ('en', _arpabet),
        'pinyin': ('zh', _pinyin),
        'jyutping': ('yue', _jyutping),
    }
)


def parse(pronunciation: str, alphabet: str) -> tuple[str, ...]:
    """Return the phonemes of a pronunciation.

    Args:
        pronunciation: symbols or syllables between spaces, e.g. "W IH1 N" or "chong2 qing4".
        alphabet: one of ALPHABETS.

    Raises:
        UnknownSoundError: if it is empty, too long, or has a part that is not in the alphabet.

    """
    _, read = ALPHABETS[alphabet]
    phonemes: list[str] = []
    for part in pronunciation.split():
        found = read(part)
        if not found:
            raise UnknownSoundError(f'"{part[:40]}" is no sound of the alphabet "{alphabet}"')
        phonemes.extend(found)
    if not 1 <= len(phonemes) <= MAX_PHONEMES:
        raise UnknownSoundError(
            f'a pronunciation has 1 to {MAX_PHONEMES} phonemes, this one has {len(phonemes)}'
        )
    return tuple(phonemes)
