"""What a GPT would have drawn for the clips of a corpus, for a prior that learns to speak from it.

The GPT is kept to the phonemes of a text, but which variant of each it draws is not what a
recording has (variants). A prior that is to speak from drawn tokens learns best from drawn tokens:
here those that the GPT of another run draws where phonemes and their lengths are those of the
recording. The sound to be learned stays that of the recording.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gptsovits_ros.checkpoint.weights import SEMANTIC
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.semantic.text_path import END
from gptsovits_ros.semantic.text_places import token_places
from gptsovits_ros.training.acoustic_batch import AcousticBatch
from gptsovits_ros.training.semantic_trainer import (
    SemanticBatch,
    averaged_semantic,
    predictions,
)
from gptsovits_ros.training.settings import SemanticSettings, build_settings
from gptsovits_ros.training.state import run_state

# All tokens of a clip are drawn at once after those that are there; what is drawn in the second
# pass comes after drawn ones, as in use.
PASSES = 2


class DrawnVariants:
    """Draws tokens of the same phonemes."""

    def __init__(
        self, run: Path, labels: Tensor, share: float, token_stride: int, device: torch.device
    ) -> None:
        """Load the averaged weights of a run.

        Args:
            run: of a GPT of the same corpus.
            labels: int64 [V], the phoneme of each token; -1: none.
            share: of the clips whose tokens are drawn.
            token_stride: frames of a token.
            device: of the tokens.

        Raises:
            ConfigurationError: there is no run of a GPT with these tokens.

        """
        state = run_state(run, SEMANTIC, device)
        settings = build_settings(SemanticSettings, state['settings'], str(run))
        if settings.model.eos != len(labels):
            raise ConfigurationError(
                f'{run} draws {settings.model.eos} tokens, and the corpus has {len(labels)}'
            )
        self._model = averaged_semantic(settings, state['trainer']['average'], device)
        self._labels = labels.to(device)
        # The end is of no phoneme, and never drawn.
        self._code_labels = torch.nn.functional.pad(self._labels, (0, 1), value=END)
        self._share = share
        self._stride = token_stride

    @torch.no_grad()
    def replaced(self, batch: AcousticBatch, tokens: Tensor) -> Tensor:
        """Return tokens [B, S]: those of the batch drawn anew in some rows, else `tokens`."""
        rows = torch.rand(len(tokens), device=tokens.device) < self._share
        if not bool(rows.any()):
            return tokens
        ready = self._semantic_batch(batch)
        drawn = None
        for _ in range(PASSES):
            drawn = self._drawn(ready, drawn)
        return torch.where(rows[:, None], drawn, tokens)

    def _semantic_batch(self, batch: AcousticBatch) -> SemanticBatch:
        phoneme_lengths = batch.text_mask.sum((1, 2)).long()
        token_lengths = -(-batch.mask.sum((1, 2)).long() // self._stride)
        places = None
        if self._model.config.text_ahead:
            places = self._places(batch, phoneme_lengths.tolist(), token_lengths.tolist())
        return SemanticBatch(
            batch.phonemes,
            phoneme_lengths,
            batch.tokens,
            token_lengths,
            torch.zeros_like(token_lengths),
            places,
        )

    def _places(
        self, batch: AcousticBatch, phoneme_lengths: list[int], token_lengths: list[int]
    ) -> Tensor:
        """Return which phoneme each token [B, S] says; that of the padding does not matter."""
        places = torch.zeros_like(batch.tokens)
        phonemes = batch.phonemes.cpu().numpy()
        spoken = self._labels[batch.tokens].cpu().numpy()
        for row, (texts, count) in enumerate(zip(phoneme_lengths, token_lengths, strict=True)):
            found = token_places(phonemes[row, :texts], spoken[row, :count])
            places[row, :count] = torch.from_numpy(found)
        return places

    def _drawn(self, batch: SemanticBatch, heard: Tensor | None) -> Tensor:
        """Return tokens [B, S], each drawn after those of `heard`; None: those of the batch."""
        logits, targets = predictions(self._model, batch, heard)
        eos = self._model.config.eos
        is_token = targets != eos
        logits, targets = logits[is_token], targets[is_token]
        is_same = self._code_labels == self._labels[targets][:, None]
        probs = torch.softmax(logits.float().masked_fill(~is_same, -torch.inf), dim=-1)
        drawn = batch.tokens.clone()
        place = torch.arange(drawn.shape[1], device=drawn.device)
        drawn[place < batch.token_lengths[:, None]] = torch.multinomial(probs, 1)[:, 0]
        return drawn
