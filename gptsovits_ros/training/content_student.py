"""The content encoder while it is trained to give tokens that are there already."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.checkpoint.content import KIND
from gptsovits_ros.checkpoint.weights import (
    ACOUSTIC,
    WeightFile,
    float_tensors,
    read_weights,
    write_weights,
)
from gptsovits_ros.encoders.content import ContentConfig, ContentEncoder
from gptsovits_ros.errors import CheckpointError
from gptsovits_ros.training.content_data import TOKEN_STRIDE

START_FILE = 'acoustic_init.safetensors'
# Official names of what the acoustic model takes over.
PROJECTION = 'ssl_proj.'
CODEBOOK = 'quantizer.vq.layers.0._codebook.embed'


class FixedCodebook(nn.Module):
    """Content features -> semantic tokens, as the acoustic model makes them; it stays fixed."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        """Take the projection and the codebook by their official names."""
        super().__init__()
        self.register_buffer('rows', tensors[CODEBOOK])
        self.register_buffer('weight', tensors[f'{PROJECTION}weight'])
        self.register_buffer('bias', tensors[f'{PROJECTION}bias'])

    def forward(self, features: Tensor) -> Tensor:
        """Return minus the squared distance of each row, [B, S, codes].

        The part of it that is equal for all rows is left out.

        Args:
            features: [B, width, F]; an odd last frame is dropped.

        """
        # In full precision whatever goes on around: a token must not depend on it.
        with torch.autocast(features.device.type, enabled=False):
            projected = F.conv1d(features.float(), self.weight, self.bias, stride=TOKEN_STRIDE)
            vectors = projected.transpose(1, 2)
            return 2 * (vectors @ self.rows.T) - self.rows.square().sum(1)

    def tokens(self, features: Tensor) -> Tensor:
        """Return the nearest rows, int64 [B, S]."""
        return self(features).argmax(-1)


def read_codebook(path: Path) -> FixedCodebook:
    """Read projection and codebook from the file that acoustic models start from.

    Raises:
        CheckpointError: it cannot be read, or holds something else.

    """
    tensors = float_tensors(read_weights(path).tensors)
    try:
        codebook = FixedCodebook(tensors)
    except KeyError as error:
        raise CheckpointError(f'{path} lacks {error}; tools/corpus/align.py makes it') from error
    width = codebook.rows.shape[-1]
    if codebook.rows.dim() != 2 or codebook.weight.shape != (width, width, TOKEN_STRIDE):
        raise CheckpointError(f'{path}: projection and codebook do not fit together')
    return codebook


def write_start(path: Path, rows: Tensor) -> None:
    """Write projection and codebook by their official names, for acoustic models to start from.

    The projection is the mean of two frames: features of 25 tokens per second, each said twice,
    are the rows themselves.

    Args:
        path: of the file.
        rows: [codes, width].

    Raises:
        CheckpointError: it cannot be written.

    """
    size, width = rows.shape
    mean = torch.eye(width)[..., None].repeat(1, 1, TOKEN_STRIDE) / TOKEN_STRIDE
    tensors = {
        f'{PROJECTION}weight': mean.half(),
        f'{PROJECTION}bias': torch.zeros(width).half(),
        CODEBOOK: rows.half(),
    }
    settings = {'model': {'ssl_dim': width, 'codebook_size': size}}
    write_weights(WeightFile(ACOUSTIC, KIND, settings, 'aligned codes', tensors), path)


@dataclass(frozen=True)
class StudentOutput:
    """What one pass gives; F frames at 50 per second, S = F // 2 tokens.

    Attributes:
        teacher: the teacher's features as predicted [B, F, teacher].
        logits: of the tokens [B, S, codes].

    """

    teacher: Tensor
    logits: Tensor


class Student(nn.Module):
    """Log mel -> content features -> tokens and teacher features; only the encoder is kept."""

    def __init__(
        self,
        config: ContentConfig,
        codebook: FixedCodebook,
        teacher_width: int,
        temperature: float,
    ) -> None:
        super().__init__()
        self.encoder = ContentEncoder(config)
        self.teacher_head = nn.Linear(config.width, teacher_width)
        self.codebook = codebook
        self.temperature = temperature

    def forward(self, mel: Tensor, lengths: Tensor) -> StudentOutput:
        """Run all parts.

        Args:
            mel: [B, bands, F * frame_stride], as the encoder wants it.
            lengths: int64 [B], feature frames of each clip.

        """
        features = self.encoder.features(mel, lengths)
        return StudentOutput(
            self.teacher_head(features.transpose(1, 2)),
            self.codebook(features) / self.temperature,
        )
