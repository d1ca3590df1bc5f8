"""How the next semantic token is drawn (gptsovits-spec section 6, "Sampling per step")."""

from __future__ import annotations

import torch
from torch import Tensor

from gptsovits_ros.types import SamplingParameters

# Upstream divides by at least this; it turns temperature 0 into greedy choice.
MIN_TEMPERATURE = 1e-5


def penalize_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Make tokens that already occurred less likely.

    Args:
        logits: [B, V].
        seen: bool [B, V], True for ids that occurred, prompt included.
        penalty: 1 changes nothing; positive logits are divided by it, negative ones multiplied.

    """
    if penalty == 1.0:
        return logits
    lowered = torch.where(logits < 0, logits * penalty, logits / penalty)
    return torch.where(seen, lowered, logits)


def probabilities(logits: Tensor, sampling: SamplingParameters) -> Tensor:
    """Return the distribution [B, V] of the next token, for penalised logits [B, V].

    The order is the official one: top-p on the untempered distribution, temperature, top-k.
    """
    if sampling.top_p < 1.0:
        logits = logits.masked_fill(~_nucleus(logits, sampling.top_p), -torch.inf)
    logits = logits / max(sampling.temperature, MIN_TEMPERATURE)
    if sampling.top_k < logits.shape[-1]:
        kth = torch.topk(logits, sampling.top_k, dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < kth, -torch.inf)
    return torch.softmax(logits, dim=-1)


def choose(probs: Tensor, noise: Tensor) -> Tensor:
    """Draw token ids [B] from probs [B, V]; noise [B, V] is exponential with mean 1.

    argmax(p / q) is distributed as a multinomial draw, and needs no synchronisation with the host.
    """
    return torch.argmax(probs / noise, dim=-1)


def draw(
    logits: Tensor, noise: Tensor, sampling: SamplingParameters, eos: int
) -> tuple[Tensor, Tensor]:
    """Return ids [B] drawn from logits [B, V], and which rows have ended, bool [B].

    A row ends when the end token is drawn, and also when it is the most likely one (both as
    upstream); noise is that of `choose`.
    """
    tokens = choose(probabilities(logits, sampling), noise)
    return tokens, (tokens == eos) | (logits.argmax(dim=-1) == eos)


def exponential_noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return noise for `choose`, in float32, so that a seed means the same in every precision."""
    noise = torch.empty(like.shape, device=like.device, dtype=torch.float32)
    return noise.exponential_(1.0, generator=generator)


def _nucleus(logits: Tensor, top_p: float) -> Tensor:
    """Return bool [B, V]: the most likely tokens, at most top_p in sum, and always the first."""
    ordered, order = torch.sort(logits, descending=True, dim=-1)
    keep = torch.cumsum(torch.softmax(ordered, dim=-1), dim=-1) <= top_p
    keep[..., 0] = True
    return torch.zeros_like(keep).scatter(-1, order, keep)
