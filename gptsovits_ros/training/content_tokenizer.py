"""The tokenizer while it is trained: encoder, projection, codebook, and what judges them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.encoders.content import ContentConfig, ContentEncoder
from gptsovits_ros.text.symbols import symbol_table

TOKEN_STRIDE = 2
# A row that stands for less than this share of an even use is moved to where content is.
DEAD_SHARE = 0.03
LEAST_COUNT = 1e-3


@dataclass(frozen=True)
class TokenizerOutput:
    """What one pass gives; F frames at 50 per second, S = F // 2 tokens.

    Attributes:
        frames: the teacher's features as predicted from the content features [B, F, teacher].
        tokens: the same from the tokens, two frames each as one mean [B, S, teacher].
        frame_labels: logits of the phoneme of each frame, from the features [B, F, symbols].
        token_labels: the same from the tokens [B, 2 S, symbols].
        phonemes: logits of CTC from the tokens [B, S, symbols].
        projected: what was quantized [B, S, width].
        quantized: the rows that took its place [B, S, width], without gradient.
        codes: their numbers [B, S].

    """

    frames: Tensor
    tokens: Tensor
    frame_labels: Tensor
    token_labels: Tensor
    phonemes: Tensor
    projected: Tensor
    quantized: Tensor
    codes: Tensor


class Tokenizer(nn.Module):
    """Log mel -> content features -> tokens -> phonemes and teacher features.

    The encoder, the projection and the codebook stay; all heads are only for training.
    """

    def __init__(
        self, config: ContentConfig, codebook_size: int, teacher_width: int, head_channels: int
    ) -> None:
        super().__init__()
        self.encoder = ContentEncoder(config)
        self.projection = nn.Conv1d(config.width, config.width, TOKEN_STRIDE, TOKEN_STRIDE)
        self.codebook = Codebook(codebook_size, config.width)
        self.frame_head = nn.Linear(config.width, teacher_width)
        self.reader = nn.Conv1d(config.width, head_channels, 3, padding=1)
        self.token_head = nn.Linear(head_channels, teacher_width)
        symbols = len(symbol_table('v2'))
        self.phoneme_head = nn.Linear(head_channels, symbols)
        self.frame_label_head = nn.Linear(config.width, symbols)
        self.token_label_head = nn.Linear(config.width, TOKEN_STRIDE * symbols)

    def forward(self, mel: Tensor, lengths: Tensor, is_quantized: bool) -> TokenizerOutput:
        """Run all parts.

        Args:
            mel: [B, bands, 2 F], as the encoder wants it.
            lengths: int64 [B], feature frames of each clip.
            is_quantized: False passes the projected features on as they are, while the codebook is
                not there yet.

        """
        features = self.encoder.features(mel, lengths)
        projected = self.projection(features).transpose(1, 2).float()
        codes = self.codebook.nearest(projected)
        quantized = self.codebook.rows[codes] if is_quantized else projected.detach()
        # The gradient goes past the choice of the row as if it were not there.
        passed = projected + (quantized - projected).detach()
        read = F.gelu(self.reader(passed.transpose(1, 2))).transpose(1, 2)
        frames = features.transpose(1, 2)
        token_labels = self.token_label_head(passed)
        return TokenizerOutput(
            self.frame_head(frames),
            self.token_head(read),
            self.frame_label_head(frames),
            token_labels.reshape(len(mel), -1, self.phoneme_head.out_features),
            self.phoneme_head(read),
            projected,
            quantized,
            codes,
        )

    def tokenize(self, features: Tensor) -> Tensor:
        """Return tokens int64 [B, S] of content features [B, width, F]."""
        return self.codebook.nearest(self.projection(features).transpose(1, 2))


class Codebook(nn.Module):
    """Rows that follow the mean of what they stand for, as a moving average.

    Source: van den Oord et al., Neural Discrete Representation Learning (2017), appendix A.1.
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.register_buffer('rows', torch.zeros(size, width))
        self.register_buffer('counts', torch.ones(size))
        self.register_buffer('sums', torch.zeros(size, width))

    def nearest(self, vectors: Tensor) -> Tensor:
        """Return the number of the nearest row, int64 [...], of vectors [..., width]."""
        # In full precision whatever goes on around: a token must not depend on it.
        with torch.autocast(vectors.device.type, enabled=False):
            # |x - e|^2 without the |x|^2 that is equal for all rows.
            distance = self.rows.square().sum(1) - 2 * (vectors.float() @ self.rows.T)
        return distance.argmin(dim=-1)

    @torch.no_grad()
    def update(self, vectors: Tensor, codes: Tensor, decay: float, moves_dead_rows: bool) -> None:
        """Let the rows follow vectors [N, width] that were given codes [N]."""
        size = len(self.rows)
        counts = torch.bincount(codes, minlength=size).to(self.counts)
        sums = torch.zeros_like(self.sums).index_add_(0, codes, vectors)
        self.counts.lerp_(counts, 1 - decay)
        self.sums.lerp_(sums, 1 - decay)
        if moves_dead_rows:
            dead = (self.counts < DEAD_SHARE * self.counts.mean()).nonzero()[:, 0]
            dead = dead[: len(vectors)]
            places = torch.randperm(len(vectors))[: len(dead)]
            average = self.counts.mean().expand(len(dead))
            self.counts[dead] = average
            self.sums[dead] = vectors[places] * average[:, None]
        # A row that nobody uses any more stays where it is, and is not divided by next to nothing.
        means = self.sums / self.counts.clamp_min(LEAST_COUNT)[:, None]
        self.rows.copy_(torch.where((self.counts > LEAST_COUNT)[:, None], means, self.rows))

    @torch.no_grad()
    def fit(self, vectors: Tensor, rounds: int) -> None:
        """Place the rows by k-means on vectors [N, width], N at least the number of rows."""
        size = len(self.rows)
        self.rows.copy_(vectors[torch.randperm(len(vectors))[:size]])
        for _ in range(rounds):
            codes = self.nearest(vectors)
            self.counts.copy_(torch.bincount(codes, minlength=size))
            empty = (self.counts == 0).nonzero()[:, 0]
            self.sums.zero_().index_add_(0, codes, vectors)
            self.sums[empty] = vectors[torch.randperm(len(vectors))[: len(empty)]]
            self.counts[empty] = 1
            self.rows.copy_(self.sums / self.counts[:, None])
