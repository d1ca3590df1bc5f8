"""Numbered pinyin syllables as phoneme symbols (gptsovits-spec section 3)."""

from __future__ import annotations

import re

from gptsovits_ros.text.symbols import UNKNOWN

_SYLLABLE = re.compile('(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?([aeiouv][a-z]*)([1-5])')
_WITHOUT_INITIAL = {'a': 'AA', 'o': 'OO', 'e': 'EE'}
_AFTER_Y = {'an': 'En', 'e': 'E'}


def symbols(pinyin: str) -> tuple[str, ...]:
    """Return the two symbols of a syllable: "zhong1" -> ("zh", "ong1"), "er2" -> ("EE", "er2").

    Whatever is not a syllable with a vowel and a tone 1..5 (5 is neutral) gives one symbol, UNK.
    The rule knows no list of syllables, so a wrong one ("bua1") can give a final that no model
    has; the symbol table decides that.

    Args:
        pinyin: in ASCII, with "v" for ü and the tone at the end.

    """
    match = _SYLLABLE.fullmatch(pinyin)
    if not match:
        return (UNKNOWN,)
    initial, final, tone = match.groups()
    if initial is None:
        first = _WITHOUT_INITIAL.get(final[0])
        return (first, final + tone) if first else (UNKNOWN,)
    return initial, _final(initial, final) + tone


def _final(initial: str, final: str) -> str:
    """Return the symbol of a final; it tells apart vowels that pinyin writes alike."""
    if initial == 'y' and final in _AFTER_Y:
        return _AFTER_Y[final]
    if final == 'i' and initial in ('zh', 'ch', 'sh', 'r'):
        return 'ir'
    if final == 'i' and initial in ('z', 'c', 's'):
        return 'i0'
    if final.startswith('u') and initial in ('j', 'q', 'x', 'y'):
        return 'v' + final[1:]
    return final
