"""Make a corpus folder, as training.corpus reads it, from tables of clips."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gptsovits_ros.audio.files import AudioLimits, read_audio
from gptsovits_ros.audio.resample import resample_soxr_hq
from gptsovits_ros.errors import AudioInvalidError, ConfigurationError, GptsovitsError
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.training.corpus import (
    AUDIO_SUFFIXES,
    COLUMNS,
    DEV_TEXT,
    MAX_SECONDS,
    NAME,
    SPLITS,
    TRAIN,
    Report,
)

CORPUS_FILE, PHONEMES_FILE, TOKENS_FILE = 'corpus.tsv', 'phonemes.tsv', 'tokens.tsv'
LIMITS = AudioLimits(max_duration_s=MAX_SECONDS)
# Older tables call the name of a clip so.
NAME_COLUMNS = ('name', 'clip')


@dataclass(frozen=True)
class Clip:
    """One row of a table of clips.

    Attributes:
        name: unique; its audio file has this name.
        split: "train", "dev-text" (a sentence that is never trained) or "dev-speaker".
        speaker: who speaks.
        language: "zh" or "en".
        seconds: length.
        text: what is said.

    """

    name: str
    split: str
    speaker: str
    language: str
    seconds: float
    text: str


def read_clips(table: Path) -> list[Clip]:
    """Read a table with a header and at least the columns of a corpus.

    Raises:
        ConfigurationError: it cannot be read, or a row is wrong.

    """
    try:
        lines = table.read_text(encoding='utf-8').split('\n')
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f'cannot read the table {table}: {error}') from error
    header = lines[0].split('\t')
    key = next((name for name in NAME_COLUMNS if name in header), None)
    missing = [column for column in COLUMNS if column != 'name' and column not in header]
    if key is None or missing:
        raise ConfigurationError(f'{table} lacks the column "{missing[0] if missing else "name"}"')
    clips = []
    for number, line in enumerate(lines[1:], 2):
        if line:
            cells = dict(zip(header, line.split('\t'), strict=False))
            clips.append(_clip(cells, key, f'{table.name} line {number}'))
    return clips


def _clip(cells: Mapping[str, str], key: str, where: str) -> Clip:
    try:
        clip = Clip(
            cells[key],
            cells['split'],
            cells['speaker'],
            cells['language'],
            float(cells['seconds']),
            cells['text'],
        )
    except (KeyError, ValueError) as error:
        raise ConfigurationError(f'{where}: {type(error).__name__} {error}') from error
    if not NAME.fullmatch(clip.name) or clip.split not in SPLITS:
        raise ConfigurationError(
            f'{where}: "{clip.name}" is no name, or "{clip.split}" none of {", ".join(SPLITS)}'
        )
    return clip


def prepare_corpus(
    sources: Mapping[Path, Path], folder: Path, frontend: TextFrontend, report: Report
) -> list[Clip]:
    """Write corpus.tsv, phonemes.tsv and audio/ for all clips of some tables.

    What is there already is not made again, so a growing corpus is prepared again and again.

    Args:
        sources: table of clips -> folder with their audio.
        folder: of the corpus; made where it is missing.
        frontend: reads the texts; the models learn its phonemes.
        report: told of each clip that is left out, and why.

    Returns:
        The clips of the corpus, in the order of the tables.

    Raises:
        ConfigurationError: a table is wrong, or a name occurs twice.

    """
    (folder / 'audio').mkdir(parents=True, exist_ok=True)
    clips: list[Clip] = []
    homes: dict[str, Path] = {}
    for table, audio in sources.items():
        for clip in read_clips(table):
            if clip.name in homes:
                raise ConfigurationError(f'{table}: there are two clips named {clip.name}')
            homes[clip.name] = audio
            clips.append(clip)
    clips = separate_splits(clips)
    known = read_lists(folder / PHONEMES_FILE)
    lines: dict[str, str] = {}
    kept = []
    for clip in clips:
        try:
            lines[clip.name] = known.get(clip.name) or phonemes_of(clip, frontend)
            _copy_audio(clip.name, homes[clip.name], folder / 'audio')
        except GptsovitsError as error:
            report(f'{clip.name} is left out: {error}')
            continue
        kept.append(clip)
    write_lines(folder / PHONEMES_FILE, (f'{clip.name}\t{lines[clip.name]}' for clip in kept))
    rows = ('\t'.join(str(getattr(clip, column)) for column in COLUMNS) for clip in kept)
    write_lines(folder / CORPUS_FILE, ('\t'.join(COLUMNS), *rows))
    return kept


def separate_splits(clips: list[Clip]) -> list[Clip]:
    """Return the clips; a dev sentence that is also spoken in training becomes training."""
    trained = {clip.text for clip in clips if clip.split == TRAIN}
    return [
        replace(clip, split=TRAIN) if clip.split == DEV_TEXT and clip.text in trained else clip
        for clip in clips
    ]


def phonemes_of(clip: Clip, frontend: TextFrontend) -> str:
    """Return the symbols of a clip's text, with spaces between them."""
    spans = frontend.phonemes(clip.text, clip.language).spans
    return ' '.join(symbol for span in spans for symbol in span.phonemes)


def read_wave(folder: Path, name: str, sample_rate: int) -> np.ndarray:
    """Return the samples of a clip of a corpus, float32 [T].

    Raises:
        AudioInvalidError: the file is missing or damaged.

    """
    audio = read_audio(_find_audio(folder / 'audio', name), LIMITS)
    return resample_soxr_hq(audio.mono, audio.sample_rate, sample_rate)


def read_lists(path: Path) -> dict[str, str]:
    """Return the lines of a file of lists by name; nothing where there is no file.

    Raises:
        ConfigurationError: it cannot be read.

    """
    if not path.exists():
        return {}
    try:
        lines = path.read_text(encoding='utf-8').split('\n')
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f'cannot read {path}: {error}') from error
    pairs = (line.partition('\t') for line in lines)
    return {name: text for name, _, text in pairs if text}


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text file; the old one stays until the new one is complete."""
    partial = path.with_name(path.name + '.part')
    partial.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')
    partial.replace(path)


def _copy_audio(name: str, source: Path, target: Path) -> None:
    if any(_candidates(target, name)):
        return
    path = _find_audio(source, name)
    partial = target / f'{path.name}.part'
    shutil.copyfile(path, partial)
    partial.replace(target / path.name)


def _find_audio(folder: Path, name: str) -> Path:
    path = next(_candidates(folder, name), None)
    if path is None:
        raise AudioInvalidError(
            f'{folder} has no file {name} ending in {", ".join(AUDIO_SUFFIXES)}'
        )
    return path


def _candidates(folder: Path, name: str) -> Iterator[Path]:
    paths = (folder / f'{name}{suffix}' for suffix in AUDIO_SUFFIXES)
    return (path for path in paths if path.is_file())
