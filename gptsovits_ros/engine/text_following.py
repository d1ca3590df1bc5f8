"""The way along a text that a GPT is kept to, where its tokens tell their phonemes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

import numpy as np

from gptsovits_ros.semantic.text_path import PAUSE, UNSAID, CodePhonemes, TextPath
from gptsovits_ros.text.symbols import (
    ENGLISH_CONSONANTS,
    PAUSES,
    PUNCTUATION,
    symbol_ids,
    symbol_table,
)

TONES = '0123456'
# English consonants are often taken for one another, and less so if they last longer than the
# median. Of Mandarin ones that was not found (docs/bundled-voices.md).
CONSONANT_LASTING = 0.25


def text_path(codes: CodePhonemes, symbols: str, phoneme_ids: Sequence[int]) -> TextPath | None:
    """Return the way along a text; None if it has nothing that can be said.

    A phoneme that no token says gives way to that with another tone or stress; where there is none
    either, as in a language that the voice never learned, it is passed over.

    Args:
        codes: of the voice.
        symbols: version of its phoneme table.
        phoneme_ids: of the text, without prompt.

    """
    table = symbol_table(symbols)
    text = [_said(codes.phonemes, table, phoneme) for phoneme in phoneme_ids]
    if not any(phoneme >= 0 for phoneme in text):
        return None
    return TextPath(codes, text, _lasting(symbols))


@cache
def _lasting(symbols: str) -> Mapping[int, float]:
    """Return the phonemes of a table that do not last like the others (TextPath)."""
    consonants = symbol_ids(ENGLISH_CONSONANTS, symbols).tolist()
    return MappingProxyType(dict.fromkeys(consonants, CONSONANT_LASTING))


def _said(known: np.ndarray, table: Sequence[str], phoneme: int) -> int:
    if table[phoneme] in PUNCTUATION or table[phoneme] in PAUSES:
        return PAUSE
    if (known == phoneme).any():
        return int(phoneme)
    base = table[phoneme].rstrip(TONES)
    return next((id for id in known.tolist() if table[id].rstrip(TONES) == base), UNSAID)
