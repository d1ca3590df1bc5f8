"""SoVITS: semantic tokens, phonemes and a style embedding become a waveform (gptsovits-spec 7)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gptsovits_ros.acoustic.config import SovitsConfig
from gptsovits_ros.acoustic.flow import Flow
from gptsovits_ros.acoustic.hifigan import HifiGan
from gptsovits_ros.acoustic.posterior_encoder import PosteriorEncoder
from gptsovits_ros.acoustic.quantizer import Quantizer
from gptsovits_ros.acoustic.style_encoder import StyleEncoder
from gptsovits_ros.acoustic.text_encoder import PriorEncoder


class Sovits(nn.Module):
    """The parts of the acoustic model and the ways through them.

    Randomness is an argument: `decode` takes the noise of the prior, so that equal inputs give
    equal audio.
    """

    def __init__(self, config: SovitsConfig, with_posterior: bool = False) -> None:
        super().__init__()
        self.config = config
        # Halves the frame rate of the content features, so that a token lasts 40 ms.
        self.ssl_projection = nn.Conv1d(
            config.ssl_dim, config.ssl_dim, config.token_stride, stride=config.token_stride
        )
        self.quantizer = Quantizer(config.codebook_size, config.ssl_dim)
        self.style_encoder = StyleEncoder(config)
        self.prior = PriorEncoder(config)
        self.flow = Flow(config)
        self.decoder = HifiGan(config)
        self.posterior = PosteriorEncoder(config) if with_posterior else None

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

    def quantized(self, tokens: Tensor) -> Tensor:
        """Return content [B, ssl_dim, F] at the frame rate of the latent for tokens [B, S]."""
        return self.quantizer.decode(tokens).repeat_interleave(self.config.token_stride, dim=-1)

    def prior_statistics(
        self, tokens: Tensor, phoneme_ids: Tensor, style: Tensor, speed: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Return mean and log deviation of the prior, [1, inter_channels, F]."""
        return self.prior(self.quantized(tokens), phoneme_ids, style, speed)

    def decode(
        self,
        tokens: Tensor,
        phoneme_ids: Tensor,
        style: Tensor,
        *,
        speed: float = 1.0,
        noise: Tensor | None = None,
        noise_scale: float = 0.5,
    ) -> Tensor:
        """Return the waveform [1, 1, T].

        Args:
            tokens: int64 [1, S].
            phoneme_ids: int64 [1, P], of the same text (no prompt).
            style: [1, gin_channels, 1].
            speed: speaking rate; above 1 is faster.
            noise: standard normal [1, inter_channels, F] (see latent_frames), None for the mean.
            noise_scale: how much of it is used.

        """
        mean, log_std = self.prior_statistics(tokens, phoneme_ids, style, speed)
        z_p = mean if noise is None else mean + noise * torch.exp(log_std) * noise_scale
        return self.decoder(self.flow.inverse(z_p, style), style)

    def latent_frames(self, tokens: int, speed: float = 1.0) -> int:
        """Return how many latent frames `decode` makes of so many tokens."""
        frames = tokens * self.config.token_stride
        return frames if speed == 1.0 else int(frames / speed) + 1
