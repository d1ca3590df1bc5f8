"""BERT features of Mandarin text (gptsovits-spec section 5); transformers has the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

# Counted from the end of the 25 hidden states, the first of which is the embedding: the output of
# layer 22.
FEATURE_STATE = -3


class BertEncoder(nn.Module):
    """One feature vector per character of a text."""

    def __init__(self, model: nn.Module, vocabulary: Mapping[str, int]) -> None:
        """Take a transformers BertModel and its vocabulary (token -> id)."""
        super().__init__()
        self.width = model.config.hidden_size
        self.max_characters = model.config.max_position_embeddings - 2
        # The layers above the one that is read would be computed for nothing.
        model.encoder.layer = model.encoder.layer[: FEATURE_STATE + 1]
        self.model = model
        self._vocabulary = dict(vocabulary)

    def forward(self, text: str) -> Tensor:
        """Return [characters, width] for one piece of normalised text.

        Each character is one token, known or not, so that rows and characters stay aligned. A text
        beyond the positions of the model is encoded in stretches.
        """
        step = self.max_characters
        return torch.cat([self._encode(text[at : at + step]) for at in range(0, len(text), step)])

    def _encode(self, text: str) -> Tensor:
        unknown = self._vocabulary['[UNK]']
        ids = [self._vocabulary.get(character, unknown) for character in text]
        ids = [self._vocabulary['[CLS]'], *ids, self._vocabulary['[SEP]']]
        tokens = torch.tensor([ids], device=self.model.device)
        return self.model(input_ids=tokens).last_hidden_state[0, 1:-1]


def repeat_by_phonemes(features: Tensor, word2ph: Sequence[int]) -> Tensor:
    """Spread features [characters, width] over the phonemes of each character -> [width, P]."""
    counts = torch.tensor(word2ph, device=features.device)
    return features.repeat_interleave(counts, dim=0).T
