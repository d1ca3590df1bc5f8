"""Whether semantic tokens say every phoneme of a text, in order and once (docs/guard.md).

A table tells how much likelier a token is within a phoneme than anywhere. By it the tokens of a
segment are laid along its phonemes, each for some tokens, one after the other. Where phonemes
were skipped or said again, a way with one leap over them, or back, fits much better than any
without. Tables are learned from pairs of phonemes and tokens (training.token_table); the models
take no part, so nothing here slows the token loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gptsovits_ros.semantic.text_path import CodePhonemes

# A phoneme may be so short that no token is its own; costs as much as a token that fits badly.
HOP_COST = 1.0
# Fewer phonemes than these are often swallowed by people as well.
SHORTEST_LEAP = 3
_NEVER = -1e9


@dataclass(frozen=True)
class Leaps:
    """How much better tokens fit if one leap is allowed, in nats; far below 0 if not at all.

    Attributes:
        skip: a leap over phonemes, or a beginning or an end without them.
        repeat: a leap back.

    """

    skip: float
    repeat: float


@dataclass(frozen=True)
class TokenTable:
    """What the tokens of each phoneme are like, for one codebook.

    Attributes:
        phonemes: int64 [N], ids of the phonemes that were learned, ascending.
        odds: float32 [N + 1, V], log of p(token | phoneme) / p(token); first a row for the silence
            at both ends, then those of `phonemes`.
        skip_limit: a skip of more nats is a fault.
        repeat_limit: a repetition of more nats is one.
        codes: where each token says one phoneme and no other, which; else None.

    """

    phonemes: np.ndarray
    odds: np.ndarray
    skip_limit: float
    repeat_limit: float
    codes: CodePhonemes | None = None

    def leaps(
        self,
        phoneme_ids: Sequence[int] | np.ndarray,
        tokens: Sequence[int],
        is_whole: bool = True,
    ) -> Leaps:
        """Return what leaps would explain of tokens [S] that should say phonemes [P].

        Args:
            phoneme_ids: of the text.
            tokens: all of it, or those so far.
            is_whole: whether they are all.

        """
        return leaps(self.emission(phoneme_ids, tokens), is_whole)

    def emission(
        self, phoneme_ids: Sequence[int] | np.ndarray, tokens: Sequence[int]
    ) -> np.ndarray:
        """Return how well each token fits each phoneme, float32 [S, P + 2].

        Silence stands before and behind the phonemes. A phoneme that was not learned fits all
        tokens alike.
        """
        ids = np.asarray(phoneme_ids)
        places = np.minimum(np.searchsorted(self.phonemes, ids), len(self.phonemes) - 1)
        known = self.phonemes[places] == ids
        rows = np.concatenate(([0], places + 1, [0]))
        fits = self.odds[rows[:, None], np.asarray(tokens)[None]]
        fits[1:-1][~known] = 0
        return fits.T


def leaps(emission: np.ndarray, is_whole: bool) -> Leaps:
    """Return what leaps explain, given how well tokens fit states, [S, states]."""
    length, states = emission.shape
    if states <= SHORTEST_LEAP or length < 2:
        return Leaps(_NEVER, _NEVER)
    behind = _scores(emission, 2)
    # A way read backwards is a way through the reversed states.
    ahead = _scores(emission[::-1, ::-1], 2 if is_whole else states)[::-1, ::-1]
    plain = ahead[0, :2].max()
    over = np.maximum.accumulate(ahead[1:, ::-1], axis=1)[:, ::-1]
    back = np.maximum.accumulate(ahead[1:], axis=1)
    far = SHORTEST_LEAP + 1
    skip = max(
        (behind[:-1, :-far] + over[:, far:]).max(initial=_NEVER),
        ahead[0, SHORTEST_LEAP:].max(),
        behind[-1, :-SHORTEST_LEAP].max() if is_whole else _NEVER,
    )
    far = SHORTEST_LEAP - 1
    repeat = (behind[:-1, far:] + back[:, : states - far]).max()
    return Leaps(float(skip - plain), float(repeat - plain))


def best_way(emission: np.ndarray, is_whole: bool = True) -> np.ndarray:
    """Return the state of each token on the best way without leaps, int64 [S].

    Args:
        emission: how well each token fits each state, [S, states].
        is_whole: whether the tokens are all, so that the way ends in one of the last two states.

    """
    scores = _scores(emission, 2)
    length, states = scores.shape
    way = np.empty(length, dtype=np.int64)
    state = int(np.argmax(scores[-1]))
    if is_whole:
        state = states - 1 - int(scores[-1, -1] < scores[-1, -2])
    for place in range(length - 1, 0, -1):
        way[place] = state
        before = [scores[place - 1, state]]
        if state > 0:
            before.append(scores[place - 1, state - 1])
        if state > 1:
            before.append(scores[place - 1, state - 2] - HOP_COST)
        state -= int(np.argmax(before))
    way[0] = state
    return way


def _scores(emission: np.ndarray, starts: int) -> np.ndarray:
    """Return the score of the best way to each place, float64 [S, states] for the same.

    A way begins in one of the first `starts` states.
    """
    length, states = emission.shape
    scores = np.empty((length, states))
    scores[0] = _NEVER
    scores[0, :starts] = emission[0, :starts]
    before = np.full(states + 2, _NEVER)
    for place in range(1, length):
        before[2:] = scores[place - 1]
        best = np.maximum(before[2:], before[1:-1])
        np.maximum(best, before[:-2] - HOP_COST, out=best)
        np.add(best, emission[place], out=scores[place])
    return scores
