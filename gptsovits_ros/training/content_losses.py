"""What aligner and content encoder learn from and are judged by."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gptsovits_ros.text.symbols import symbol_table

# Which no text gives.
BLANK = symbol_table('v2').index('_')
# Stands where a batch is padded.
NO_TOKEN = -1


def regression_loss(predicted: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean squared distance of [B, F, C] from the same, over the frames that count."""
    return F.mse_loss(predicted[_valid(predicted, lengths)], target[_valid(target, lengths)])


def token_loss(logits: Tensor, tokens: Tensor, shares: Tensor) -> Tensor:
    """Return the mean cross-entropy with targets that are spread over similar tokens.

    Args:
        logits: [B, S, codes].
        tokens: int64 [B, S], NO_TOKEN where nothing is learned.
        shares: [codes, codes], what is wanted where a token stands; each row adds up to 1.

    """
    known = tokens != NO_TOKEN
    return F.cross_entropy(logits[known].float(), shares[tokens[known]])


def spread_targets(labels: Tensor, smoothing: float) -> Tensor:
    """Return targets [codes, codes]: the code, and a share for all codes of its phoneme.

    Args:
        labels: int64 [codes], the phoneme of each code.
        smoothing: that share.

    """
    alike = (labels[:, None] == labels[None]).float()
    alike /= alike.sum(1, keepdim=True)
    return (1 - smoothing) * torch.eye(len(labels), device=labels.device) + smoothing * alike


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


def read_phonemes(labels: Tensor) -> list[int]:
    """Return the phonemes in their order: the runs of labels [S] but for BLANK."""
    runs = torch.unique_consecutive(labels).tolist()
    return [symbol for symbol in runs if symbol != BLANK]


def edit_distance(wanted: Sequence[int], found: Sequence[int]) -> int:
    """Return the fewest insertions, deletions and replacements between two sequences."""
    row = list(range(len(found) + 1))
    for i, item in enumerate(wanted, 1):
        above, row[0] = row[0], i
        for j, other in enumerate(found, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (item != other))
    return row[-1]


class TokenErrors:
    """Counts how often tokens are wrong."""

    def __init__(self, labels: Tensor) -> None:
        """Take the phoneme of each code, int64 [codes]."""
        self._labels = labels
        self._tokens = self._wrong_codes = self._wrong_labels = 0
        self._phonemes = self._changes = 0

    def add(self, wanted: Tensor, found: Tensor) -> None:
        """Compare the tokens of a clip, int64 [S]."""
        wanted_labels, found_labels = self._labels[wanted], self._labels[found]
        self._tokens += len(wanted)
        self._wrong_codes += int((wanted != found).sum())
        self._wrong_labels += int((wanted_labels != found_labels).sum())
        phonemes = read_phonemes(wanted_labels)
        self._phonemes += len(phonemes)
        self._changes += edit_distance(phonemes, read_phonemes(found_labels))

    def rates(self) -> dict[str, float]:
        """Return shares: of wrong codes, of codes of a wrong phoneme, and the phoneme error."""
        return {
            'token_error': self._wrong_codes / max(self._tokens, 1),
            'label_error': self._wrong_labels / max(self._tokens, 1),
            'phoneme_error': self._changes / max(self._phonemes, 1),
        }


def _valid(values: Tensor, lengths: Tensor) -> Tensor:
    return torch.arange(values.shape[1], device=values.device) < lengths[:, None]
