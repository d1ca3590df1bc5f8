"""The prior encoder (upstream `enc_p`): tokens, phonemes and style become a normal distribution.

It is the prior of the latent (gptsovits-spec section 7.3).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.acoustic.attention import Attention, Encoder, masked
from gptsovits_ros.acoustic.config import SovitsConfig


class Mrte(nn.Module):
    """Multi-reference timbre encoder: tokens look up the phonemes, the style is added."""

    def __init__(self, config: SovitsConfig) -> None:
        super().__init__()
        wide, narrow = config.mrte_channels, config.hidden_channels
        self.c_pre = nn.Conv1d(narrow, wide, 1)
        self.text_pre = nn.Conv1d(narrow, wide, 1)
        self.cross_attention = Attention(wide, config.mrte_heads)
        self.c_post = nn.Conv1d(wide, narrow, 1)

    def forward(
        self,
        tokens: Tensor,
        token_mask: Tensor | None,
        text: Tensor,
        text_mask: Tensor | None,
        style: Tensor,
    ) -> Tensor:
        """Mix tokens [B, H, F], text [B, H, P] and style [B, mrte_channels, 1] -> [B, H, F]."""
        pairs = None
        if token_mask is not None and text_mask is not None:
            pairs = text_mask.unsqueeze(2) * token_mask.unsqueeze(-1)
        x = masked(self.c_pre(masked(tokens, token_mask)), token_mask)
        keys = masked(self.text_pre(masked(text, text_mask)), text_mask)
        x = self.cross_attention(x, keys, pairs) + x + style
        return self.c_post(masked(x, token_mask))


class PriorEncoder(nn.Module):
    """Quantized content at 50 Hz and phonemes -> mean and log deviation of the latent."""

    def __init__(self, config: SovitsConfig) -> None:
        super().__init__()

        def encoder(layers: int) -> Encoder:
            return Encoder(
                config.hidden_channels,
                config.filter_channels,
                config.n_heads,
                layers,
                config.kernel_size,
                config.attention_window,
                config.p_dropout,
            )

        self.token_projection = nn.Conv1d(config.ssl_dim, config.hidden_channels, 1)
        self.token_encoder = encoder(config.n_layers // 2)
        self.text_embedding = nn.Embedding(config.phoneme_vocab_size, config.hidden_channels)
        self.text_encoder = encoder(config.n_layers)
        self.mrte = Mrte(config)
        self.joint_encoder = encoder(config.n_layers // 2)
        self.projection = nn.Conv1d(config.hidden_channels, 2 * config.inter_channels, 1)

    def forward(
        self,
        quantized: Tensor,
        phoneme_ids: Tensor,
        style: Tensor,
        speed: float = 1.0,
        mask: Tensor | None = None,
        text_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return mean and log deviation, both [B, inter_channels, F'].

        Args:
            quantized: [B, ssl_dim, F].
            phoneme_ids: int64 [B, P].
            style: [B, mrte_channels, 1].
            speed: F' = F at 1, else floor(F / speed) + 1.
            mask: [B, 1, F] of the frames, or None.
            text_mask: [B, 1, P] of the phonemes, or None.

        """
        latent = self.joint_latent(quantized, phoneme_ids, style, mask, text_mask)
        return self.statistics(at_speed(latent, speed), mask)

    def joint_latent(
        self,
        quantized: Tensor,
        phoneme_ids: Tensor,
        style: Tensor,
        mask: Tensor | None = None,
        text_mask: Tensor | None = None,
        skip: int = 0,
    ) -> Tensor:
        """Return what `statistics` reads, [B, H, F - skip]; the first `skip` are only context."""
        text = self.encoded_text(phoneme_ids, text_mask)
        return self.joint_latent_of(quantized, text, style, mask, text_mask, skip)

    def encoded_text(self, phoneme_ids: Tensor, text_mask: Tensor | None = None) -> Tensor:
        """Return what the tokens look up in the phonemes [B, P], [B, H, P]."""
        return self.text_encoder(self.text_embedding(phoneme_ids).transpose(1, 2), text_mask)

    def joint_latent_of(
        self,
        quantized: Tensor,
        text: Tensor,
        style: Tensor,
        mask: Tensor | None = None,
        text_mask: Tensor | None = None,
        skip: int = 0,
    ) -> Tensor:
        """Return `joint_latent` for a text that was encoded before, [B, H, P]."""
        tokens = self.token_encoder(
            masked(self.token_projection(masked(quantized, mask)), mask), mask
        )
        mixed = self.mrte(tokens, mask, text, text_mask, style)[:, :, skip:]
        return self.joint_encoder(mixed, mask)

    def statistics(self, latent: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Project [B, H, F] to mean and log deviation."""
        mean, log_std = masked(self.projection(latent), mask).chunk(2, dim=1)
        return mean, log_std


def at_speed(latent: Tensor, speed: float) -> Tensor:
    """Stretch [B, H, F] in time by linear interpolation; speed above 1 is faster (shorter)."""
    if speed == 1.0:
        return latent
    return F.interpolate(latent, size=int(latent.shape[-1] / speed) + 1, mode='linear')


def read_at_speed(latent: Tensor, speed: float, start: int, stop: int) -> Tensor:
    """Return frames start to stop of what [B, H, F] becomes at a speed, without knowing all of it.

    A frame lies `speed` frames behind the one before. `at_speed` makes the length a whole number
    first and then stretches evenly, which asks for the length; over a whole segment the two drift
    apart by less than a frame. At speed 1 this is a slice.
    """
    last = latent.shape[-1] - 1
    steps = torch.arange(start, stop, device=latent.device, dtype=torch.float64)
    position = ((steps + 0.5) * speed - 0.5).clamp(0, last)
    before = position.floor().long()
    share = (position - before).to(latent.dtype)
    after = (before + 1).clamp(max=last)
    return latent[..., before] * (1 - share) + latent[..., after] * share


def sequence_mask(lengths: Tensor, longest: int) -> Tensor:
    """Return [B, 1, longest] with 1 where a position is inside its length [B]."""
    return (
        (torch.arange(longest, device=lengths.device)[None] < lengths[:, None])
        .unsqueeze(1)
        .float()
    )
