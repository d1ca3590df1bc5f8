"""Utterances become padded tensors for SoVITS; spectrograms are made on the device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gptsovits_ros.acoustic.config import SovitsConfig
from gptsovits_ros.acoustic.text_encoder import sequence_mask
from gptsovits_ros.audio.pcm import INT16_SCALE
from gptsovits_ros.audio.spectrogram import magnitude_spectrogram
from gptsovits_ros.training.batching import pad
from gptsovits_ros.training.corpus import AudioCache, Utterance
from gptsovits_ros.training.speaker_embeddings import SpeakerEmbeddings


@dataclass(frozen=True)
class AcousticExample:
    """An utterance to learn.

    Attributes:
        target: its place in a list.
        reference: place of the one that gives the style; None: the target itself.
        position: where the slice is taken, [0, 1).
        reference_position: where a long reference is cut, [0, 1).

    """

    target: int
    reference: int | None
    position: float
    reference_position: float


@dataclass(frozen=True)
class AcousticBatch:
    """Padded tensors; F is a multiple of the token stride.

    Attributes:
        tokens: int64 [B, S].
        phonemes: int64 [B, P].
        text_mask: [B, 1, P].
        waves: float32 [B, 1, F * hop], zeros beyond each utterance.
        spectrogram: [B, bins, F].
        mask: [B, 1, F].
        reference: spectrogram that gives the style, [B, bins, R].
        reference_mask: [B, 1, R].
        starts: int64 [B], first frame of each slice.
        speaker: embeddings of the speakers of the references, [B, speaker_dim]; None for versions
            that know none.

    """

    tokens: Tensor
    phonemes: Tensor
    text_mask: Tensor
    waves: Tensor
    spectrogram: Tensor
    mask: Tensor
    reference: Tensor
    reference_mask: Tensor
    starts: Tensor
    speaker: Tensor | None


class AcousticCollator:
    """Makes batches of examples."""

    def __init__(
        self,
        utterances: list[Utterance],
        audio: AudioCache,
        config: SovitsConfig,
        slice_frames: int,
        reference_frames: int,
        device: torch.device,
        speakers: SpeakerEmbeddings | None = None,
    ) -> None:
        self._utterances = utterances
        self._audio = audio
        self._config = config
        self._slice_frames = slice_frames
        self._reference_frames = reference_frames
        self._device = device
        self._speakers = speakers

    def frames(self, place: int) -> int:
        """Return how many frames of an utterance have both audio and tokens."""
        utterance = self._utterances[place]
        of_audio = len(self._audio.wave(utterance.name)) // self._config.samples_per_frame
        return min(of_audio, len(utterance.tokens) * self._config.token_stride)

    def batch(self, examples: list[AcousticExample]) -> AcousticBatch:
        """Return a batch on the device."""
        stride, hop = self._config.token_stride, self._config.samples_per_frame
        frames = [self.frames(example.target) for example in examples]
        tokens, _ = pad(
            [
                self._utterances[example.target].tokens[: -(-count // stride)]
                for example, count in zip(examples, frames, strict=True)
            ]
        )
        phonemes, phoneme_lengths = pad(
            [self._utterances[example.target].phoneme_ids for example in examples]
        )
        longest = tokens.shape[1] * stride
        waves = [
            self._wave(example.target)[: count * hop]
            for example, count in zip(examples, frames, strict=True)
        ]
        padded = np.zeros((len(examples), 1, longest * hop), np.int16)
        for row, wave in enumerate(waves):
            padded[row, 0, : len(wave)] = wave
        waves_on_device = self._to_device(torch.from_numpy(padded)).float() / INT16_SCALE
        spectrogram, mask = self._spectrograms(
            [waves_on_device[row, 0, : count * hop] for row, count in enumerate(frames)], longest
        )
        reference, reference_mask = self._references(examples, spectrogram, mask)
        starts = [
            int(example.position * (count - self._slice_frames + 1))
            for example, count in zip(examples, frames, strict=True)
        ]
        return AcousticBatch(
            self._to_device(tokens),
            self._to_device(phonemes),
            self._to_device(sequence_mask(phoneme_lengths, phonemes.shape[1])),
            waves_on_device,
            spectrogram,
            mask,
            reference,
            reference_mask,
            self._to_device(torch.tensor(starts)),
            self._speaker(examples),
        )

    def _speaker(self, examples: list[AcousticExample]) -> Tensor | None:
        if self._speakers is None:
            return None
        places = [_style_place(example) for example in examples]
        return self._speakers.of([self._utterances[place].name for place in places])

    def _references(
        self, examples: list[AcousticExample], own: Tensor, own_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return what the style is taken from: other clips where examples name them."""
        if all(example.reference is None for example in examples):
            return own, own_mask
        hop = self._config.samples_per_frame
        waves = []
        for example in examples:
            wave = self._wave(_style_place(example))
            spare = max(0, len(wave) // hop - self._reference_frames)
            first = int(example.reference_position * (spare + 1)) * hop
            piece = np.ascontiguousarray(wave[first : first + self._reference_frames * hop])
            waves.append(self._to_device(torch.from_numpy(piece)).float() / INT16_SCALE)
        return self._spectrograms(waves, max(len(wave) // hop for wave in waves))

    def _spectrograms(self, waves: list[Tensor], longest: int) -> tuple[Tensor, Tensor]:
        """Return spectrograms [B, bins, longest], each of its own wave alone, and their mask."""
        config = self._config.spectrogram
        padded = torch.zeros(len(waves), config.bins, longest, device=self._device)
        counts = []
        for row, wave in enumerate(waves):
            count = len(wave) // config.hop_length
            padded[row, :, :count] = magnitude_spectrogram(wave, config)[:, :count]
            counts.append(count)
        return padded, sequence_mask(torch.tensor(counts, device=self._device), longest)

    def _wave(self, place: int) -> np.ndarray:
        return self._audio.wave(self._utterances[place].name)

    def _to_device(self, value: Tensor) -> Tensor:
        if self._device.type == 'cuda':
            return value.pin_memory().to(self._device, non_blocking=True)
        return value


def _style_place(example: AcousticExample) -> int:
    """Return the place of the utterance that gives the style."""
    return example.target if example.reference is None else example.reference
