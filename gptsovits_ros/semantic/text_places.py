"""Where in its text each token is, and what of the text it sees.

A GPT that has learned from little speech loses its place in long texts. Where it is known which
phoneme each token says, so is the place; a token may then see the phoneme that is being said and a
few beyond it instead of all the text, and there is nothing to lose. What else the text says
reaches it through these phonemes, which have seen all of it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


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


def token_places(phoneme_ids: np.ndarray, spoken: np.ndarray) -> np.ndarray:
    """Return which phoneme of a text each token says, int64 [S]; see cut_points.

    Silence belongs to the punctuation that it stands for, else to the phoneme before it.
    """
    return cut_places(cut_points(phoneme_ids, spoken))


def cut_places(cuts: np.ndarray) -> np.ndarray:
    """Return between which cuts [P + 1] each token is, int64 [S]; see cut_points."""
    return np.searchsorted(cuts[:-1], np.arange(cuts[-1]), side='right') - 1


def window_mask(places: Tensor, text_rows: int, ahead: int) -> Tensor:
    """Return what tokens see of their text, bool [B, 1, S, text_rows].

    Args:
        places: int64 [B, S], the phoneme that each token says.
        text_rows: phonemes of the text.
        ahead: how many phonemes beyond their own they see.

    """
    rows = torch.arange(text_rows, device=places.device)
    first = places[:, None, :, None]
    return (rows >= first) & (rows <= first + ahead)
