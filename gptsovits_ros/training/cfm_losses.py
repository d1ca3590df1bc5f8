"""The loss of flow matching, plain and for steps of known length (gptsovits-spec section 11).

Lipman et al. 2023 (flow matching); Frans et al. 2024 (shortcut models).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gptsovits_ros.acoustic.dit import Dit

# Steps below this are told to the transformer as none at all.
SHORTEST_STEP = 1e-2


@dataclass(frozen=True)
class FlowBatch:
    """Mels on their way from noise, and what the transformer is told about them.

    Attributes:
        mel: where they go, [B, F, mel_bands].
        noise: where they come from, of the same shape.
        features: [B, F, text_dim].
        time: how far they are, in [0, 1], [B].
        lengths: int64 [B], frames of each mel; the rest is padding.
        known: int64 [B], frames at the start of each mel that are given as a reference.

    """

    mel: Tensor
    noise: Tensor
    features: Tensor
    time: Tensor
    lengths: Tensor
    known: Tensor


def flow_loss(dit: Dit, batch: FlowBatch, steps: Tensor | None = None) -> Tensor:
    """Return the mean squared error of the velocity over the frames that are not given.

    Args:
        dit: the transformer.
        batch: the mels.
        steps: [B]; the transformer then learns to make one step of twice that length as two of
            that length. None: it learns the velocity itself.

    """
    frames = torch.arange(batch.mel.shape[1], device=batch.mel.device)
    inside, known = frames < batch.lengths[:, None], frames < batch.known[:, None]
    velocity = batch.mel - batch.noise
    x = (batch.noise + batch.time[:, None, None] * velocity).masked_fill(known[..., None], 0)
    reference = batch.mel.masked_fill(~known[..., None], 0)
    text = dit.embed_text(batch.features)
    mask = inside[:, None, None]

    def predicted(x: Tensor, time: Tensor, step: Tensor) -> Tensor:
        return dit(x, reference, text, time, dit.embed_step(step), mask)

    if steps is None:
        found, target = predicted(x, batch.time, torch.zeros_like(batch.time)), velocity
    else:
        with torch.no_grad():
            told = steps.masked_fill(steps < SHORTEST_STEP, 0)
            first = predicted(x, batch.time, told)
            half_way = x + steps[:, None, None] * first
            target = (first + predicted(half_way, batch.time + steps, told)) / 2
        found = predicted(x, batch.time, 2 * steps)
    counted = (inside & ~known).float()  # [B, F]
    error = (found - target).square().mean(dim=-1)
    # Each mel counts alike, however long it is.
    return ((error * counted).sum(dim=1) / counted.sum(dim=1)).mean()
