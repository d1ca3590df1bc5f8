#!/usr/bin/env python3
"""Measure how well a token table sees cut and repeated phonemes (docs/guard.md has the results).

    python tools/corpus/probe_skips.py CORPUS

The table is learned from the split "train"; in every other clip a random run of phonemes is cut
out, or said twice, where the phonemes of its tokens (codes.tsv of tools/corpus/align.py) say that
it stands.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from gptsovits_ros.semantic.token_table import TokenTable
from gptsovits_ros.text.symbols import symbol_table
from gptsovits_ros.training.content_codes import LABELS_FILE, read_code_labels, token_runs
from gptsovits_ros.training.content_data import SILENT
from gptsovits_ros.training.content_losses import BLANK
from gptsovits_ros.training.corpus import TRAIN, Utterance, read_corpus
from gptsovits_ros.training.token_table import CODEBOOK_SIZE, learn_token_table

RUNS = ((3, 3), (4, 4), (5, 6), (7, 10))
# Tokens behind a skip or a repetition, after which it is looked for in what was drawn so far.
DELAYS = (5, 10, 25)
EARLY_RUN = (5, 5)


@dataclass(frozen=True)
class Edited:
    """A clip without a run of its phonemes, and with that run twice; where the change is heard."""

    cut: list[int]
    cut_at: int
    twice: list[int]
    twice_at: int


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('corpus', type=Path)
    corpus = parser.parse_args().corpus
    clips = read_corpus(corpus, CODEBOOK_SIZE, print)
    labels = read_code_labels(corpus / LABELS_FILE, CODEBOOK_SIZE)
    train = [clip for clip in clips if clip.split == TRAIN]
    dev = [clip for clip in clips if clip.split != TRAIN]
    ends = {clip.name: phoneme_spans(clip, labels) for clip in dev}
    for count in (len(train), 200):
        table = learn_token_table(random.Random(0).sample(train, count), CODEBOOK_SIZE)
        report(table, count, dev, ends)


def report(
    table: TokenTable, count: int, dev: list[Utterance], ends: dict[str, list[tuple[int, int]]]
) -> None:
    """Print what a table that was learned from so many clips sees."""
    start = time.perf_counter()
    whole = [table.leaps(clip.phoneme_ids, clip.tokens) for clip in dev]
    took_ms = (time.perf_counter() - start) / len(dev) * 1000
    print(
        f'{count} clips: limits {table.skip_limit:.1f}, {table.repeat_limit:.1f}; '
        f'{took_ms:.2f} ms per clip; of {len(dev)} sound ones '
        f'{sum(leaps.skip > table.skip_limit for leaps in whole)} skipped, '
        f'{sum(leaps.repeat > table.repeat_limit for leaps in whole)} repeated'
    )
    for run in RUNS:
        print(f'  {run[0]} to {run[1]} phonemes:', seen(table, dev, ends, run, None))
    for delay in DELAYS:
        print(f'  5 phonemes, {delay} tokens later:', seen(table, dev, ends, EARLY_RUN, delay))


def seen(
    table: TokenTable,
    dev: list[Utterance],
    ends: dict[str, list[tuple[int, int]]],
    run: tuple[int, int],
    delay: int | None,
) -> str:
    """Return which share of the edited clips is a fault."""
    rng = random.Random(1)
    skipped, repeated = [], []
    for clip in dev:
        edited = edit(clip, ends[clip.name], rng.randint(*run), rng)
        if edited is None:
            continue
        stops = (None, None) if delay is None else (edited.cut_at + delay, edited.twice_at + delay)
        cut, twice = edited.cut[: stops[0]], edited.twice[: stops[1]]
        ids, is_whole = clip.phoneme_ids, delay is None
        skipped.append(table.leaps(ids, cut, is_whole).skip > table.skip_limit)
        repeated.append(table.leaps(ids, twice, is_whole).repeat > table.repeat_limit)
    return (
        f'{len(skipped)} clips, {np.mean(skipped):.2f} skipped, {np.mean(repeated):.2f} repeated'
    )


def edit(
    clip: Utterance, spans: list[tuple[int, int]], count: int, rng: random.Random
) -> Edited | None:
    """Cut and repeat a run of phonemes within a clip; None if the clip is too short."""
    if len(spans) < count + 4:
        return None
    first = rng.randrange(1, len(spans) - count)
    start, end = spans[first][0], spans[first + count - 1][1]
    tokens = clip.tokens.tolist()
    return Edited(
        tokens[:start] + tokens[end:],
        start,
        tokens[:end] + tokens[start:end] + tokens[end:],
        end,
    )


def phoneme_spans(clip: Utterance, labels: Tensor) -> list[tuple[int, int]]:
    """Return the first token of each phoneme of a clip, and the one behind its last."""
    symbols = symbol_table('v2')
    spoken = [i for i in clip.phoneme_ids.tolist() if i != BLANK and symbols[i] not in SILENT]
    spans, end = [], 0
    for label, count in token_runs(labels[clip.tokens].tolist(), spoken):
        if label != BLANK:
            spans.append((end, end + count))
        end += count
    return spans


if __name__ == '__main__':
    main()
