"""The acoustic model of v3 and v4: semantic tokens become a waveform by way of a mel.

gptsovits-spec section 11: features, then a transformer that draws a mel, then a vocoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from gptsovits_ros.acoustic.bigvgan import BigVgan
from gptsovits_ros.acoustic.cfm_config import CfmConfig
from gptsovits_ros.acoustic.chunked_cfm import (
    CfmSampling,
    Reference,
    batched_mel,
    sequential_mel,
)
from gptsovits_ros.acoustic.dit import Dit
from gptsovits_ros.acoustic.feature_model import FeatureModel
from gptsovits_ros.acoustic.mel_hifigan import MelHifiGan

# Joins pieces [T] that overlap by so many samples, as audio.join.join_aligned does.
Join = Callable[[list[Tensor], int], Tensor]


class CfmModel(nn.Module):
    """What one official SoVITS file of v3 or v4 holds; the vocoder has a file of its own."""

    def __init__(self, config: CfmConfig) -> None:
        super().__init__()
        self.config = config
        self.features = FeatureModel(config)
        self.dit = Dit(config.dit)


class CfmAcoustic(nn.Module):
    """A v3 or v4 model with its vocoder, and the ways through them."""

    def __init__(self, model: CfmModel, vocoder: BigVgan | MelHifiGan) -> None:
        """Put the two together.

        Raises:
            ValueError: if the vocoder was made for another mel or another rate.

        """
        super().__init__()
        self.config = model.config
        self.features = model.features
        self.dit = model.dit
        self.vocoder = vocoder
        _check_vocoder(model.config, vocoder)

    def tokens_from_features(self, features: Tensor) -> Tensor:
        """Return semantic tokens [B, S] of content features [B, ssl_dim, F]."""
        return self.features.tokens_from_features(features)

    def reference(
        self, tokens: Tensor, phoneme_ids: Tensor, spectrograms: list[Tensor], mel: Tensor
    ) -> Reference:
        """Return what the model takes from the prompt; computed once per voice.

        Args:
            tokens: int64 [1, S], of the prompt.
            phoneme_ids: int64 [1, P], of the prompt's text.
            spectrograms: of the prompt and of further references, which only the style is taken
                from; each [1, bins, F], as config.spectrogram says.
            mel: natural log mel of the prompt, [1, mel_bands, F], as config.mel says.

        """
        config = self.config
        style = self.features.style_embedding(spectrograms)
        features = self.features(tokens, phoneme_ids, style)
        mel = scaled_mel(mel, config)
        frames = min(features.shape[-1], mel.shape[-1])
        kept = slice(max(0, frames - config.reference_frames), frames)
        return Reference(style, features[:, :, kept], mel[:, :, kept])

    def waveform(
        self,
        tokens: Tensor,
        phoneme_ids: Tensor,
        reference: Reference,
        sampling: CfmSampling,
        *,
        speed: float = 1.0,
    ) -> Tensor:
        """Return the waveform [T] at config.sample_rate; samples_per_token * S at speed 1.

        Args:
            tokens: int64 [1, S].
            phoneme_ids: int64 [1, P], of the same text (no prompt).
            reference: of the voice.
            sampling: how the mel is drawn.
            speed: speaking rate; above 1 is faster.

        Raises:
            CanceledError: sampling.cancelled() said yes; it is asked before each step.

        """
        features = self.features(tokens, phoneme_ids, reference.style, speed)
        mel = sequential_mel(self.dit, self.config, features, reference, sampling)
        return self._vocode(mel)

    def waveforms(
        self,
        segments: Sequence[tuple[Tensor, Tensor]],
        reference: Reference,
        sampling: CfmSampling,
        join: Join,
        *,
        speed: float = 1.0,
    ) -> list[Tensor]:
        """Return the waveforms [T] of several segments, all chunks at once: quick on a GPU.

        Joints are nearly right only, and a joint may drop some samples, which the last segments
        then lack.

        Args:
            segments: tokens int64 [1, S] and phoneme ids int64 [1, P] of each.
            reference: of the voice.
            sampling: how the mels are drawn.
            join: called with the pieces and their overlap [samples].
            speed: speaking rate; above 1 is faster.

        Raises:
            CanceledError: sampling.cancelled() said yes; it is asked before each step.

        """
        features = [self.features(*segment, reference.style, speed) for segment in segments]
        mels, padding = batched_mel(
            self.dit, self.config, torch.cat(features, dim=-1), reference, sampling
        )
        # Vocoded as one, so that only the joints between mels need care.
        wave = self._vocode(torch.cat(list(mels), dim=-1)[None])
        samples, overlap = self.vocoder.config.samples_per_frame, self.config.overlap_frames
        joined = join(list(wave.split(mels.shape[-1] * samples)), overlap * samples)
        joined = joined[overlap * samples : len(joined) - padding * samples]
        lengths = [item.shape[-1] * samples for item in features]
        starts = [sum(lengths[:index]) for index in range(len(lengths))]
        return [
            joined[start : start + length] for start, length in zip(starts, lengths, strict=True)
        ]

    def _vocode(self, mel: Tensor) -> Tensor:
        """Return the waveform [T] of a mel [1, mel_bands, F] within about [-1, 1]."""
        return self.vocoder(log_mel(mel, self.config))[0, 0]


def scaled_mel(mel: Tensor, config: CfmConfig) -> Tensor:
    """Return natural log mel values as the model knows them: speech is about [-1, 1]."""
    return (mel - config.mel_low) / (config.mel_high - config.mel_low) * 2 - 1


def log_mel(mel: Tensor, config: CfmConfig) -> Tensor:
    """Return scaled values as natural log mel values."""
    return (mel + 1) / 2 * (config.mel_high - config.mel_low) + config.mel_low


def _check_vocoder(config: CfmConfig, vocoder: BigVgan | MelHifiGan) -> None:
    found = vocoder.config
    frames_per_second = (
        config.spectrogram.sample_rate / config.spectrogram.hop_length * config.frame_stretch
    )
    wanted = (config.dit.mel_bands, config.sample_rate, config.sample_rate / frames_per_second)
    if wanted != (found.mel_bands, found.sample_rate, found.samples_per_frame):
        raise ValueError(
            f'the vocoder makes {found.samples_per_frame} samples at {found.sample_rate} Hz of a '
            f'frame of {found.mel_bands} bands, but {config.version} needs {wanted[2]:g} at '
            f'{wanted[1]} Hz of {wanted[0]}'
        )
