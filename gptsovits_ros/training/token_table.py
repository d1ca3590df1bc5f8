"""Learns a token table from a corpus: phonemes and tokens, no alignment, no audio (docs/guard.md).

Viterbi training of a left-to-right model: the phonemes of a clip share its tokens evenly at first,
then the table is counted and the tokens are laid along the phonemes by it, some times over. The
limits come from clips that were held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from gptsovits_ros.checkpoint.token_table import TOKEN_TABLE_FILE, save_token_table
from gptsovits_ros.errors import CheckpointError, ConfigurationError
from gptsovits_ros.semantic.text_path import CodePhonemes, count_endings
from gptsovits_ros.semantic.token_table import TokenTable, best_way
from gptsovits_ros.training.content_codes import LABELS_FILE, read_code_labels
from gptsovits_ros.training.content_losses import BLANK
from gptsovits_ros.training.corpus import Report, Utterance, read_corpus

ROUNDS = 6  # the score of 2355 clips grows by less than 0.1 % after the third
# Added to each count, so that a token that was not met in a phoneme is unlikely, not impossible.
PSEUDO_COUNT = 0.02
# Every fifth clip is held out for the limits. One in 200 of them exceeds the limits but for the
# margin [nats], which is for voices and for GPTs that speak less plainly than the corpus.
HELD_OUT = 5
LIMIT_QUANTILE = 0.995
MARGIN = 5.0
# With fewer clips the limits would be chance.
LEAST_CLIPS = 100


SYMBOLS = 'v2'  # what corpora are written in
CODEBOOK_SIZE = 1024


def write_token_table(corpus: Path, folder: Path, report: Report) -> Path:
    """Write the table of a corpus into a folder and return its path.

    Args:
        corpus: folder with corpus.tsv, phonemes.tsv and tokens.tsv (docs/training.md).
        folder: where to; made if it is not there.
        report: told each line that is left out, and the limits.

    Raises:
        ConfigurationError: a file is missing, or there are too few clips.
        CheckpointError: the file cannot be written.

    """
    clips = read_corpus(corpus, CODEBOOK_SIZE, report)
    if len(clips) < LEAST_CLIPS:
        raise ConfigurationError(
            f'{corpus} has {len(clips)} usable clips; a token table needs {LEAST_CLIPS}'
        )
    table = learn_token_table(clips, CODEBOOK_SIZE)
    if (corpus / LABELS_FILE).exists():
        # The tokens come from an alignment, so it is known what each says.
        table = replace(table, codes=code_phonemes(corpus, clips, CODEBOOK_SIZE))
    report(
        f'{len(table.phonemes)} phonemes; limits: skipped {table.skip_limit:.1f}, '
        f'repeated {table.repeat_limit:.1f} nats'
    )
    path = folder / TOKEN_TABLE_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f'cannot make the folder {folder}: {error.strerror}') from error
    save_token_table(table, SYMBOLS, f'learned from {corpus.name}', path)
    return path


def code_phonemes(corpus: Path, clips: Sequence[Utterance], codebook_size: int) -> CodePhonemes:
    """Return what the tokens of an aligned corpus say, and how long phonemes last in its clips.

    Raises:
        ConfigurationError: the corpus does not tell what its tokens say.

    """
    labels = read_code_labels(corpus / LABELS_FILE, codebook_size).numpy()
    return count_endings(labels, [clip.tokens for clip in clips], BLANK)


def learn_token_table(clips: Sequence[Utterance], codebook_size: int) -> TokenTable:
    """Return the table of clips, and limits that few of those exceed that it has not seen."""
    kept = [clip for number, clip in enumerate(clips) if number % HELD_OUT]
    trial = fit(kept, codebook_size)
    found = [trial.leaps(clip.phoneme_ids, clip.tokens) for clip in clips[::HELD_OUT]]
    whole = fit(clips, codebook_size)
    return TokenTable(
        whole.phonemes,
        whole.odds,
        _limit([leaps.skip for leaps in found]),
        _limit([leaps.repeat for leaps in found]),
    )


def fit(clips: Sequence[Utterance], codebook_size: int) -> TokenTable:
    """Return a table without limits."""
    phonemes = np.unique(np.concatenate([clip.phoneme_ids for clip in clips]))
    rows = [
        np.concatenate(([0], np.searchsorted(phonemes, clip.phoneme_ids) + 1, [0]))
        for clip in clips
    ]
    odds = None
    for _ in range(ROUNDS):
        counts = np.full((len(phonemes) + 1, codebook_size), PSEUDO_COUNT)
        for clip, states in zip(clips, rows, strict=True):
            length = len(clip.tokens)
            if odds is None:
                way = np.arange(length) * len(states) // length
            else:
                way = best_way(odds[states][:, clip.tokens].T)
            np.add.at(counts, (states[way], clip.tokens), 1)
        shares = counts / counts.sum(axis=1, keepdims=True)
        odds = np.log(shares / (counts.sum(axis=0) / counts.sum()))
    return TokenTable(phonemes, odds.astype(np.float32), np.inf, np.inf)


def _limit(gains: list[float]) -> float:
    """Return the gain that few sound clips exceed; those that a leap does not explain count 0."""
    return float(np.quantile(np.maximum(gains, 0), LIMIT_QUANTILE)) + MARGIN
