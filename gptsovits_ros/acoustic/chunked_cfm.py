"""Features of any length become a mel, in chunks that the transformer can see at once.

gptsovits-spec section 11, "Pipeline". One after the other, each chunk goes on from the mel before
it; in a batch all go on from the reference, and overlap, so that their audio can be joined.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gptsovits_ros.acoustic.cfm import flow_mel, never
from gptsovits_ros.acoustic.cfm_config import CfmConfig
from gptsovits_ros.acoustic.dit import Dit

# Called with a shape; returns standard normal numbers on the model's device.
Noise = Callable[[Sequence[int]], Tensor]


@dataclass(frozen=True)
class CfmSampling:
    """How a mel is drawn.

    Attributes:
        noise: the source of all randomness.
        steps: Euler steps; upstream takes 32 for v3 and 8 for v4.
        guidance: see acoustic.cfm.flow_mel; upstream takes 0.
        cancelled: asked before each step.

    """

    noise: Noise
    steps: int = 32
    guidance: float = 0.0
    cancelled: Callable[[], bool] = never

    def __post_init__(self) -> None:
        """Raise ValueError for numbers without a meaning."""
        if self.steps < 1 or self.guidance < 0:
            raise ValueError(
                f'{self.steps} steps with a guidance of {self.guidance}: at least 1 and 0 needed'
            )


@dataclass(frozen=True)
class Reference:
    """What the model takes from a reference clip.

    Attributes:
        style: [1, gin_channels, 1].
        features: of what the clip says, [1, text_dim, R].
        mel: of the clip, within about [-1, 1], [1, mel_bands, R].

    """

    style: Tensor
    features: Tensor
    mel: Tensor

    @property
    def frames(self) -> int:
        """R, the length of the clip in mel frames."""
        return self.mel.shape[-1]


def sequential_mel(
    dit: Dit, config: CfmConfig, features: Tensor, reference: Reference, sampling: CfmSampling
) -> Tensor:
    """Return the mel [1, mel_bands, F] of features [1, text_dim, F].

    Raises:
        CanceledError: sampling.cancelled() said yes.

    """
    known_features, known_mel = reference.features, reference.mel
    mels = []
    for chunk in features.split(config.chunk_frames - reference.frames, dim=-1):
        whole = torch.cat([known_features, chunk], dim=-1)
        mel = _draw(dit, whole, known_mel, sampling)[:, :, known_mel.shape[-1] :]
        mels.append(mel)
        known_features = chunk[:, :, -reference.frames :]
        known_mel = mel[:, :, -reference.frames :]
    return torch.cat(mels, dim=-1)


def batched_mel(
    dit: Dit, config: CfmConfig, features: Tensor, reference: Reference, sampling: CfmSampling
) -> tuple[Tensor, int]:
    """Return the mels of overlapping chunks [N, mel_bands, chunk], and how the last was padded.

    The chunks start with config.overlap_frames of silence before the features [1, text_dim, F].

    Raises:
        CanceledError: sampling.cancelled() said yes.

    """
    length = config.chunk_frames - reference.frames
    chunks, padding = overlapping(
        F.pad(features, (config.overlap_frames, 0)), length, config.overlap_frames
    )
    whole = torch.cat([reference.features.expand(len(chunks), -1, -1), chunks], dim=-1)
    return _draw(dit, whole, reference.mel, sampling)[:, :, reference.frames :], padding


def overlapping(features: Tensor, length: int, overlap: int) -> tuple[Tensor, int]:
    """Cut features [1, C, F] into chunks [N, C, length]; also return the zeros after the last."""
    frames = features.shape[-1]
    # A chunk that would hold nothing but what it shares with the one before is made all the same:
    # the joints of the official implementation depend on it.
    starts = [0, *range(length - overlap, frames, length - overlap)]
    padding = max(0, starts[-1] + length - frames)
    padded = F.pad(features, (0, padding))
    chunks = [padded[:, :, start : start + length] for start in starts]
    return torch.cat(chunks), padding


def _draw(dit: Dit, features: Tensor, mel: Tensor, sampling: CfmSampling) -> Tensor:
    shape = (features.shape[0], mel.shape[1], features.shape[-1])
    return flow_mel(
        dit,
        features,
        mel,
        sampling.noise(shape),
        steps=sampling.steps,
        guidance=sampling.guidance,
        cancelled=sampling.cancelled,
    )
