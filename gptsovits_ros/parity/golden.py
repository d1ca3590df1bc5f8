"""Read a golden case: its arrays, its notes, and the tolerances that its README suggests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gptsovits_ros.parity.report import Row, compared

# Audio: max|d| <= 1e-4 of the RMS. Logits and latents: max|d| <= 1e-4 + 1e-5 max|ref|.
AUDIO_TOLERANCE = 1e-4
LATENT_ABSOLUTE, LATENT_RELATIVE = 1e-4, 1e-5


class Golden:
    """One folder of goldens.

    Attributes:
        name: of the case.
        folder: where it is.
        meta: its meta.json.

    """

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.folder = folder
        self.meta: Any = json.loads((folder / 'meta.json').read_text(encoding='utf-8'))
        self._arrays = np.load(folder / 'data.npz', allow_pickle=False)

    def __contains__(self, key: str) -> bool:
        return key in self._arrays.files

    def tensor(self, key: str) -> Tensor:
        """Return one array; halves are widened."""
        value = torch.from_numpy(self._arrays[key])
        return value.float() if value.dtype == torch.float16 else value

    def latent(self, quantity: str, found: Tensor, key: str = '') -> Row:
        """Compare by the tolerance for logits and latents."""
        wanted = self.tensor(key or quantity)
        tolerance = LATENT_ABSOLUTE + LATENT_RELATIVE * wanted.abs().max().item()
        return compared(self.name, quantity, max_error(found, wanted), tolerance)

    def audio(self, quantity: str, found: Tensor, key: str = '') -> Row:
        """Compare by the tolerance for audio, relative to its RMS."""
        wanted = self.tensor(key or quantity)
        rms = wanted.pow(2).mean().sqrt().item()
        return compared(
            self.name, quantity, max_error(found, wanted) / rms, AUDIO_TOLERANCE, 'of the RMS'
        )

    def equal(self, quantity: str, found: Any, wanted: Any) -> Row:
        """Compare exactly; the error is the number of places that differ."""
        found, wanted = np.asarray(found), np.asarray(wanted)
        if found.shape != wanted.shape:
            return compared(
                self.name, quantity, float('inf'), 0, f'{found.shape} instead of {wanted.shape}'
            )
        return compared(self.name, quantity, float((found != wanted).sum()), 0, 'places differ')


def max_error(found: Tensor, wanted: Tensor) -> float:
    """Return the largest absolute difference; infinite where the shapes differ."""
    if found.shape != wanted.shape:
        return float('inf')
    return (found.double() - wanted.double()).abs().max().item()
