"""The first half of v3 and v4: tokens, phonemes and style become features at the mel's rate.

gptsovits-spec section 11. Up to the latent it is the prior of v2; instead of a distribution it
gives features for the transformer.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.acoustic.attention import masked
from gptsovits_ros.acoustic.cfm_config import CfmConfig
from gptsovits_ros.acoustic.quantizer import Quantizer
from gptsovits_ros.acoustic.style_encoder import StyleEncoder
from gptsovits_ros.acoustic.text_encoder import PriorEncoder, at_speed
from gptsovits_ros.acoustic.wavenet import WaveNet


class FeatureMixer(nn.Module):
    """The stretched features see their neighbours and the style (upstream `wns1`)."""

    def __init__(self, config: CfmConfig) -> None:
        super().__init__()
        width = config.dit.text_dim
        self.pre = nn.Conv1d(width, width, 1)
        self.enc = WaveNet(
            width, config.mixer_kernel_size, config.mixer_layers, config.sovits.gin_channels
        )
        self.proj = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor, style: Tensor, mask: Tensor | None) -> Tensor:
        """Mix x [B, text_dim, F]; style is [B, gin_channels, 1], mask [B, 1, F] or None."""
        h = self.enc(masked(self.pre(x), mask), style, mask)
        return masked(self.proj(h), mask)


class FeatureModel(nn.Module):
    """Tokens from content features, style from spectrograms, and features from both."""

    def __init__(self, config: CfmConfig) -> None:
        super().__init__()
        self.config = config
        sovits = config.sovits
        self.ssl_projection = nn.Conv1d(
            sovits.ssl_dim, sovits.ssl_dim, sovits.token_stride, stride=sovits.token_stride
        )
        self.quantizer = Quantizer(sovits.codebook_size, sovits.ssl_dim)
        self.style_encoder = StyleEncoder(sovits)
        self.prior = PriorEncoder(sovits)
        self.bridge = nn.Conv1d(sovits.hidden_channels, config.dit.text_dim, 1)
        self.mixer = FeatureMixer(config)

    def tokens_from_features(self, features: Tensor) -> Tensor:
        """Return semantic tokens [B, S] of content features [B, ssl_dim, F].

        An odd last frame is dropped.
        """
        return self.quantizer.encode(self.ssl_projection(features))

    def style_embedding(self, spectrograms: list[Tensor]) -> Tensor:
        """Return the mean style [1, gin_channels, 1] of reference spectrograms [1, bins, F]."""
        return torch.stack([self.style_encoder(spectrogram) for spectrogram in spectrograms]).mean(
            dim=0
        )

    def forward(
        self, tokens: Tensor, phoneme_ids: Tensor, style: Tensor, speed: float = 1.0
    ) -> Tensor:
        """Return features [1, text_dim, F]; F = token_stride * frame_stretch * S at speed 1.

        Args:
            tokens: int64 [1, S].
            phoneme_ids: int64 [1, P], of the same text.
            style: [1, gin_channels, 1].
            speed: speaking rate; above 1 is faster.

        """
        stride = self.config.sovits.token_stride
        content = self.quantizer.decode(tokens).repeat_interleave(stride, dim=-1)
        latent = at_speed(self.prior.joint_latent(content, phoneme_ids, style), speed)
        stretched = F.interpolate(
            F.leaky_relu(self.bridge(latent)),
            scale_factor=self.config.frame_stretch,
            mode='nearest',
        )
        return self.mixer(stretched, style, self._mask(tokens.shape[-1], speed, stretched))

    def _mask(self, tokens: int, speed: float, x: Tensor) -> Tensor | None:
        """Return [1, 1, F] with zeros beyond the length that the model was trained to see."""
        length = tokens * self.config.masked_frames_per_token
        length = int(length) if speed == 1.0 else int(length / speed) + 1
        if length >= x.shape[-1]:
            return None
        return (torch.arange(x.shape[-1], device=x.device) < length).to(x)[None, None]
