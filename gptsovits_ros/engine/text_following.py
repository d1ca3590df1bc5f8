"""The way along a text that a GPT is kept to, where its tokens tell their phonemes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gptsovits_ros.semantic.text_path import CodePhonemes, TextPath
from gptsovits_ros.text.symbols import PAUSES, PUNCTUATION, symbol_table

TONES = '0123456'


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
    spoken: list[int] = []
    has_pause: list[bool] = []
    for phoneme in phoneme_ids:
        if table[phoneme] in PUNCTUATION or table[phoneme] in PAUSES:
            has_pause[-1:] = [True] if has_pause else []
        elif (sayable := _nearest(codes.phonemes, table, phoneme)) is not None:
            spoken.append(sayable)
            has_pause.append(False)
    return TextPath(codes, spoken, has_pause) if spoken else None


def _nearest(known: np.ndarray, table: Sequence[str], phoneme: int) -> int | None:
    if (known == phoneme).any():
        return int(phoneme)
    base = table[phoneme].rstrip(TONES)
    return next((id for id in known.tolist() if table[id].rstrip(TONES) == base), None)
