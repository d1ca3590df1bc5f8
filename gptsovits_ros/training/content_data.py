"""Clips for the content trainer: mel power, teacher features without the speaker, phonemes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gptsovits_ros.encoders.content import ContentConfig, MelPower
from gptsovits_ros.errors import AudioInvalidError, ConfigurationError
from gptsovits_ros.text.symbols import PAUSES, PUNCTUATION, is_known, symbol_ids
from gptsovits_ros.training.batching import pad
from gptsovits_ros.training.content_losses import BLANK
from gptsovits_ros.training.content_tokenizer import TOKEN_STRIDE
from gptsovits_ros.training.prepare import (
    CORPUS_FILE,
    PHONEMES_FILE,
    Clip,
    read_clips,
    read_lists,
    read_wave,
)

TEACHER_FOLDER = 'whisper'
ALIGNMENT_FILE = 'alignment.tsv'
# The label of frames that are not learned.
NO_LABEL = -1
FRAMES_PER_S = 50
# The mean of a speaker who says less than this is drawn towards that of all.
SPEAKER_PRIOR_S = 4.0
# Single values of the teacher lie far out and mean little.
LARGEST = 5.0
LOWEST_POWER = 1e-10
SILENT = frozenset((*PUNCTUATION, *PAUSES))


@dataclass(frozen=True)
class ContentBatch:
    """Clips padded to one length.

    Attributes:
        power: float32 [B, bands, F * frame_stride], mel power, 0 beyond the end.
        teacher: float32 [B, F, teacher], standard deviation 1, without the speaker's mean.
        labels: int64 [B, F], the phoneme of each frame, BLANK for silence, or NO_LABEL.
        lengths: int64 [B], frames of each clip.
        phonemes: int64 [B, P], without punctuation.
        phoneme_lengths: int64 [B].

    """

    power: Tensor
    teacher: Tensor
    labels: Tensor
    lengths: Tensor
    phonemes: Tensor
    phoneme_lengths: Tensor

    def to(self, device: torch.device) -> ContentBatch:
        """Return the batch on a device."""
        return ContentBatch(*(value.to(device) for value in vars(self).values()))


@dataclass(frozen=True)
class _Item:
    """One clip: log10 of its mel power, float16 [bands, N], its phonemes, a label per frame."""

    clip: Clip
    log_power: Tensor
    frames: int
    phonemes: np.ndarray
    labels: np.ndarray


class ContentClips:
    """All clips of a corpus with teacher features; spectrograms in memory, teacher on disk."""

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
        self._width = teacher_width
        mel = MelPower(config)
        phonemes = read_lists(folder / PHONEMES_FILE)
        self._labels = read_alignment(folder / ALIGNMENT_FILE)
        self._items: list[_Item] = []
        left_out = 0
        for clip in read_clips(folder / CORPUS_FILE):
            try:
                self._items.append(self._read(clip, phonemes, mel, config))
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
        self._means, self._deviation = self._statistics()

    def of(self, split: str) -> list[int]:
        """Return the numbers of the clips of a split."""
        return [index for index, item in enumerate(self._items) if item.clip.split == split]

    def __len__(self) -> int:
        return len(self._items)

    def name(self, index: int) -> str:
        """Return the name of a clip."""
        return self._items[index].clip.name

    def frames(self, index: int) -> int:
        """Return the length of a clip in feature frames."""
        return self._items[index].frames

    def batch(self, indices: list[int]) -> ContentBatch:
        """Return clips, padded."""
        items = [self._items[index] for index in indices]
        lengths = torch.tensor([item.frames for item in items])
        longest = int(lengths.max())
        bands = items[0].log_power.shape[0]
        power = torch.zeros(len(items), bands, longest * self._stride)
        teacher = torch.zeros(len(items), longest, self._width)
        labels = torch.full((len(items), longest), NO_LABEL)
        for row, item in enumerate(items):
            count = item.frames * self._stride
            power[row, :, :count] = 10 ** item.log_power[:, :count].float()
            target = (self._teacher(item) - self._means[item.clip.speaker]) / self._deviation
            teacher[row, : item.frames] = target.clamp(-LARGEST, LARGEST)
            labels[row, : item.frames] = torch.from_numpy(item.labels)
        phonemes = pad([item.phonemes for item in items])
        return ContentBatch(power, teacher, labels, lengths, *phonemes)

    def _read(
        self, clip: Clip, phonemes: dict[str, str], mel: MelPower, config: ContentConfig
    ) -> _Item:
        teacher = np.load(self._teacher_path(clip.name), mmap_mode='r')
        wave = read_wave(self._folder, clip.name, config.sample_rate)
        frames = min(len(wave) // config.samples_per_frame, len(teacher))
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
        if not len(ids) or frames // TOKEN_STRIDE < needed:
            raise AudioInvalidError(f'{frames} frames are too few for {len(ids)} phonemes')
        power = mel(torch.from_numpy(wave)[None])[0]
        labels = self._labels.get(clip.name, np.empty(0, dtype=np.int64))[:frames]
        labels = np.pad(labels, (0, frames - len(labels)), constant_values=NO_LABEL)
        return _Item(clip, power.clamp_min(LOWEST_POWER).log10().half(), frames, ids, labels)

    def _statistics(self) -> tuple[dict[str, Tensor], Tensor]:
        """Return the mean of each speaker [teacher], and the deviation from it of all."""
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
        prior = SPEAKER_PRIOR_S * FRAMES_PER_S
        means = {
            speaker: ((value + prior * mean) / (counts[speaker] + prior)).float()
            for speaker, value in sums.items()
        }
        return means, (squares / total - mean.square()).clamp_min(1e-6).sqrt().float()

    def _teacher(self, item: _Item) -> Tensor:
        features = np.load(self._teacher_path(item.clip.name))[: item.frames]
        return torch.from_numpy(features.astype(np.float32))

    def _teacher_path(self, name: str) -> Path:
        return self._folder / TEACHER_FOLDER / f'{name}.npy'


def read_alignment(path: Path) -> dict[str, np.ndarray]:
    """Return a label per frame, int64 [F], of each clip; nothing where there is no file.

    Raises:
        ConfigurationError: a line is wrong.

    """
    found = {}
    for name, text in read_lists(path).items():
        runs = [run.rpartition(':') for run in text.split()]
        symbols = [symbol for symbol, _, _ in runs]
        counts = [count for _, _, count in runs]
        if not all(is_known(s, 'v2') for s in symbols) or not all(map(str.isdecimal, counts)):
            raise ConfigurationError(f'{path}: the line of {name} is damaged; make it again')
        found[name] = symbol_ids(symbols, 'v2').repeat(np.array(counts, dtype=np.int64))
    return found
