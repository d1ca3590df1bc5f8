"""New utterances for the GPT, from pieces of several: nothing foretells them but their text.

A small corpus is soon known by heart, and what comes next is then guessed from what came before.
Where every token is known to be of one phoneme, texts and tokens can be cut together anywhere: the
head of one utterance, pieces of others and the tail of another make one that was never heard, and
the only way to foretell its tokens is to read its text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from gptsovits_ros.training.corpus import Utterance

# Pieces between head and tail, and their length in phonemes.
MOST_PIECES = 3
PIECE_PHONEMES = (4, 20)


def cut_points(phoneme_ids: np.ndarray, spoken: np.ndarray) -> np.ndarray:
    """Return before which token each phoneme begins, int64 [P + 1]; the last is the number S.

    Args:
        phoneme_ids: int64 [P], with punctuation.
        spoken: int64 [S], the phoneme of each token; what is none of the text is silence.

    """
    count = len(phoneme_ids)
    cuts = np.full(count + 1, -1)
    places = np.flatnonzero(np.isin(phoneme_ids, spoken))
    at = -1  # in places: the phoneme that is being spoken
    for token, label in enumerate(spoken.tolist()):
        if at >= 0 and phoneme_ids[places[at]] == label:
            continue
        # The next phoneme, or one soon after it: two equal ones in a row sound as one.
        for ahead in range(at + 1, min(at + 4, len(places))):
            if phoneme_ids[places[ahead]] == label:
                cuts[places[at + 1 : ahead + 1]] = token
                at = ahead
                break
    cuts[count] = len(spoken)
    # Punctuation begins where what it follows ends: at its silence.
    silent = np.flatnonzero(cuts < 0)
    for place in silent[::-1]:
        cuts[place] = cuts[place + 1]
    for place in silent:
        if place > 0:
            start, end = cuts[place - 1], cuts[place + 1]
            own = phoneme_ids[place - 1]
            lasting = np.flatnonzero(spoken[start:end] == own)
            cuts[place] = start + (lasting[-1] + 1 if len(lasting) else 0)
    cuts[0] = 0
    return np.maximum.accumulate(cuts)


class Splicer:
    """Makes utterances of pieces; whose pieces go together is decided by language."""

    def __init__(self, utterances: Sequence[Utterance], code_phonemes: np.ndarray) -> None:
        """Find where the utterances can be cut.

        Args:
            utterances: from which pieces are taken.
            code_phonemes: int64 [V], the phoneme of each token.

        """
        self._utterances = utterances
        self._cuts = [
            cut_points(item.phoneme_ids, code_phonemes[item.tokens]) for item in utterances
        ]
        self._same: dict[str, list[int]] = defaultdict(list)
        for index, item in enumerate(utterances):
            self._same[item.language].append(index)

    def splice(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return phonemes [P] and tokens [S] that begin as an utterance and go on as others."""
        others = self._same[self._utterances[index].language]
        tail = int(rng.choice(others))
        pieces = [self._piece(index, 0, self._inner(index, rng))]
        for _ in range(int(rng.integers(MOST_PIECES + 1))):
            place = int(rng.choice(others))
            count = len(self._utterances[place].phoneme_ids)
            length = min(int(rng.integers(*PIECE_PHONEMES)), count)
            first = int(rng.integers(count - length + 1))
            pieces.append(self._piece(place, first, first + length))
        pieces.append(
            self._piece(tail, self._inner(tail, rng), len(self._utterances[tail].phoneme_ids))
        )
        phonemes, tokens = zip(*pieces, strict=True)
        return np.concatenate(phonemes), np.concatenate(tokens)

    def _inner(self, index: int, rng: np.random.Generator) -> int:
        """Return a phoneme within an utterance, neither the first nor beyond the last."""
        return int(rng.integers(1, max(2, len(self._utterances[index].phoneme_ids))))

    def _piece(self, index: int, first: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        item, cuts = self._utterances[index], self._cuts[index]
        return item.phoneme_ids[first:end], item.tokens[cuts[first] : cuts[end]]
