"""What the tokenizer is judged by: closeness to the teacher, and the phonemes that can be read."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gptsovits_ros.text.symbols import symbol_table

# Which no text gives.
BLANK = symbol_table('v2').index('_')


def regression_loss(predicted: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean squared distance of [B, F, C] from the same, over the frames that count."""
    return F.mse_loss(predicted[_valid(predicted, lengths)], target[_valid(target, lengths)])


def label_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of [B, F, symbols] over the frames whose label is known."""
    known = labels >= 0
    if not known.any():
        return logits.sum() * 0.0
    return F.cross_entropy(logits[known].float(), labels[known])


def commitment_loss(projected: Tensor, quantized: Tensor, lengths: Tensor) -> Tensor:
    """Return how far vectors [B, S, width] are from their rows; the rows do not move for it."""
    return regression_loss(projected, quantized.detach(), lengths)


def phoneme_loss(
    logits: Tensor, lengths: Tensor, phonemes: Tensor, phoneme_lengths: Tensor
) -> Tensor:
    """Return the CTC loss per phoneme.

    Args:
        logits: [B, S, symbols].
        lengths: int64 [B], tokens of each clip.
        phonemes: int64 [B, P], without BLANK.
        phoneme_lengths: int64 [B].

    """
    loss = F.ctc_loss(
        logits.float().log_softmax(-1).transpose(0, 1),
        phonemes,
        lengths,
        phoneme_lengths,
        blank=BLANK,
        reduction='sum',
        zero_infinity=True,
    )
    return loss / phoneme_lengths.sum()


def read_phonemes(logits: Tensor, lengths: Tensor) -> list[list[int]]:
    """Return the most likely phonemes of each clip, [B, S, symbols] -> B lists of ids."""
    found = []
    for row, length in zip(logits.argmax(-1), lengths.tolist(), strict=True):
        runs = torch.unique_consecutive(row[:length]).tolist()
        found.append([symbol for symbol in runs if symbol != BLANK])
    return found


def edit_distance(wanted: Sequence[int], found: Sequence[int]) -> int:
    """Return the fewest insertions, deletions and replacements between two sequences."""
    row = list(range(len(found) + 1))
    for i, item in enumerate(wanted, 1):
        above, row[0] = row[0], i
        for j, other in enumerate(found, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (item != other))
    return row[-1]


def _valid(values: Tensor, lengths: Tensor) -> Tensor:
    return torch.arange(values.shape[1], device=values.device) < lengths[:, None]
