"""Keeps the GPT to its text, where it is known which phoneme each token says.

Tokens of a voice that was trained on aligned speech (docs/corpus.md) are of one phoneme each. Then
only those need to be drawn from that go on with the text: the phoneme that is being said, the next
one, or silence where the text has a pause. The GPT decides how long each phoneme lasts and how it
sounds, helped by how long it usually lasts; it cannot skip, repeat or fail to end.

How long a phoneme lasts is not drawn: it is a little more than the median of what the GPT
believes, and a pause is made where it is likelier than none. What is cut off or drawled by chance
is misheard, while nobody misses the chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from gptsovits_ros.semantic.text_places import token_places

# The longest that silence before, within and behind a text lasts [tokens].
MOST_BEFORE, MOST_WITHIN, MOST_BEHIND = 6, 12, 6
# Of two equal phonemes in a row nobody hears where one ends; together they last as long.
LEAST_OF_TWO = 2
# What is never seen in the corpus is still possible, but for the longest run.
LEAST_SHARE = 0.02
# The longest run of a phoneme [tokens], 0.6 s.
MOST_OF_PHONEME = 15
# Runs as long as the longest one of a hundred are the longest.
LONGEST_SHARE = 0.01
# How many runs of any phoneme are added to those of each.
COMMON_WEIGHT = 4.0
# Something lasts while it is likelier than this to last longer. At 0.5, the median, speech is 7 %
# faster than the corpus, since long phonemes are further from it than short ones.
LASTING = 0.4
# Variants of a phoneme are drawn more steadily than the GPT believes, before the temperature that
# was asked for: unlikely ones are heard as other phonemes.
VARIANT_TEMPERATURE = 0.3
# Stands for the end among the phonemes of tokens.
END = -2
# Stand for phonemes that no token says.
PAUSE, UNSAID = -1, -2


@dataclass(frozen=True)
class CodePhonemes:
    """What tokens say, and how long phonemes last.

    Attributes:
        labels: int64 [V], the phoneme of each token, `silence` included; -1: none.
        silence: the id that stands for silence.
        phonemes: int64 [N], ascending, those that some token says; silence is not among them.
        endings: float32 [N, R], the share of the runs of a phoneme that end after r + 1 tokens
            among those that last so long; the last column is 1.

    """

    labels: np.ndarray
    silence: int
    phonemes: np.ndarray
    endings: np.ndarray

    def ending(self, phoneme: int, run: int) -> float:
        """Return how likely a phoneme ends that has lasted `run` tokens."""
        row = self.endings[np.searchsorted(self.phonemes, phoneme)]
        return float(row[min(run, len(row)) - 1])


class TextPath:
    """How far a text has been said, and what may come next."""

    def __init__(
        self,
        codes: CodePhonemes,
        text: Sequence[int],
        lasting: Mapping[int, float] = MappingProxyType({}),
    ) -> None:
        """Start before the text.

        Args:
            codes: of the voice.
            text: for each phoneme of the text that of codes.phonemes which stands for it; PAUSE
                where a silence may come, UNSAID where it is passed over.
            lasting: phonemes that last longer or shorter than others, with what they have in
                place of LASTING.

        """
        self.text_rows = len(text)
        self._codes = codes
        self._lasting_of = lasting
        self._places = [place for place, phoneme in enumerate(text) if phoneme >= 0]
        self._spoken = tuple(text[place] for place in self._places)
        # Where the next one begins, or the text ends.
        ends = [*self._places[1:], self.text_rows]
        self._has_pause = tuple(
            PAUSE in text[place:end] for place, end in zip(self._places, ends, strict=True)
        )
        self._at = -1  # number of the phoneme that is being said, or that was said last
        self._run = 0  # tokens since it, or the silence behind it, began
        self._is_silent = True
        self._lasting = 1.0  # how likely it was to last as long as it has
        self._staying = 1.0  # how likely it is to last one token more
        self._own_labels = np.append(codes.labels, END)
        self._labels = torch.from_numpy(self._own_labels)

    @property
    def is_complete(self) -> bool:
        """True once the last phoneme has begun: the end may come."""
        return self._at >= len(self._spoken) - 1

    @property
    def place(self) -> int:
        """Return which phoneme of the text is being said; silence is the last one before it ends.

        The same as training says (text_places.token_places).
        """
        if self._at < 0:
            return 0
        if not self._is_silent:
            return self._places[self._at]
        return (self._places[self._at + 1] if not self.is_complete else self.text_rows) - 1

    def places_of(self, phoneme_ids: Tensor, tokens: Tensor) -> Tensor:
        """Return which phoneme of another text, that of a prompt, each of its tokens says."""
        labels = self._codes.labels[tokens.cpu().numpy()]
        return torch.from_numpy(token_places(phoneme_ids.cpu().numpy(), labels))

    def steer(self, logits: Tensor) -> Tensor:
        """Return logits [B, V + 1] of the next token in which only what may come now is finite.

        The end is the last one. What is left is all of one phoneme, of silence, or the end; which
        of its tokens comes is for the sampling to choose.
        """
        odds = self._odds()
        steered = logits + self._log_odds(odds).to(logits.device)
        probs = torch.softmax(steered[0], dim=-1).cpu().numpy()
        shares = {label: float(probs[self._own_labels == label].sum()) for label in odds}
        if self._run == 0 and shares.get(self._saying):
            # Recordings begin with silence, and what the models make without it begins cut off.
            chosen = self._saying
        else:
            stay = shares.pop(self._saying, 0.0) if self._run else 0.0
            self._staying = self._lasting * stay
            enough = self._lasting_of.get(self._saying, LASTING)
            goes_on = self._staying > enough or not any(shares.values())
            chosen = self._saying if goes_on else max(shares, key=shares.__getitem__)
        return only_variants(steered, self._labels.to(logits.device), chosen)

    def log_odds(self) -> Tensor:
        """Return the log of how often what may come comes, [V + 1], the end being the last.

        It is minus infinity for what must not come, and else the log of how often a phoneme that
        has lasted so long goes on, or ends.
        """
        return self._log_odds(self._odds())

    def take(self, token: int) -> None:
        """Go on to where a token, which must be possible, leads."""
        phoneme = int(self._codes.labels[token])
        self._lasting = self._staying if self._run and phoneme == self._saying else 1.0
        if phoneme == self._codes.silence:
            self._run = self._run + 1 if self._is_silent else 1
            self._is_silent = True
        elif not self._is_silent and phoneme == self._spoken[self._at]:
            self._run += 1
        else:
            self._at += 1 if self._spoken[self._at + 1] == phoneme else 2
            self._run, self._is_silent = 1, False

    @property
    def _saying(self) -> int:
        """Return the phoneme that is being said, or silence."""
        return self._codes.silence if self._is_silent else self._spoken[self._at]

    def _next(self) -> dict[int, float]:
        """Return the phonemes that may come next, silence included, and the share of each."""
        silence = self._codes.silence
        following = self._spoken[self._at + 1 : self._at + 2]
        if self._is_silent:
            shares = dict.fromkeys(following, 1.0)
            if self._run < self._longest_silence():
                shares[silence] = 1.0
            return shares
        own = self._spoken[self._at]
        end = max(self._codes.ending(own, self._run), LEAST_SHARE)
        if following == (own,) and self._run >= LEAST_OF_TWO:
            following = self._spoken[self._at + 2 : self._at + 3]
        shares = dict.fromkeys(following, end)
        if self._has_pause[self._at] or self.is_complete:
            shares[silence] = end
        if (stay := 1.0 - end) > 0:
            shares[own] = max(stay, LEAST_SHARE)
        return shares

    def _odds(self) -> dict[int, float]:
        """Return how often what may come comes: phonemes, silence, the end."""
        odds = self._next()
        if self.is_complete and self._run > 0:
            odds[END] = 1.0
        return odds

    def _log_odds(self, odds: Mapping[int, float]) -> Tensor:
        """Return the log of odds for each token, [V + 1]."""
        shares = np.zeros(len(self._own_labels), dtype=np.float32)
        for label, share in odds.items():
            shares[self._own_labels == label] = share
        return torch.from_numpy(shares).log()

    def _longest_silence(self) -> int:
        if self._at < 0:
            return MOST_BEFORE
        return MOST_BEHIND if self.is_complete else MOST_WITHIN


def only_variants(logits: Tensor, labels: Tensor, phoneme: int) -> Tensor:
    """Return logits [B, V + 1] with the tokens of one phoneme alone, as they are to be drawn.

    Args:
        logits: [B, V + 1].
        labels: int64 [V + 1], the phoneme of each token, END for the end.
        phoneme: one of them.

    """
    return (logits / VARIANT_TEMPERATURE).masked_fill(labels != phoneme, -torch.inf)


def count_endings(
    labels: np.ndarray, clips: Sequence[Sequence[int]], silence: int
) -> CodePhonemes:
    """Return what tokens say and how long phonemes last in the clips of a corpus.

    Args:
        labels: int64 [V], the phoneme of each token; -1: none.
        clips: tokens of each clip.
        silence: the id that stands for silence.

    """
    phonemes = np.unique(labels[(labels >= 0) & (labels != silence)])
    counts = np.zeros((len(phonemes), MOST_OF_PHONEME + 1))
    for tokens in clips:
        said = labels[np.asarray(tokens)]
        starts = np.flatnonzero(np.insert(said[1:] != said[:-1], 0, True))
        lengths = np.diff(np.append(starts, len(said)))
        is_spoken = np.isin(said[starts], phonemes)
        rows = np.searchsorted(phonemes, said[starts][is_spoken])
        np.add.at(counts, (rows, np.minimum(lengths[is_spoken], MOST_OF_PHONEME + 1) - 1), 1)
    # Phonemes that are rare last about as long as all do.
    counts += COMMON_WEIGHT * counts.sum(0) / counts.sum()
    lasting = counts[:, ::-1].cumsum(1)[:, ::-1]
    endings = (counts / np.maximum(lasting, 1e-9))[:, :-1]
    # Outliers are faults of the alignment more often than drawled phonemes.
    endings[lasting[:, :-1] < LONGEST_SHARE * lasting[:, :1]] = 1.0
    endings[:, -1] = 1.0
    return CodePhonemes(labels, silence, phonemes, endings.astype(np.float32))
