"""A prepared corpus: utterances with phonemes, tokens and audio, checked as they are read.

A corpus is a folder:

- corpus.tsv with the header `name split speaker language seconds text` (more columns may follow);
- phonemes.tsv: name, then the phoneme symbols with spaces between them;
- tokens.tsv: name, then the semantic tokens (25 per second) likewise;
- audio/NAME.opus, .flac or .wav.

A line that is wrong is reported with its number and left out; the rest is used.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gptsovits_ros.audio.files import AudioLimits, read_audio
from gptsovits_ros.audio.pcm import to_int16
from gptsovits_ros.audio.resample import resample
from gptsovits_ros.errors import AudioInvalidError, ConfigurationError
from gptsovits_ros.text.symbols import is_known, symbol_ids

TRAIN, DEV_TEXT, DEV_SPEAKER = 'train', 'dev-text', 'dev-speaker'
SPLITS = (TRAIN, DEV_TEXT, DEV_SPEAKER)
COLUMNS = ('name', 'split', 'speaker', 'language', 'seconds', 'text')
AUDIO_SUFFIXES = ('.opus', '.flac', '.wav')
TOKENS_PER_S = 25
# An encoder may see some silence more or less than the file has.
TOKEN_TOLERANCE = 15
MAX_SECONDS = 120.0
# Names become file names; nothing in them may lead out of the folder.
NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,127}')

Report = Callable[[str], None]


@dataclass(frozen=True)
class Utterance:
    """One clip of a corpus.

    Attributes:
        name: unique in the corpus, also of its audio file.
        split: one of SPLITS.
        speaker: who speaks.
        language: of the text.
        seconds: length of the clip.
        phoneme_ids: int64 [P], in the symbol table.
        tokens: int64 [S].

    """

    name: str
    split: str
    speaker: str
    language: str
    seconds: float
    phoneme_ids: np.ndarray
    tokens: np.ndarray


def read_corpus(
    folder: Path, codebook_size: int, report: Report, symbols: str = 'v2'
) -> list[Utterance]:
    """Return the sound utterances of a corpus, in the order of corpus.tsv.

    Args:
        folder: of the corpus.
        codebook_size: semantic tokens are below it.
        report: told each line that is left out, and why.
        symbols: version of the phoneme table.

    Raises:
        ConfigurationError: a file is missing or has no usable line.

    """
    phonemes = _read_lists(folder / 'phonemes.tsv', lambda text: _phonemes(text, symbols), report)
    tokens = _read_lists(folder / 'tokens.tsv', lambda text: _tokens(text, codebook_size), report)
    utterances: dict[str, Utterance] = {}
    path = folder / 'corpus.tsv'
    for number, cells in _rows(path):
        try:
            utterance = _utterance(cells, phonemes, tokens)
            if utterance.name in utterances:
                raise ValueError(f'"{utterance.name}" is there a second time')
            utterances[utterance.name] = utterance
        except ValueError as error:
            report(f'{path.name} line {number} is left out: {error}')
    if not utterances:
        raise ConfigurationError(
            f'{folder} has no usable utterance; the reasons are reported above'
        )
    return list(utterances.values())


def split_utterances(
    utterances: Sequence[Utterance], corpus: Path
) -> tuple[list[Utterance], dict[str, list[Utterance]]]:
    """Return the utterances to learn, and those of each dev split.

    Raises:
        ConfigurationError: there is nothing to learn; `corpus` is named in it.

    """
    of = {split: [item for item in utterances if item.split == split] for split in SPLITS}
    train = of.pop(TRAIN)
    if not train:
        raise ConfigurationError(f'{corpus} has no usable utterance in the split "{TRAIN}"')
    return train, of


class AudioCache:
    """The audio of a corpus at one rate, kept in memory as 16-bit integers once it was read."""

    def __init__(self, folder: Path, sample_rate: int) -> None:
        self._folder = folder / 'audio'
        self._rate = sample_rate
        self._waves: dict[str, np.ndarray] = {}

    def path(self, name: str) -> Path | None:
        """Return the file of a clip, or None."""
        for suffix in AUDIO_SUFFIXES:
            path = self._folder / f'{name}{suffix}'
            if path.is_file():
                return path
        return None

    def wave(self, name: str) -> np.ndarray:
        """Return int16 [T].

        Raises:
            AudioInvalidError: the file is missing or damaged.

        """
        if name not in self._waves:
            self._waves[name] = self._read(name)
        return self._waves[name]

    def preload(self, names: Sequence[str]) -> None:
        """Read clips now, on all cores, where waiting for them later would be dear."""
        with ThreadPoolExecutor() as pool:
            for name, wave in zip(names, pool.map(self._read, names), strict=True):
                self._waves[name] = wave

    def _read(self, name: str) -> np.ndarray:
        path = self.path(name)
        if path is None:
            raise AudioInvalidError(
                f'{self._folder} has no file {name} ending in {", ".join(AUDIO_SUFFIXES)}'
            )
        audio = read_audio(path, AudioLimits(max_duration_s=MAX_SECONDS))
        wave = resample(torch.from_numpy(audio.mono), audio.sample_rate, self._rate)
        return to_int16(wave.numpy())


class Speakers:
    """Who speaks what: finds another utterance of the same speaker."""

    def __init__(self, utterances: Sequence[Utterance], fits: Callable[[Utterance], bool]) -> None:
        """Take the utterances that fits(utterance) accepts as answers."""
        self._speakers = [utterance.speaker for utterance in utterances]
        self._indices: dict[str, list[int]] = defaultdict(list)
        # Where an utterance stands among those of its speaker.
        self._ranks: dict[int, int] = {}
        for index, utterance in enumerate(utterances):
            if fits(utterance):
                self._ranks[index] = len(self._indices[utterance.speaker])
                self._indices[utterance.speaker].append(index)

    def another(self, index: int, rng: np.random.Generator) -> int | None:
        """Return a random other utterance by the speaker of utterance `index`, or None."""
        own = self._indices.get(self._speakers[index], [])
        rank = self._ranks.get(index)
        count = len(own) - (rank is not None)
        if count < 1:
            return None
        drawn = int(rng.integers(count))
        return own[drawn + 1] if rank is not None and drawn >= rank else own[drawn]


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the number and the cells of each line of corpus.tsv."""
    lines = _lines(path)
    header = next(lines, (1, ''))[1].split('\t')
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise ConfigurationError(f'{path} has no column "{missing[0]}" in its first line')
    for number, line in lines:
        yield number, dict(zip(header, line.split('\t'), strict=False))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with open(path, encoding='utf-8', errors='replace') as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, line.rstrip('\r\n')
    except OSError as error:
        raise ConfigurationError(f'cannot read {path}: {error.strerror}') from error


def _utterance(
    cells: dict[str, str], phonemes: dict[str, np.ndarray], tokens: dict[str, np.ndarray]
) -> Utterance:
    """Check one line; ValueError says what is wrong with it."""
    missing = [column for column in COLUMNS if not cells.get(column)]
    if missing:
        raise ValueError(f'it has no {missing[0]}')
    name, split = cells['name'], cells['split']
    _check_name(name)
    if split not in SPLITS:
        raise ValueError(f'split "{split}" is none of {", ".join(SPLITS)}')
    seconds = float(cells['seconds'])
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f'{seconds} seconds is outside 0 to {MAX_SECONDS:g}')
    if name not in phonemes:
        raise ValueError(f'"{name}" has no phonemes')
    if name not in tokens:
        raise ValueError(f'"{name}" has no tokens')
    expected = seconds * TOKENS_PER_S
    if abs(len(tokens[name]) - expected) > TOKEN_TOLERANCE:
        raise ValueError(f'"{name}" has {len(tokens[name])} tokens; about {expected:.0f} expected')
    return Utterance(
        name, split, cells['speaker'], cells['language'], seconds, phonemes[name], tokens[name]
    )


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ValueError(f'{name!r} is no name; letters, digits and . _ - are allowed')


def _read_lists(
    path: Path, parse: Callable[[str], np.ndarray], report: Report
) -> dict[str, np.ndarray]:
    """Read lines of name, tab, list."""
    found: dict[str, np.ndarray] = {}
    for number, line in _lines(path):
        name, _, text = line.partition('\t')
        try:
            _check_name(name)
            if name in found:
                raise ValueError(f'"{name}" is there a second time')
            found[name] = parse(text)
        except ValueError as error:
            report(f'{path.name} line {number} is left out: {error}')
    return found


def _phonemes(text: str, version: str) -> np.ndarray:
    symbols = text.split()
    if not symbols:
        raise ValueError('it has no phonemes')
    unknown = [symbol for symbol in symbols if not is_known(symbol, version)]
    if unknown:
        raise ValueError(f'"{unknown[0]}" is no phoneme of {version}')
    return symbol_ids(symbols, version)


def _tokens(text: str, codebook_size: int) -> np.ndarray:
    tokens = [int(item) for item in text.split()]
    if not tokens:
        raise ValueError('it has no tokens')
    if min(tokens) < 0 or max(tokens) >= codebook_size:
        raise ValueError(f'a token is outside 0 to {codebook_size - 1}')
    return np.array(tokens, dtype=np.int64)
