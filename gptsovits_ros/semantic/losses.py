"""What the GPT is trained by (gptsovits-spec sections 6 and 10.3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Sharpness of the preference between a chosen and a rejected sequence (DPO, reference-free).
PREFERENCE_BETA = 0.2


def token_loss(logits: Tensor, tokens: Tensor, eos: int) -> Tensor:
    """Return the cross-entropy, summed over all places, of logits [B, S + 1, V] for tokens [B, S].

    The end token follows the last place; shorter rows are padded by it, and the padding counts too
    (as upstream).
    """
    targets = F.pad(tokens, (0, 1), value=eos)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction='sum')


def sequence_log_probability(logits: Tensor, tokens: Tensor, eos: int) -> Tensor:
    """Return the log probability [B] of each row of tokens [B, S] and the end token after it."""
    targets = F.pad(tokens, (0, 1), value=eos)
    return (
        torch.log_softmax(logits, dim=-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1).sum(dim=-1)
    )


def preference_loss(chosen: Tensor, rejected: Tensor) -> Tensor:
    """Return how little the chosen sequences are preferred, from log probabilities [B] each."""
    return -F.logsigmoid(PREFERENCE_BETA * (chosen - rejected)).mean()
