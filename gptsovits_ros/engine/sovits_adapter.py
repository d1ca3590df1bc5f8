"""v1, v2, v2Pro and v2ProPlus as the engine wants them: a segment at once, or in pieces."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from gptsovits_ros.acoustic.captured_windows import CapturedWindows
from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.acoustic.streaming import LOOKAHEAD_TOKENS, FrameNoise, SovitsStream
from gptsovits_ros.audio import kaldi
from gptsovits_ros.audio.files import load_reference_waveform
from gptsovits_ros.audio.resample import resample
from gptsovits_ros.audio.spectrogram import magnitude_spectrogram
from gptsovits_ros.encoders.speaker import SpeakerEncoder
from gptsovits_ros.engine.acoustic_model import Decoding, VoicePrompt, check_shapes
from gptsovits_ros.errors import VoiceInvalidError


class _Pieces:
    """An AcousticStream."""

    lookahead = LOOKAHEAD_TOKENS

    def __init__(self, stream: SovitsStream, token_duration_s: float) -> None:
        self._stream = stream
        self.token_duration_s = token_duration_s

    def decode(self, tokens: Tensor, stop: int | None) -> Tensor:
        return self._stream.decode(tokens[None], stop)[0, 0]


class SovitsAdapter:
    """An AcousticModel whose condition is the style embedding [1, gin_channels, 1]."""

    def __init__(
        self,
        model: Sovits,
        load_speaker: Callable[[], SpeakerEncoder] | None = None,
        captured: CapturedWindows | None = None,
    ) -> None:
        """Take a model.

        Args:
            model: on its device.
            load_speaker: loads the speaker encoder that the Pro versions need.
            captured: what makes pieces of a stream with it; None: they are computed one operation
                after another.

        """
        self.module = model
        self._load_speaker = load_speaker
        self._captured = captured

    @property
    def version(self) -> str:
        """GPT-SoVITS version."""
        return self.module.config.version

    @property
    def symbols(self) -> str:
        """Symbol table, "v1" or "v2"."""
        return self.module.config.symbols

    @property
    def sample_rate(self) -> int:
        """Rate of the waveform [Hz]."""
        return self.module.config.sample_rate

    def tokens_from_features(self, features: Tensor) -> Tensor:
        """Return semantic tokens [1, S] of content features [1, ssl_dim, F]."""
        return self.module.tokens_from_features(features)

    def condition(self, prompt: VoicePrompt) -> Tensor:
        """Return the mean style of the clips (gptsovits-spec sections 7.1 and 8.2)."""
        config = self.module.config
        device = self.module.ssl_projection.weight.device
        waves = [load_reference_waveform(clip, config.sample_rate) for clip in prompt.clips]
        spectrograms = [
            magnitude_spectrogram(wave, config.spectrogram)[None].to(device) for wave in waves
        ]
        return self.module.style_embedding(spectrograms, self._speakers(waves, device))

    def condition_tensors(self, condition: Tensor) -> dict[str, Tensor]:
        """Return the style by its name."""
        return {'style': condition}

    def condition_from(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Return the style."""
        check_shapes(tensors, {'style': (1, self.module.config.gin_channels, 1)})
        return tensors['style'].to(self.module.ssl_projection.weight)

    def waveform(
        self,
        tokens: Tensor,
        phoneme_ids: Tensor,
        condition: Tensor,
        decoding: Decoding,
        generator: torch.Generator,
        cancelled: Callable[[], bool],
    ) -> Tensor:
        """Return the waveform float32 [T]; there is no place to stop in between."""
        noise = self._noise(decoding, generator)
        frames = self.module.latent_frames(len(tokens), decoding.speed)
        return self.module.decode(
            tokens[None],
            phoneme_ids[None],
            condition,
            speed=decoding.speed,
            noise=None if noise is None else noise.frames(0, frames),
            noise_scale=decoding.noise_scale,
        )[0, 0]

    def stream(
        self,
        phoneme_ids: Tensor,
        condition: Tensor,
        decoding: Decoding,
        generator: torch.Generator,
        cancelled: Callable[[], bool],
    ) -> _Pieces:
        """Begin a segment that is decoded piece by piece."""
        stream = SovitsStream(
            self.module,
            phoneme_ids[None],
            condition,
            speed=decoding.speed,
            noise=self._noise(decoding, generator),
            noise_scale=decoding.noise_scale,
            captured=self._captured,
            cancelled=cancelled,
        )
        token_s = self.module.config.samples_per_token / self.sample_rate
        return _Pieces(stream, token_s / decoding.speed)

    def _noise(self, decoding: Decoding, generator: torch.Generator) -> FrameNoise | None:
        if not decoding.noise_scale:
            return None
        return FrameNoise(self.module.config.inter_channels, generator)

    def _speakers(self, waves: list[Tensor], device: torch.device) -> list[Tensor]:
        """Return the speaker embedding of each clip; none for versions that take none."""
        wanted = self.module.config.speaker_dim
        if not wanted:
            return []
        if self._load_speaker is None:
            raise VoiceInvalidError(
                f'a {self.version} voice needs the speaker encoder: name its file as '
                'encoders.speaker in voice.yaml (`gptsovits_ros fetch` downloads the official one)'
            )
        # Needed once per voice, so it is not kept.
        encoder = self._load_speaker()
        if encoder.config.embedding_dim != wanted:
            raise VoiceInvalidError(
                f'encoders.speaker gives {encoder.config.embedding_dim} numbers, but the '
                f'{self.version} model was trained with {wanted}; use the official file'
            )
        return [
            encoder(
                kaldi.fbank(resample(wave, self.sample_rate, kaldi.SAMPLE_RATE))[None].to(device)
            )
            for wave in waves
        ]
