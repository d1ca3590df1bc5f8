"""SoVITS in two parts that learn apart from each other, on a machine each if need be.

The autoencoder (posterior and decoder) needs no text and learns on slices; the prior (tokens,
phonemes, style, flow) needs no sound, once the posterior stays as it is. Together they are the
model that `training_forward` trains at once, for a fraction of the computing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.acoustic.sovits import Sovits, slices
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.training.acoustic_batch import AcousticBatch
from gptsovits_ros.training.settings import ALL_PARTS, AUTOENCODER, PRIOR, AcousticSettings

# What each choice of parts moves; all others stay as they are.
_MOVED = {
    ALL_PARTS: ('',),
    AUTOENCODER: ('posterior.', 'decoder.'),
    PRIOR: (
        'prior.',
        'flow.',
        'style_encoder.',
        'speaker_projection.',
        'style_activation.',
        'text_style_projection.',
    ),
}


def is_moved(name: str, parts: str) -> bool:
    """Say whether a parameter of the generator is learned with these parts."""
    return name.startswith(_MOVED[parts])


def posterior_context(settings: AcousticSettings) -> int:
    """Return how many frames on each side the posterior reaches."""
    model = settings.model
    return model.posterior_layers * (model.wavenet_kernel_size // 2)


@torch.no_grad()
def forget_style(model: Sovits) -> None:
    """Let posterior and decoder begin deaf to the style, which they get none of for now."""
    model.decoder.cond.weight.zero_()
    # Its length; a weight-normed direction must not be zero.
    model.posterior.enc.cond_layer.parametrizations.weight.original0.zero_()


def autoencode(
    model: Sovits, batch: AcousticBatch, settings: AcousticSettings, is_fixed: bool
) -> tuple[Tensor, Tensor]:
    """Return waves [B, 1, T] of the slices of a batch, and the divergence of their latent.

    Args:
        model: the generator.
        batch: whole utterances.
        settings: say how long slices are.
        is_fixed: True if the posterior does not learn any more. Then the decoder learns from its
            mean, since what it decodes in use has little noise.

    """
    frames, context = settings.slice_frames, posterior_context(settings)
    spectrogram = slices_in_context(batch.spectrogram, batch.starts, frames, context)
    mask = slices_in_context(batch.mask, batch.starts, frames, context)
    style = _no_style(model, spectrogram)
    if is_fixed:
        with torch.no_grad():
            mean, log_std = model.posterior(spectrogram, style, mask)
        latent = mean
    else:
        noise = torch.randn(
            len(mask), settings.model.inter_channels, mask.shape[2], device=spectrogram.device
        )
        latent, mean, log_std = model.posterior_latent(spectrogram, style, mask, noise)
    inner = slice(context, context + frames)
    wave = model.decoder(latent[..., inner], style)
    mean, log_std = mean[..., inner].float(), log_std[..., inner].float()
    return wave, standard_divergence(mean, log_std)


def slices_in_context(x: Tensor, starts: Tensor, frames: int, context: int) -> Tensor:
    """Return slices of x [B, C, F] with `context` frames more on each side, zeros beyond x."""
    return slices(F.pad(x, (context, context)), starts, frames + 2 * context)


def reconstruct(model: Sovits, batch: AcousticBatch) -> Tensor:
    """Return waves [B, 1, T] of whole utterances by posterior and decoder alone."""
    mean, _ = model.posterior(batch.spectrogram, _no_style(model, batch.spectrogram), batch.mask)
    return decode_alone(model, mean)


def decode_alone(model: Sovits, latent: Tensor) -> Tensor:
    """Return waves [B, 1, T] of latents [B, inter_channels, F], without a style."""
    return model.decoder(latent, _no_style(model, latent))


def _no_style(model: Sovits, like: Tensor) -> Tensor:
    return like.new_zeros(len(like), model.config.gin_channels, 1)


def standard_divergence(mean: Tensor, log_std: Tensor) -> Tensor:
    """Return the divergence per frame of Gaussians [B, C, F] from the standard one."""
    divergence = 0.5 * (mean.square() + torch.exp(2 * log_std) - 1) - log_std
    return divergence.sum(1).mean()


def take_over(model: nn.Module, tensors: dict[str, Tensor], where: str) -> None:
    """Load the generator of another run.

    Raises:
        ConfigurationError: it has other sizes.

    """
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ConfigurationError(f'{where} has other sizes than the settings: {error}') from error


def averaged_acoustic(
    settings: AcousticSettings,
    tensors: dict[str, Tensor],
    device: torch.device | str = 'cpu',
    with_posterior: bool = False,
) -> Sovits:
    """Return a model with averaged weights, for use."""
    model = Sovits(settings.model, with_posterior).to(device)
    model.load_state_dict({name: tensors[name] for name in model.state_dict()})
    return model.eval().requires_grad_(False)


def with_autoencoder(
    tensors: dict[str, Tensor], of_autoencoder: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Return weights of a generator with posterior and decoder taken from others."""
    return tensors | {
        name: value for name, value in of_autoencoder.items() if is_moved(name, AUTOENCODER)
    }
