"""Clips for the content encoder: what a recogniser hears in them, their sound and their tokens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from gptsovits_ros.encoders.content import ContentConfig, MelPower
from gptsovits_ros.errors import AudioInvalidError, ConfigurationError
from gptsovits_ros.text.symbols import PAUSES, PUNCTUATION, symbol_ids
from gptsovits_ros.training.batching import pad
from gptsovits_ros.training.content_losses import BLANK, NO_TOKEN
from gptsovits_ros.training.prepare import (
    CORPUS_FILE,
    PHONEMES_FILE,
    TOKENS_FILE,
    Clip,
    read_clips,
    read_lists,
    read_wave,
)

TEACHER_FOLDER = 'whisper'
FRAMES_PER_S = 50
# Frames of the teacher, and of the content encoder, in a token.
TOKEN_STRIDE = 2
# The mean of a speaker who says less than this is drawn towards that of all.
SPEAKER_PRIOR_S = 4.0
# Single values of the teacher lie far out and mean little.
LARGEST = 5.0
LOWEST_POWER = 1e-10
SILENT = frozenset((*PUNCTUATION, *PAUSES))
Number = TypeVar('Number', float, Tensor)


@dataclass(frozen=True)
class Scale:
    """What brings the teacher's features to mean 0 and deviation 1.

    Attributes:
        mean: float64 [teacher], of all speakers; what one who says little is drawn towards.
        deviation: float32 [teacher], from that mean.

    """

    mean: Tensor
    deviation: Tensor


@dataclass(frozen=True)
class HeardBatch:
    """What is heard in clips, padded to one length.

    Attributes:
        teacher: float32 [B, F, teacher], as `Scale` says, without the speaker's mean.
        lengths: int64 [B], frames of each clip.
        phonemes: int64 [B, P], without punctuation.
        phoneme_lengths: int64 [B].

    """

    teacher: Tensor
    lengths: Tensor
    phonemes: Tensor
    phoneme_lengths: Tensor


@dataclass(frozen=True)
class _Heard:
    clip: Clip
    frames: int
    phonemes: np.ndarray


class HeardClips:
    """All clips of a corpus with teacher features, which stay on the disk.

    Attributes:
        scale: of the features.

    """

    def __init__(
        self,
        folder: Path,
        teacher_width: int,
        report: Callable[[str], None],
        scale: Scale | None = None,
    ) -> None:
        """Read the corpus.

        Args:
            folder: of the corpus.
            teacher_width: of its features.
            report: told what is left out.
            scale: of an earlier, smaller corpus, so that its tokens keep their meaning.

        Raises:
            ConfigurationError: nothing in it can be used.

        """
        self._folder = folder
        self._width = teacher_width
        phonemes = read_lists(folder / PHONEMES_FILE)
        self._items: list[_Heard] = []
        left_out = 0
        for clip in read_clips(folder / CORPUS_FILE):
            try:
                self._items.append(self._read(clip, phonemes))
            except AudioInvalidError as error:
                report(f'{clip.name} is left out: {error}')
            except FileNotFoundError:
                left_out += 1
        if left_out:
            report(f'{left_out} clips have no teacher features yet and are left out')
        if not self._items:
            raise ConfigurationError(
                f'{folder} has no clip with teacher features in {TEACHER_FOLDER}/'
            )
        self._means, self.scale = self._statistics(scale)

    def __len__(self) -> int:
        return len(self._items)

    def of(self, split: str) -> list[int]:
        """Return the numbers of the clips of a split."""
        return [index for index, item in enumerate(self._items) if item.clip.split == split]

    def clip(self, index: int) -> Clip:
        """Return what the corpus says of a clip."""
        return self._items[index].clip

    def frames(self, index: int) -> int:
        """Return the length of a clip in feature frames."""
        return self._items[index].frames

    def heard(self, index: int) -> Tensor:
        """Return the features of a clip without its speaker, float32 [F, teacher]."""
        item = self._items[index]
        centred = self._teacher(item) - self._means[item.clip.speaker]
        return (centred / self.scale.deviation).clamp(-LARGEST, LARGEST)

    def batch(self, indices: list[int]) -> HeardBatch:
        """Return clips, padded."""
        lengths = torch.tensor([self._items[index].frames for index in indices])
        teacher = torch.zeros(len(indices), int(lengths.max()), self._width)
        for row, index in enumerate(indices):
            teacher[row, : lengths[row]] = self.heard(index)
        phonemes = pad([self._items[index].phonemes for index in indices])
        return HeardBatch(teacher, lengths, *phonemes)

    def _read(self, clip: Clip, phonemes: dict[str, str]) -> _Heard:
        teacher = np.load(self._teacher_path(clip.name), mmap_mode='r')
        if teacher.ndim != 2 or teacher.shape[1] != self._width:
            raise ConfigurationError(
                f'the teacher features of {clip.name} are {list(teacher.shape)}, not '
                f'[F, {self._width}]'
            )
        symbols = [s for s in phonemes.get(clip.name, '').split() if s not in SILENT]
        ids = symbol_ids(symbols, 'v2')
        ids = ids[ids != BLANK]
        # CTC needs a blank between equal phonemes.
        needed = len(ids) + int((ids[1:] == ids[:-1]).sum())
        if not len(ids) or len(teacher) // TOKEN_STRIDE < needed:
            raise AudioInvalidError(f'{len(teacher)} frames are too few for {len(ids)} phonemes')
        return _Heard(clip, len(teacher), ids)

    def _statistics(self, scale: Scale | None) -> tuple[dict[str, Tensor], Scale]:
        """Return the mean of each speaker [teacher], and the scale unless it is given."""
        zeros = torch.zeros(self._width, dtype=torch.float64)
        sums: dict[str, Tensor] = defaultdict(zeros.clone)
        counts: dict[str, int] = defaultdict(int)
        squares = zeros.clone()
        for item in self._items:
            features = self._teacher(item).double()
            sums[item.clip.speaker] += features.sum(0)
            counts[item.clip.speaker] += len(features)
            squares += features.square().sum(0)
        total = sum(counts.values())
        mean = sum(sums.values()) / total
        if scale is None:
            deviation = (squares / total - mean.square()).clamp_min(1e-6).sqrt()
            scale = Scale(mean, deviation.float())
        means = {
            speaker: speaker_mean(value, counts[speaker], scale.mean).float()
            for speaker, value in sums.items()
        }
        return means, scale

    def _teacher(self, item: _Heard) -> Tensor:
        features = np.load(self._teacher_path(item.clip.name))
        return torch.from_numpy(features.astype(np.float32))

    def _teacher_path(self, name: str) -> Path:
        return self._folder / TEACHER_FOLDER / f'{name}.npy'


def speaker_mean(total: Number, frames: int, everyone: Number) -> Number:
    """Return the mean of a speaker whose frames add up to `total`.

    It is drawn towards that of everyone, the more the fewer frames there are.
    """
    prior = SPEAKER_PRIOR_S * FRAMES_PER_S
    return (total + prior * everyone) / (frames + prior)


@dataclass(frozen=True)
class ContentBatch:
    """Clips with sound and tokens, padded to one length; S = F // 2.

    Attributes:
        power: float32 [B, bands, F * frame_stride], mel power, 0 beyond the end.
        teacher: float32 [B, F, teacher], see HeardBatch.
        tokens: int64 [B, S], NO_TOKEN beyond the end.

    """

    power: Tensor
    teacher: Tensor
    tokens: Tensor

    @property
    def lengths(self) -> Tensor:
        """Frames of each clip, int64 [B]."""
        return TOKEN_STRIDE * (self.tokens != NO_TOKEN).sum(1)

    def to(self, device: torch.device) -> ContentBatch:
        """Return the batch on a device."""
        return ContentBatch(*(value.to(device) for value in vars(self).values()))


@dataclass(frozen=True)
class _Item:
    """One clip: its number among those heard, log10 of mel power, float16 [bands, N], tokens."""

    heard: int
    log_power: Tensor
    tokens: np.ndarray


class ContentClips:
    """All clips of a corpus with teacher features and tokens; their spectrograms in memory."""

    def __init__(
        self,
        folder: Path,
        config: ContentConfig,
        teacher_width: int,
        report: Callable[[str], None],
    ) -> None:
        """Read the corpus.

        Raises:
            ConfigurationError: nothing in it can be used.

        """
        self._folder = folder
        self._stride = config.frame_stride
        self._heard = HeardClips(folder, teacher_width, report)
        mel = MelPower(config)
        tokens = read_token_lists(folder / TOKENS_FILE)
        self._items: list[_Item] = []
        for index in range(len(self._heard)):
            name = self._heard.clip(index).name
            try:
                self._items.append(self._read(index, tokens.get(name), mel, config))
            except AudioInvalidError as error:
                report(f'{name} is left out: {error}')
        if not self._items:
            raise ConfigurationError(f'{folder} has no clip with tokens in {TOKENS_FILE}')

    @property
    def largest_token(self) -> int:
        """The largest of all tokens."""
        return max(int(item.tokens.max()) for item in self._items)

    def of(self, split: str) -> list[int]:
        """Return the numbers of the clips of a split."""
        return [
            index
            for index, item in enumerate(self._items)
            if self._heard.clip(item.heard).split == split
        ]

    def frames(self, index: int) -> int:
        """Return the length of a clip in feature frames, of which two are a token."""
        return TOKEN_STRIDE * len(self._items[index].tokens)

    def batch(self, indices: list[int]) -> ContentBatch:
        """Return clips, padded."""
        items = [self._items[index] for index in indices]
        tokens, lengths = pad([item.tokens for item in items], NO_TOKEN)
        lengths = TOKEN_STRIDE * lengths
        longest = int(lengths.max())
        power = torch.zeros(len(items), items[0].log_power.shape[0], longest * self._stride)
        teacher = torch.zeros(len(items), longest, len(self._heard.scale.mean))
        for row, (item, frames) in enumerate(zip(items, lengths.tolist(), strict=True)):
            count = frames * self._stride
            power[row, :, :count] = 10 ** item.log_power[:, :count].float()
            teacher[row, :frames] = self._heard.heard(item.heard)[:frames]
        return ContentBatch(power, teacher, tokens)

    def _read(
        self, heard: int, tokens: np.ndarray | None, mel: MelPower, config: ContentConfig
    ) -> _Item:
        if tokens is None:
            raise AudioInvalidError(f'it has no line in {TOKENS_FILE}')
        wave = read_wave(self._folder, self._heard.clip(heard).name, config.sample_rate)
        frames = min(len(wave) // config.samples_per_frame, self._heard.frames(heard))
        # An odd frame at the end is no token.
        if len(tokens) != frames // TOKEN_STRIDE:
            raise AudioInvalidError(f'{len(tokens)} tokens do not fit to {frames} frames')
        power = mel(torch.from_numpy(wave)[None])[0]
        return _Item(heard, power.clamp_min(LOWEST_POWER).log10().half(), tokens)


def read_token_lists(path: Path) -> dict[str, np.ndarray]:
    """Return the tokens of each clip, int64 [S]; nothing where there is no file.

    Raises:
        ConfigurationError: a line is wrong.

    """
    found = {}
    for name, text in read_lists(path).items():
        try:
            tokens = np.array(text.split(), dtype=np.int64)
        except (ValueError, OverflowError):
            tokens = np.empty(0)
        if not len(tokens) or tokens.min() < 0:
            raise ConfigurationError(f'{path}: the line of {name} is damaged; make it again')
        found[name] = tokens
    return found
