"""Tokens that say the same phoneme, put in each other's place.

Tokens of an alignment (content_codes) are variants of phonemes. The GPT draws the right phoneme,
since it is kept to its text, but often another variant than a recording has; a prior that has only
met those of recordings then says something else. Here it learns to say a phoneme by any of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class Variants:
    """Replaces tokens by others of the same phoneme, as often as those occur."""

    def __init__(
        self, labels: Tensor, clips: Sequence[np.ndarray], share: float, device: torch.device
    ) -> None:
        """Count the tokens of a corpus.

        Args:
            labels: int64 [V], the phoneme of each token; -1: none.
            clips: tokens of each clip.
            share: of the tokens are replaced, on average: of each clip between none and twice as
                many, so that the variants of recordings are still told apart.
            device: of the tokens.

        """
        counts = torch.from_numpy(np.bincount(np.concatenate(clips), minlength=len(labels)))
        is_same = (labels[:, None] == labels) & (labels >= 0)
        weights = is_same * counts.float()
        # What has no other, or never occurs, stays.
        alone = weights.sum(1) == 0
        weights[alone, alone.nonzero()[:, 0]] = 1.0
        self._weights = weights.to(device)
        self._share = share

    def replaced(self, tokens: Tensor) -> Tensor:
        """Return tokens [B, S], some of them replaced; draws from torch's own generator."""
        others = torch.multinomial(self._weights[tokens.flatten()], 1).view_as(tokens)
        shares = 2 * self._share * torch.rand(len(tokens), 1, device=tokens.device)
        return torch.where(torch.rand(tokens.shape, device=tokens.device) < shares, others, tokens)
