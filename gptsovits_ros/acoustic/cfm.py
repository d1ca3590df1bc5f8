"""Conditional flow matching: noise flows to a mel along the velocity that the DiT predicts.

Lipman et al. 2023; steps of known length after Frans et al. 2024 (shortcut models).
gptsovits-spec section 11.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gptsovits_ros.acoustic.dit import Dit
from gptsovits_ros.errors import CanceledError


def never() -> bool:
    """Answer "cancelled?" with no."""
    return False


def flow_mel(
    dit: Dit,
    features: Tensor,
    reference: Tensor,
    noise: Tensor,
    *,
    steps: int,
    guidance: float = 0.0,
    cancelled: Callable[[], bool] = never,
) -> Tensor:
    """Return a mel [B, mel_bands, F], about within [-1, 1]; its first R frames are zeros.

    Args:
        dit: the model.
        features: of the reference and then of the speech, [B, text_dim, F].
        reference: mel of the reference, [B or 1, mel_bands, R] with R < F.
        noise: standard normal [B, mel_bands, F]; what lies in the first R frames is not used.
        steps: Euler steps, at least 1; more are better and take longer.
        guidance: how far to move away from what the model makes without any condition; 0 skips
            that, above 0 doubles the time.
        cancelled: asked before each step.

    Raises:
        CanceledError: cancelled() said yes.

    """
    length = 1.0 / steps
    known = reference.shape[-1]
    x = noise.transpose(1, 2).clone()  # [B, F, mel_bands]
    x[:, :known] = 0
    prompt = torch.zeros_like(x)
    prompt[:, :known] = reference.transpose(1, 2)
    step = dit.embed_step(x.new_full((1,), length))
    conditions = [(prompt, dit.embed_text(features.transpose(1, 2)))]
    if guidance > 0:
        nothing = torch.zeros_like(features).transpose(1, 2)
        conditions.append((torch.zeros_like(prompt), dit.embed_text(nothing)))
    for index in range(steps):
        if cancelled():
            raise CanceledError('the utterance was cancelled')
        time = x.new_full((1,), index * length)
        velocity, *bare = (dit(x, mel, text, time, step) for mel, text in conditions)
        for other in bare:
            velocity = velocity + (velocity - other) * guidance
        x = x + length * velocity
        x[:, :known] = 0
    return x.transpose(1, 2)
