"""v3 and v4 as the engine wants them: a mel, drawn in steps, and then a vocoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from gptsovits_ros.acoustic.cfm_acoustic import CfmAcoustic
from gptsovits_ros.acoustic.chunked_cfm import CfmSampling, Reference
from gptsovits_ros.audio.files import load_reference_waveform
from gptsovits_ros.audio.spectrogram import MelConfig, magnitude_spectrogram, mel_spectrogram
from gptsovits_ros.engine.acoustic_model import Decoding, VoicePrompt, check_shapes


class CfmAdapter:
    """An AcousticModel whose condition holds style, features and mel of the prompt."""

    def __init__(self, model: CfmAcoustic) -> None:
        """Take a model with its vocoder."""
        self.module = model

    @property
    def version(self) -> str:
        """GPT-SoVITS version."""
        return self.module.config.version

    @property
    def symbols(self) -> str:
        """Symbol table, "v2" in both versions."""
        return self.module.config.sovits.symbols

    @property
    def sample_rate(self) -> int:
        """Rate of the waveform [Hz]."""
        return self.module.config.sample_rate

    def tokens_from_features(self, features: Tensor) -> Tensor:
        """Return semantic tokens [1, S] of content features [1, ssl_dim, F]."""
        return self.module.tokens_from_features(features)

    def condition(self, prompt: VoicePrompt) -> Reference:
        """Return what the model takes from the clips (gptsovits-spec section 11).

        The prompt's text must be known, since the mel of the prompt goes on with its features.
        """
        config, device = self.module.config, prompt.tokens.device
        spectrograms = [
            magnitude_spectrogram(
                load_reference_waveform(clip, config.spectrogram.sample_rate), config.spectrogram
            )[None].to(device)
            for clip in prompt.clips
        ]
        # The mel is not taken from the wave above, since v3 has it at another rate.
        wave = load_reference_waveform(prompt.clips[0], config.mel.sample_rate)
        bands = MelConfig(config.mel, config.dit.mel_bands, 0.0, config.mel.sample_rate / 2)
        mel = mel_spectrogram(wave, bands)[None].to(device)
        return self.module.reference(
            prompt.tokens[None], prompt.phoneme_ids[None], spectrograms, mel
        )

    def condition_tensors(self, condition: Reference) -> dict[str, Tensor]:
        """Return style, features and mel by their names."""
        return {
            'style': condition.style,
            'features': condition.features,
            'mel': condition.mel,
        }

    def condition_from(self, tensors: Mapping[str, Tensor]) -> Reference:
        """Return style, features and mel."""
        config = self.module.config
        frames = tensors['mel'].shape[-1] if 'mel' in tensors and tensors['mel'].dim() else 0
        if not 1 <= frames <= config.reference_frames:
            raise ValueError(f'the mel has {frames} frames, not 1 to {config.reference_frames}')
        check_shapes(
            tensors,
            {
                'style': (1, config.sovits.gin_channels, 1),
                'features': (1, config.dit.text_dim, frames),
                'mel': (1, config.dit.mel_bands, frames),
            },
        )
        like = next(self.module.parameters())
        return Reference(**{name: value.to(like) for name, value in tensors.items()})

    def waveform(
        self,
        tokens: Tensor,
        phoneme_ids: Tensor,
        condition: Reference,
        decoding: Decoding,
        generator: torch.Generator,
        cancelled: Callable[[], bool],
    ) -> Tensor:
        """Return the waveform float32 [T]; cancelled is asked before each step."""

        def noise(shape: tuple[int, ...]) -> Tensor:
            return torch.randn(shape, generator=generator, device=tokens.device)

        return self.module.waveform(
            tokens[None],
            phoneme_ids[None],
            condition,
            CfmSampling(noise, decoding.steps, cancelled=cancelled),
            speed=decoding.speed,
        )

    def stream(
        self,
        phoneme_ids: Tensor,
        condition: Reference,
        decoding: Decoding,
        generator: torch.Generator,
        cancelled: Callable[[], bool],
    ) -> None:
        """Return None: the mel of a segment is drawn as a whole."""
