"""The speaker embedding of each clip of a corpus, which the Pro versions learn with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from gptsovits_ros.acoustic.config import SovitsConfig
from gptsovits_ros.audio import kaldi
from gptsovits_ros.audio.pcm import from_int16
from gptsovits_ros.audio.resample import resample
from gptsovits_ros.checkpoint.encoders import load_speaker
from gptsovits_ros.encoders.speaker import SpeakerEncoder
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.training.corpus import AudioCache


class SpeakerEmbeddings:
    """Computes each embedding when it is first asked for, and keeps it (gptsovits-spec 8.3)."""

    def __init__(self, encoder: SpeakerEncoder, audio: AudioCache, sample_rate: int) -> None:
        """Take the encoder, on its device, and the clips with their rate [Hz]."""
        self._encoder = encoder
        self._audio = audio
        self._rate = sample_rate
        self._kept: dict[str, Tensor] = {}

    def of(self, names: Sequence[str]) -> Tensor:
        """Return the embeddings of clips, float32 [B, speaker_dim]."""
        return torch.cat([self._embedding(name) for name in names]).float()

    @torch.no_grad()
    def _embedding(self, name: str) -> Tensor:
        if name not in self._kept:
            wave = torch.from_numpy(from_int16(self._audio.wave(name)))
            energies = kaldi.fbank(resample(wave, self._rate, kaldi.SAMPLE_RATE))[None]
            device = next(self._encoder.parameters()).device
            # Half: 20480 numbers a clip are much for a large corpus.
            self._kept[name] = self._encoder(energies.to(device)).half()
        return self._kept[name]


def load_speaker_embeddings(
    path: str, config: SovitsConfig, audio: AudioCache, device: torch.device
) -> SpeakerEmbeddings | None:
    """Return what a version learns with; None for those that know no speaker embedding.

    Args:
        path: file of the speaker encoder, the setting `speaker`.
        config: of the model.
        audio: the clips.
        device: where the encoder runs.

    Raises:
        ConfigurationError: the setting is missing, or superfluous, or the file does not fit.
        CheckpointError: the file cannot be read.

    """
    if bool(path) != bool(config.speaker_dim):
        need = (
            'needs the file of the speaker encoder' if config.speaker_dim else 'knows no speaker'
        )
        raise ConfigurationError(
            f'the setting "speaker" is "{path}", but a {config.version} model {need}'
        )
    if not path:
        return None
    encoder = load_speaker(Path(path), device)
    if encoder.config.embedding_dim != config.speaker_dim:
        raise ConfigurationError(
            f'{path} gives {encoder.config.embedding_dim} numbers, but the model takes '
            f'{config.speaker_dim}'
        )
    return SpeakerEmbeddings(encoder, audio, config.sample_rate)
