"""What the prior foretells, for a decoder that learns to speak from it as it will in use.

A decoder that has only met latents of the posterior meets smoother ones in use, and blurs them. So
vocoders are commonly trained on to the end with what the model before them makes. Here the prior
stays as it is; tokens are aligned with the sound, so that what it foretells is, too.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gptsovits_ros.checkpoint.weights import ACOUSTIC
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.training.acoustic_batch import AcousticBatch
from gptsovits_ros.training.acoustic_parts import averaged_acoustic, slices_in_context
from gptsovits_ros.training.settings import AcousticSettings
from gptsovits_ros.training.state import run_state


class PriorLatents:
    """Draws latents of utterances from the prior of another run."""

    def __init__(self, settings: AcousticSettings, device: torch.device) -> None:
        """Load the averaged weights of `settings.prior_run`.

        Raises:
            ConfigurationError: there is no run of these sizes.

        """
        state = run_state(Path(settings.prior_run), ACOUSTIC, device)
        try:
            self._model = averaged_acoustic(settings, state['trainer']['average'], device)
        except (KeyError, RuntimeError) as error:
            raise ConfigurationError(
                f'{settings.prior_run} has other sizes than the settings: {error}'
            ) from error
        self._scale = settings.prior_scale

    @torch.no_grad()
    def whole(self, batch: AcousticBatch) -> Tensor:
        """Return the latents [B, inter_channels, F] of whole utterances."""
        style, latent = self._foretell(batch)
        return self._model.flow.inverse(latent, style, batch.mask)

    @torch.no_grad()
    def of_slices(self, batch: AcousticBatch, frames: int) -> Tensor:
        """Return the latents [B, inter_channels, frames] of the slices of a batch."""
        style, latent = self._foretell(batch)
        # The prior looks at all of an utterance, the flow at a few frames only.
        context = self._model.flow.context_frames
        latent = slices_in_context(latent, batch.starts, frames, context)
        mask = slices_in_context(batch.mask, batch.starts, frames, context)
        return self._model.flow.inverse(latent, style, mask)[..., context : context + frames]

    def _foretell(self, batch: AcousticBatch) -> tuple[Tensor, Tensor]:
        """Return the style [B, gin_channels, 1], and latents [B, C, F] before the flow."""
        model = self._model
        style = model.style(batch.reference, batch.speaker, batch.reference_mask)
        mean, log_std = model.prior_statistics(
            batch.tokens, batch.phonemes, style, mask=batch.mask, text_mask=batch.text_mask
        )
        noise = torch.randn_like(mean)
        return style, (mean + noise * torch.exp(log_std) * self._scale) * batch.mask
