#!/usr/bin/env python3
"""Tell what semantic tokens know, and how well the content encoder gives them.

    .venv/bin/python tools/corpus/probe_tokens.py CORPUS [--clips N]

CORPUS is what align.py made, and train_content.py for the second part. Prints

- of the tokens of the corpus: codes in use, their perplexity, and how often a token is that before
  it; the share of clips whose speaker (of the six core speakers; chance 17 %) is known by their
  tokens, by naive Bayes learned on other clips; how much of a token sequence another voice has as
  well when it says the same sentence;
- of the tokens that the encoder gives to N clips of each split: how many codes are right, how many
  stand for the right phoneme, and the error of the phonemes in their order.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gptsovits_ros.checkpoint.content import CONTENT_FILE, load_content_encoder
from gptsovits_ros.encoders.content import ContentEncoder
from gptsovits_ros.training.content_codes import LABELS_FILE, read_code_labels
from gptsovits_ros.training.content_data import read_token_lists
from gptsovits_ros.training.content_losses import TokenErrors, edit_distance
from gptsovits_ros.training.content_student import START_FILE, FixedCodebook, read_codebook
from gptsovits_ros.training.corpus import SPLITS
from gptsovits_ros.training.prepare import CORPUS_FILE, TOKENS_FILE, Clip, read_clips, read_wave

CORE = 'core-'

Tokens = dict[str, np.ndarray]


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    parser.add_argument('--clips', type=int, default=100)
    args = parser.parse_args()
    torch.set_num_threads(1)
    tokens = read_token_lists(args.corpus / TOKENS_FILE)
    clips = [clip for clip in read_clips(args.corpus / CORPUS_FILE) if clip.name in tokens]
    codebook = read_codebook(args.corpus / START_FILE)
    size = len(codebook.rows)
    report_tokens(clips, tokens, size)
    path = args.corpus / CONTENT_FILE
    if not path.exists():
        print(f'{path} is not there yet; train_content.py makes it')
        return
    encoder = load_content_encoder(path)
    labels = read_code_labels(args.corpus / LABELS_FILE, size)
    for split in SPLITS:
        chosen = [clip for clip in clips if clip.split == split][: args.clips]
        rates = encoder_errors(args.corpus, chosen, tokens, encoder, codebook, labels)
        print(
            f'encoder, {len(chosen)} clips of {split}: '
            f'codes right: {100 - 100 * rates["token_error"]:.1f} %; '
            f'their phonemes right: {100 - 100 * rates["label_error"]:.1f} %; '
            f'phoneme error: {100 * rates["phoneme_error"]:.1f} %',
            flush=True,
        )


def report_tokens(clips: list[Clip], tokens: Tokens, size: int) -> None:
    """Print the line of the tokens of the corpus."""
    rows = [tokens[clip.name] for clip in clips]
    shares = np.bincount(np.concatenate(rows), minlength=size) / sum(map(len, rows))
    perplexity = math.exp(-sum(share * math.log(share) for share in shares if share))
    repeats = [np.mean(np.diff(row) == 0) for row in rows if len(row) > 1]
    print(
        f'tokens: {int((shares > 0).sum())} of {size} codes in use, perplexity {perplexity:.0f}; '
        f'repeated: {100 * np.mean(repeats):.1f} %; '
        f'speaker known: {100 * speaker_accuracy(clips, tokens, size):.1f} %; '
        f'shared by two voices: {100 * voice_agreement(clips, tokens):.1f} %',
        flush=True,
    )


def encoder_errors(
    corpus: Path,
    clips: list[Clip],
    tokens: Tokens,
    encoder: ContentEncoder,
    codebook: FixedCodebook,
    labels: Tensor,
) -> dict[str, float]:
    """Return the error rates of the encoder's tokens for some clips."""
    errors = TokenErrors(labels)
    with torch.inference_mode():
        for clip in clips:
            wave = torch.from_numpy(read_wave(corpus, clip.name, encoder.config.sample_rate))
            found = codebook.tokens(encoder.encode(wave))[0]
            errors.add(torch.from_numpy(tokens[clip.name]), found)
    return errors.rates()


def speaker_accuracy(clips: list[Clip], tokens: Tokens, size: int) -> float:
    """Return how often naive Bayes tells which core speaker made a clip that it has not seen."""
    core = [clip for clip in clips if clip.speaker.startswith(CORE)]
    learned, unseen = core[::2], core[1::2]
    if not unseen:
        return math.nan
    speakers = sorted({clip.speaker for clip in core})
    counts = np.ones((len(speakers), size))
    for clip in learned:
        counts[speakers.index(clip.speaker)] += np.bincount(tokens[clip.name], minlength=size)
    scores = np.log(counts / counts.sum(1, keepdims=True))
    hits = [
        speakers[int(np.argmax(scores[:, tokens[clip.name]].sum(1)))] == clip.speaker
        for clip in unseen
    ]
    return float(np.mean(hits))


def voice_agreement(clips: list[Clip], tokens: Tokens) -> float:
    """Return one minus the token error between two voices that say the same sentence."""
    by_text: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_text[clip.text].append(clip)
    shares = []
    for first, *others in by_text.values():
        for second in others:
            if first.speaker != second.speaker:
                one, two = tokens[first.name].tolist(), tokens[second.name].tolist()
                shares.append(1 - edit_distance(one, two) / max(len(one), len(two)))
    return float(np.mean(shares)) if shares else math.nan


if __name__ == '__main__':
    main()
