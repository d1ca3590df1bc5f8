"""What SoVITS is trained by (gptsovits-spec section 10.2). Everything is computed in float32."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gptsovits_ros.acoustic.sovits import TrainingOutput
from gptsovits_ros.audio.spectrogram import (
    MelConfig,
    magnitude_spectrogram,
    mel_from_magnitude,
    mel_spectrogram,
)
from gptsovits_ros.types import SpectrogramConfig

# Transform size and hop of the multi-resolution STFT loss (Yamamoto et al. 2020).
STFT_SIZES = ((512, 128), (1024, 256), (2048, 512))

FeatureMaps = Sequence[Sequence[Tensor]]


def judged_losses(real: FeatureMaps, fake: FeatureMaps) -> tuple[list[Tensor], list[Tensor]]:
    """Return how wrong each discriminator is about real waves, and about generated ones."""
    on_real = [(1 - maps[-1].float()).pow(2).mean() for maps in real]
    on_fake = [maps[-1].float().pow(2).mean() for maps in fake]
    return on_real, on_fake


def adversarial_losses(fake: FeatureMaps) -> list[Tensor]:
    """Return how far each discriminator is from taking generated waves for real."""
    return [(1 - maps[-1].float()).pow(2).mean() for maps in fake]


def feature_loss(real: FeatureMaps, fake: FeatureMaps) -> Tensor:
    """Return the mean differences of all feature maps, summed; those of real waves are targets."""
    return sum(
        (a.detach().float() - b.float()).abs().mean()
        for real_maps, fake_maps in zip(real, fake, strict=True)
        for a, b in zip(real_maps, fake_maps, strict=True)
    )


def divergence_loss(output: TrainingOutput, mask: Tensor) -> Tensor:
    """Return the divergence of the posterior from the prior per frame; mask is [B, 1, F]."""
    prior_log_std = output.prior_log_std.float()
    shift = output.prior_latent.float() - output.prior_mean.float()
    divergence = (
        prior_log_std
        - output.posterior_log_std.float()
        - 0.5
        + 0.5 * shift.pow(2) * torch.exp(-2 * prior_log_std)
    )
    return (divergence * mask).sum() / mask.sum()


def mel_loss(wave: Tensor, magnitude: Tensor, config: MelConfig) -> Tensor:
    """Return the mean difference of log mel spectrograms.

    Args:
        wave: generated, [B, 1, T].
        magnitude: of the real waves at the same place, [B, bins, T / hop].
        config: of both.

    """
    generated = mel_spectrogram(wave.float()[:, 0], config)
    return F.l1_loss(generated, mel_from_magnitude(magnitude, config))


def stft_loss(generated: Tensor, real: Tensor) -> Tensor:
    """Return how far two waves [B, 1, T] are apart: spectral convergence and log magnitude."""
    losses = []
    for n_fft, hop in STFT_SIZES:
        config = SpectrogramConfig(n_fft=n_fft, hop_length=hop, win_length=n_fft)
        a = magnitude_spectrogram(generated.float()[:, 0], config)
        b = magnitude_spectrogram(real.float()[:, 0], config)
        losses.append((a - b).norm() / b.norm() + F.l1_loss(a.log(), b.log()))
    return sum(losses) / len(losses)
