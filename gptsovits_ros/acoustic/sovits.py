"""SoVITS: semantic tokens, phonemes and a style embedding become a waveform (gptsovits-spec 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor, nn

from gptsovits_ros.acoustic.config import SovitsConfig
from gptsovits_ros.acoustic.flow import Flow
from gptsovits_ros.acoustic.hifigan import HifiGan
from gptsovits_ros.acoustic.posterior_encoder import PosteriorEncoder
from gptsovits_ros.acoustic.quantizer import Quantizer
from gptsovits_ros.acoustic.style_encoder import StyleEncoder
from gptsovits_ros.acoustic.text_encoder import PriorEncoder


@dataclass(frozen=True)
class TrainingOutput:
    """What `training_forward` gives; all but the wave are [B, inter_channels, F].

    Attributes:
        wave: [B, 1, T], of the slices; None where they were not decoded.
        prior_mean: mean that tokens and phonemes foretell.
        prior_log_std: and its log deviation.
        prior_latent: the latent of the posterior as the prior sees it, that is after the flow.
        posterior_mean: mean of the latent that the spectrogram gives.
        posterior_log_std: and its log deviation.

    """

    wave: Tensor | None
    prior_mean: Tensor
    prior_log_std: Tensor
    prior_latent: Tensor
    posterior_mean: Tensor
    posterior_log_std: Tensor


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
        if config.speaker_dim:
            self.speaker_projection = nn.Linear(config.speaker_dim, config.gin_channels)
            self.style_activation = nn.PReLU(config.gin_channels)
            self.text_style_projection = nn.Linear(config.gin_channels, config.mrte_channels)
        self.prior = PriorEncoder(config)
        self.flow = Flow(config)
        self.decoder = HifiGan(config)
        self.posterior = PosteriorEncoder(config) if with_posterior else None

    def tokens_from_features(self, features: Tensor) -> Tensor:
        """Return semantic tokens [B, S] of content features [B, ssl_dim, F].

        An odd last frame is dropped.
        """
        return self.quantizer.encode(self.ssl_projection(features))

    def style_embedding(
        self, spectrograms: Sequence[Tensor], speakers: Sequence[Tensor] = ()
    ) -> Tensor:
        """Return the mean style [1, gin_channels, 1] of reference clips.

        Args:
            spectrograms: of each clip, [1, bins, F].
            speakers: embedding of the speaker of each clip, [1, speaker_dim]; none where
                speaker_dim is 0.

        Raises:
            ValueError: if speakers are missing, or given to a model that knows none.

        """
        if len(speakers) != (len(spectrograms) if self.config.speaker_dim else 0):
            raise ValueError(
                f'{len(speakers)} speaker embeddings for {len(spectrograms)} clips of a '
                f'{self.config.version} model'
            )
        styles = [
            self.style(spectrogram, speaker)
            for spectrogram, speaker in zip_longest(spectrograms, speakers)
        ]
        return torch.stack(styles).mean(dim=0)

    def style(
        self, spectrogram: Tensor, speaker: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Return the style [B, gin_channels, 1] of one clip per row.

        Args:
            spectrogram: [B, bins, F].
            speaker: speaker embeddings [B, speaker_dim]; None where speaker_dim is 0.
            mask: [B, 1, F], 1 where there is a frame; None: everywhere.

        """
        style = self.style_encoder(spectrogram, mask)
        if speaker is None:
            return style
        return self.style_activation(style + self.speaker_projection(speaker).unsqueeze(-1))

    def text_style(self, style: Tensor) -> Tensor:
        """Return the style [B, mrte_channels, 1] as the prior encoder wants it."""
        if not self.config.speaker_dim:
            return style
        return self.text_style_projection(style.squeeze(-1)).unsqueeze(-1)

    def quantized(self, tokens: Tensor) -> Tensor:
        """Return content [B, ssl_dim, F] at the frame rate of the latent for tokens [B, S]."""
        return self.quantizer.decode(tokens).repeat_interleave(self.config.token_stride, dim=-1)

    def prior_statistics(
        self,
        tokens: Tensor,
        phoneme_ids: Tensor,
        style: Tensor,
        speed: float = 1.0,
        mask: Tensor | None = None,
        text_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return mean and log deviation of the prior, [B, inter_channels, F].

        Masks are those of `training_forward`; None: nothing is padded.
        """
        return self.prior(
            self.quantized(tokens), phoneme_ids, self.text_style(style), speed, mask, text_mask
        )

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

    def training_forward(
        self,
        tokens: Tensor,
        phoneme_ids: Tensor,
        spectrogram: Tensor,
        style: Tensor,
        mask: Tensor,
        text_mask: Tensor,
        noise: Tensor,
        slice_starts: Tensor,
        slice_frames: int,
        decodes: bool = True,
    ) -> TrainingOutput:
        """Encode whole utterances and decode a slice of each (gptsovits-spec section 10.2).

        The codebook is frozen, so no gradient reaches what makes the tokens.

        Args:
            tokens: int64 [B, S].
            phoneme_ids: int64 [B, P].
            spectrogram: of the utterances, [B, bins, F] with F = S * token_stride.
            style: [B, gin_channels, 1]; the posterior does not train it.
            mask: [B, 1, F], 1 where there is a frame.
            text_mask: [B, 1, P].
            noise: standard normal [B, inter_channels, F], of the posterior.
            slice_starts: int64 [B], first frame of each slice.
            slice_frames: length of the slices.
            decodes: False leaves out the decoder.

        """
        prior_mean, prior_log_std = self.prior_statistics(
            tokens, phoneme_ids, style, mask=mask, text_mask=text_mask
        )
        z, mean, log_std = self.posterior_latent(spectrogram, style.detach(), mask, noise)
        return TrainingOutput(
            self.decoder(slices(z, slice_starts, slice_frames), style) if decodes else None,
            prior_mean,
            prior_log_std,
            self.flow(z, style, mask),
            mean,
            log_std,
        )

    def posterior_latent(
        self, spectrogram: Tensor, style: Tensor, mask: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return a latent of spectrograms [B, bins, F], and its mean and log deviation.

        Style, mask and noise are as in `training_forward`.
        """
        mean, log_std = self.posterior(spectrogram, style, mask)
        return (mean + noise * torch.exp(log_std)) * mask, mean, log_std

    def latent_frames(self, tokens: int, speed: float = 1.0) -> int:
        """Return how many latent frames `decode` makes of so many tokens."""
        frames = tokens * self.config.token_stride
        return frames if speed == 1.0 else int(frames / speed) + 1


def slices(x: Tensor, starts: Tensor, length: int) -> Tensor:
    """Return x[b, :, starts[b] : starts[b] + length] of x [B, C, T] as [B, C, length]."""
    index = starts[:, None, None] + torch.arange(length, device=x.device)
    return x.gather(2, index.expand(-1, x.shape[1], -1))
