"""When each phoneme of a segment begins, in semantic tokens (docs/marks.md). No torch.

Onsets are float64 [P + 1]: token number at which each phoneme begins, and at which the last one
ends; they never fall.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gptsovits_ros.semantic.token_table import TokenTable, best_way
from gptsovits_ros.text.durations import MEANS_MS, mean_duration

TOKENS_PER_S = 25.0


def by_durations(symbols: Sequence[str], start: float, total: float) -> np.ndarray:
    """Return onsets that share the time up to the end in proportion to mean durations.

    Args:
        symbols: the phonemes [P] that are still to come, all or the last ones.
        start: where the first of them begins [tokens].
        total: where the segment ends, the silence behind the last one included [tokens].

    """
    spoken = np.cumsum([0.0, *(mean_duration(symbol) for symbol in symbols)])
    whole = spoken[-1] + MEANS_MS['silence behind'] / 1000
    return start + spoken * max(total - start, 0.0) / whole


def silence_before(symbols: Sequence[str], total: float) -> float:
    """Return where the first phoneme begins, by mean durations [tokens]."""
    lead = MEANS_MS['silence before'] / 1000
    rest = sum(map(mean_duration, symbols)) + MEANS_MS['silence behind'] / 1000
    return total * lead / (lead + rest)


def by_table(
    table: TokenTable,
    phoneme_ids: np.ndarray,
    symbols: Sequence[str],
    tokens: Sequence[int],
    is_whole: bool,
) -> np.ndarray:
    """Return onsets by what the tokens say.

    Those of phonemes that no token has reached yet follow by mean durations.

    Args:
        table: of the voice.
        phoneme_ids: int64 [P].
        symbols: the same phonemes.
        tokens: [S], all or the first ones; at least one.
        is_whole: whether they are all.

    """
    way = best_way(table.emission(phoneme_ids, tokens), is_whole)
    count = len(symbols)
    # A state that no token is in begins where the next one does, or behind all tokens.
    onsets = np.searchsorted(way, np.arange(1, count + 2)).astype(np.float64)
    if not is_whole:
        # The phoneme of the last token may go on for longer than is known.
        for place in range(max(int(way[-1]), 1), count + 1):
            end = onsets[place - 1] + mean_duration(symbols[place - 1]) * TOKENS_PER_S
            onsets[place] = max(float(len(tokens)), end)
    return onsets
