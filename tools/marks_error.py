"""Measures marks against a forced alignment, and fits mean durations (docs/marks.md).

    python tools/marks_error.py CORPUS [--fit]

CORPUS has corpus.tsv, phonemes.tsv, tokens.tsv (docs/training.md) and codes.tsv, the phoneme of
each token: the tokens come from an alignment (docs/corpus.md). Clips whose split is "train" fit;
all others measure.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gptsovits_ros.engine.alignment import by_durations, by_table, silence_before
from gptsovits_ros.semantic.token_table import TokenTable
from gptsovits_ros.text.durations import sound_kind
from gptsovits_ros.text.symbols import PUNCTUATION, symbol_ids, symbol_table
from gptsovits_ros.training.content_codes import LABELS_FILE, read_code_labels, token_runs
from gptsovits_ros.training.content_data import read_token_lists
from gptsovits_ros.training.prepare import (
    CORPUS_FILE,
    PHONEMES_FILE,
    TOKENS_FILE,
    read_clips,
    read_lists,
)
from gptsovits_ros.training.token_table import fit

TOKEN_MS = 40
CODEBOOK_SIZE = 1024
LOOKAHEAD_TOKENS = 4
PIECE_TOKENS = 16


@dataclass(frozen=True)
class Clip:
    """A clip; `onsets` [P + 1] in tokens are those of the alignment."""

    language: str
    is_train: bool
    phonemes: tuple[str, ...]
    phoneme_ids: np.ndarray
    tokens: np.ndarray
    onsets: np.ndarray


def read(corpus: Path) -> list[Clip]:
    """Return the clips of a corpus."""
    phonemes = read_lists(corpus / PHONEMES_FILE)
    labels = read_code_labels(corpus / LABELS_FILE, CODEBOOK_SIZE)
    tokens = read_token_lists(corpus / TOKENS_FILE)
    symbols = symbol_table('v2')
    clips = []
    for row in read_clips(corpus / CORPUS_FILE):
        if row.name not in tokens:
            continue
        said = tuple(phonemes[row.name].split())
        spoken = symbol_ids([s for s in said if s not in PUNCTUATION], 'v2').tolist()
        runs = token_runs(labels[tokens[row.name]].tolist(), spoken)
        clips.append(
            Clip(
                row.language,
                row.split == 'train',
                said,
                symbol_ids(said, 'v2'),
                tokens[row.name],
                _onsets(said, [(symbols[label], count) for label, count in runs]),
            )
        )
    return clips


def fitted(clips: Sequence[Clip]) -> dict[str, float]:
    """Return the mean duration of each kind of sound [ms]."""
    found = defaultdict(list)
    for clip in clips:
        found['silence before'].append(clip.onsets[0])
        found['silence behind'].append(len(clip.tokens) - clip.onsets[-1])
        for symbol, count in zip(clip.phonemes, np.diff(clip.onsets), strict=True):
            found[sound_kind(symbol)].append(count)
    return {kind: float(np.mean(counts)) * TOKEN_MS for kind, counts in found.items()}


def _onsets(said: Sequence[str], entries: list[tuple[str, int]]) -> np.ndarray:
    """Return where phonemes begin; a pause belongs to its mark, the last one to none."""
    entries = list(entries)
    total, at, onsets = sum(length for _, length in entries), 0, []
    last = entries.pop()[1] if entries[-1][0] == '_' else 0
    for number, symbol in enumerate(said):
        if number == 0 and entries[0][0] == '_':
            at += entries.pop(0)[1]
        if symbol in PUNCTUATION:
            onsets.append(at)
            if entries and entries[0][0] == '_':
                at += entries.pop(0)[1]
            continue
        while entries[0][0] == '_':
            at += entries.pop(0)[1]
        found, length = entries.pop(0)
        if found != symbol:
            raise ValueError(f'{found} is aligned where {symbol} is said')
        onsets.append(at)
        at += length
    return np.array([*onsets, total - last])


def _streamed(onsets: Callable[[int, bool], np.ndarray], total: int) -> np.ndarray:
    """Return onsets as they are known when a piece with them leaves."""
    found = None
    for stop in range(PIECE_TOKENS, total - LOOKAHEAD_TOKENS, PIECE_TOKENS):
        now = onsets(stop + LOOKAHEAD_TOKENS, False)
        found = now if found is None else np.where(found < stop - PIECE_TOKENS, found, now)
    end = onsets(total, True)
    return end if found is None else np.where(found < stop, found, end)


def _report(name: str, clips: Sequence[Clip], estimate: Callable[[Clip], np.ndarray]) -> None:
    for language in sorted({clip.language for clip in clips}):
        errors = []
        for clip in clips:
            if clip.language == language:
                is_sound = np.array([symbol not in PUNCTUATION for symbol in clip.phonemes])
                error = (estimate(clip)[:-1] - clip.onsets[:-1]) * TOKEN_MS
                errors.extend(np.abs(error[is_sound]))
        median, high = np.percentile(errors, (50, 90))
        print(
            f'{name:28} {language}: mean {np.mean(errors):.0f} ms, median {median:.0f}, '
            f'90 % below {high:.0f} ({len(errors)} phonemes)'
        )


def _by_durations(clip: Clip) -> np.ndarray:
    total = len(clip.tokens)
    return by_durations(clip.phonemes, silence_before(clip.phonemes, total), total)


def main() -> None:
    """Print what was measured, or fitted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('corpus', type=Path)
    parser.add_argument('--fit', action='store_true', help='print mean durations instead')
    args = parser.parse_args()
    clips = read(args.corpus)
    learned = [clip for clip in clips if clip.is_train]
    if args.fit:
        for kind, mean_ms in sorted(fitted(learned).items()):
            print(f'{kind}: {mean_ms:.0f}')
        return
    unseen = [clip for clip in clips if not clip.is_train]
    table: TokenTable = fit(learned, CODEBOOK_SIZE)

    def laid(clip: Clip, known: int, is_whole: bool) -> np.ndarray:
        return by_table(table, clip.phoneme_ids, clip.phonemes, clip.tokens[:known], is_whole)

    _report('by mean durations', unseen, _by_durations)
    _report('by token table', unseen, lambda clip: laid(clip, len(clip.tokens), True))
    _report(
        'by token table, streamed',
        unseen,
        lambda clip: _streamed(
            lambda known, is_whole: laid(clip, known, is_whole), len(clip.tokens)
        ),
    )


if __name__ == '__main__':
    main()
