"""New utterances for the GPT, from pieces of several: nothing foretells them but their text.

A small corpus is soon known by heart, and what comes next is then guessed from what came before.
Where every token is known to be of one phoneme, texts and tokens can be cut together anywhere: the
head of one utterance, pieces of others and the tail of another make one that was never heard, and
the only way to foretell its tokens is to read its text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gptsovits_ros.semantic.text_places import cut_places, cut_points
from gptsovits_ros.training.corpus import Utterance

# Pieces between head and tail, and their length in phonemes.
MOST_PIECES = 3
PIECE_PHONEMES = (4, 20)


@dataclass(frozen=True)
class AlignedText:
    """Phonemes and the tokens that say them.

    Attributes:
        phoneme_ids: int64 [P].
        tokens: int64 [S].
        places: int64 [S], which of the phonemes each token says.

    """

    phoneme_ids: np.ndarray
    tokens: np.ndarray
    places: np.ndarray


def joined(parts: Sequence[AlignedText]) -> AlignedText:
    """Return texts one after the other as one."""
    starts = np.cumsum([0, *(len(part.phoneme_ids) for part in parts)])
    return AlignedText(
        np.concatenate([part.phoneme_ids for part in parts]),
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([part.places + start for part, start in zip(parts, starts, strict=False)]),
    )


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
        self._places = [cut_places(cuts) for cuts in self._cuts]
        self._same: dict[str, list[int]] = defaultdict(list)
        for index, item in enumerate(utterances):
            self._same[item.language].append(index)

    def whole(self, index: int) -> AlignedText:
        """Return an utterance as it is."""
        return self._piece(index, 0, len(self._utterances[index].phoneme_ids))

    def splice(self, index: int, rng: np.random.Generator) -> AlignedText:
        """Return what begins as an utterance and goes on as others."""
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
        return joined(pieces)

    def _inner(self, index: int, rng: np.random.Generator) -> int:
        """Return a phoneme within an utterance, neither the first nor beyond the last."""
        return int(rng.integers(1, max(2, len(self._utterances[index].phoneme_ids))))

    def _piece(self, index: int, first: int, end: int) -> AlignedText:
        item, cuts = self._utterances[index], self._cuts[index]
        tokens = slice(cuts[first], cuts[end])
        return AlignedText(
            item.phoneme_ids[first:end], item.tokens[tokens], self._places[index][tokens] - first
        )
