"""What tokens see of their text, where that is not all of it (text_places.py)."""

from __future__ import annotations

import torch
from torch import Tensor

from gptsovits_ros.semantic.model import prefix_mask
from gptsovits_ros.semantic.text_path import TextPath
from gptsovits_ros.semantic.text_places import window_mask


class TextWindow:
    """What the rows of one generation see."""

    def __init__(
        self, ahead: int, phoneme_ids: Tensor, prompt: Tensor, path: TextPath | None
    ) -> None:
        """Take config.text_ahead and the inputs of `generate`; without a path, all is seen."""
        self._ahead = ahead if path is not None else 0
        self._phoneme_ids = phoneme_ids
        self._prompt = prompt
        self._path = path

    def of_prompt(self) -> Tensor:
        """Return what the rows of text and prompt see, bool [1, 1, T, T]."""
        rows, device = len(self._phoneme_ids), self._phoneme_ids.device
        mask = prefix_mask(rows, len(self._prompt), device)
        if self._ahead and len(self._prompt):
            text = self._phoneme_ids[: rows - self._path.text_rows]
            places = self._path.places_of(text, self._prompt).to(device)
            mask[..., rows:, :rows] = window_mask(places[None], rows, self._ahead)
        return mask

    def of_token(self) -> Tensor | None:
        """Return what the token drawn last sees of the text, bool [P]; None: all of it."""
        if not self._ahead:
            return None
        rows, device = len(self._phoneme_ids), self._phoneme_ids.device
        place = torch.tensor([[rows - self._path.text_rows + self._path.place]], device=device)
        return window_mask(place, rows, self._ahead)[0, 0, 0]
