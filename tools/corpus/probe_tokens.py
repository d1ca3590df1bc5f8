#!/usr/bin/env python3
"""Tell what semantic tokens know: phonemes, which they should, and speakers, as little as can be.

    .venv/bin/python tools/corpus/probe_tokens.py CORPUS [--kmeans]

Reads CORPUS/tokens.tsv, and with --kmeans also makes tokens by plain k-means on the teacher's
features, for comparison. Prints one line per kind of token:

- phoneme error of a probe trained on the tokens by CTC: from single tokens, and from five at once;
- share of clips whose speaker (of the six core speakers; chance 17 %) is known by the histogram of
  its tokens, by naive Bayes learned on other clips;
- how much of a token sequence another voice has as well when it says the same sentence;
- codes in use, their perplexity, and how often a token is that before it.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gptsovits_ros.text.symbols import PAUSES, PUNCTUATION, symbol_ids, symbol_table
from gptsovits_ros.training.content_data import TEACHER_FOLDER
from gptsovits_ros.training.content_losses import edit_distance, phoneme_loss, read_phonemes
from gptsovits_ros.training.content_tokenizer import Codebook
from gptsovits_ros.training.prepare import (
    CORPUS_FILE,
    PHONEMES_FILE,
    TOKENS_FILE,
    Clip,
    read_clips,
    read_lists,
)

WIDTH = 192
EPOCHS = 8
BATCH = 32
KMEANS_VECTORS = 40000
CORE = 'core-'
SILENT = frozenset((*PUNCTUATION, *PAUSES))

Rows = dict[str, list[int]]


class Probe(nn.Module):
    """Tokens -> phoneme logits, each token seen with so many neighbours."""

    def __init__(self, codes: int, context: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, WIDTH)
        self.mix = nn.Conv1d(WIDTH, WIDTH, context, padding=context // 2)
        self.output = nn.Linear(WIDTH, len(symbol_table('v2')))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return [B, S, symbols] of tokens [B, S]."""
        return self.output(self.mix(self.embedding(tokens).transpose(1, 2)).transpose(1, 2))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    parser.add_argument('--kmeans', action='store_true')
    args = parser.parse_args()
    torch.set_num_threads(1)
    clips = read_clips(args.corpus / CORPUS_FILE)
    lists = read_lists(args.corpus / TOKENS_FILE)
    rows = {name: [int(token) for token in text.split()] for name, text in lists.items()}
    phonemes = {
        name: symbol_ids([s for s in text.split() if s not in SILENT], 'v2').tolist()
        for name, text in read_lists(args.corpus / PHONEMES_FILE).items()
    }
    clips = [clip for clip in clips if len(rows.get(clip.name, ())) > len(phonemes[clip.name])]
    size = 1 << math.ceil(math.log2(max(max(row) for row in rows.values()) + 1))
    report('tokens', clips, rows, phonemes, size)
    if args.kmeans:
        report('k-means', clips, kmeans_tokens(args.corpus, clips, size), phonemes, size)


def report(title: str, clips: list[Clip], rows: Rows, phonemes: Rows, size: int) -> None:
    """Print the line of one kind of token."""
    parts = []
    for context in (1, 5):
        for split, rate in phoneme_error(clips, rows, phonemes, size, context).items():
            parts.append(f'phoneme error from {context}, {split}: {100 * rate:.1f} %')
    parts.append(f'speaker known: {100 * speaker_accuracy(clips, rows, size):.1f} %')
    parts.append(f'shared by two voices: {100 * voice_agreement(clips, rows):.1f} %')
    tokens = np.concatenate([rows[clip.name] for clip in clips])
    shares = np.bincount(tokens, minlength=size) / len(tokens)
    perplexity = math.exp(-sum(share * math.log(share) for share in shares if share))
    repeats = [
        np.mean(np.diff(rows[clip.name]) == 0) for clip in clips if len(rows[clip.name]) > 1
    ]
    parts.append(f'{int((shares > 0).sum())} of {size} codes in use, perplexity {perplexity:.0f}')
    parts.append(f'repeated: {100 * np.mean(repeats):.1f} %')
    print(f'{title}: ' + '; '.join(parts), flush=True)


def phoneme_error(
    clips: list[Clip], rows: Rows, phonemes: Rows, size: int, context: int
) -> dict[str, float]:
    """Train a probe and return its phoneme error on the dev splits."""
    torch.manual_seed(0)
    probe = Probe(size, context)
    train = [clip for clip in clips if clip.split == 'train']
    steps = EPOCHS * math.ceil(len(train) / BATCH)
    optimizer = torch.optim.AdamW(probe.parameters(), 3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(train)).tolist()
        for start in range(0, len(order), BATCH):
            chosen = [train[index] for index in order[start : start + BATCH]]
            tokens, lengths = padded([rows[clip.name] for clip in chosen])
            targets, target_lengths = padded([phonemes[clip.name] for clip in chosen])
            loss = phoneme_loss(probe(tokens), lengths, targets, target_lengths)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    errors: dict[str, int] = defaultdict(int)
    wanted: dict[str, int] = defaultdict(int)
    with torch.inference_mode():
        for clip in clips:
            if clip.split != 'train':
                tokens, lengths = padded([rows[clip.name]])
                found = read_phonemes(probe(tokens), lengths)[0]
                errors[clip.split] += edit_distance(phonemes[clip.name], found)
                wanted[clip.split] += len(phonemes[clip.name])
    return {split: errors[split] / wanted[split] for split in sorted(wanted)}


def speaker_accuracy(clips: list[Clip], rows: Rows, size: int) -> float:
    """Return how often naive Bayes tells which core speaker made a clip that it has not seen."""
    core = [clip for clip in clips if clip.speaker.startswith(CORE)]
    learned, unseen = core[::2], core[1::2]
    speakers = sorted({clip.speaker for clip in core})
    counts = np.ones((len(speakers), size))
    for clip in learned:
        counts[speakers.index(clip.speaker)] += np.bincount(rows[clip.name], minlength=size)
    scores = np.log(counts / counts.sum(1, keepdims=True))
    hits = [
        speakers[int(np.argmax(scores[:, rows[clip.name]].sum(1)))] == clip.speaker
        for clip in unseen
    ]
    return float(np.mean(hits))


def voice_agreement(clips: list[Clip], rows: Rows) -> float:
    """Return one minus the token error between two voices that say the same sentence."""
    by_text: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_text[clip.text].append(clip)
    shares = []
    for first, *others in by_text.values():
        for second in others:
            if first.speaker != second.speaker:
                one, two = rows[first.name], rows[second.name]
                shares.append(1 - edit_distance(one, two) / max(len(one), len(two)))
    return float(np.mean(shares)) if shares else math.nan


def kmeans_tokens(corpus: Path, clips: list[Clip], size: int) -> Rows:
    """Return tokens at the same rate by k-means on the teacher's features."""
    features = {}
    for clip in clips:
        array = np.load(corpus / TEACHER_FOLDER / f'{clip.name}.npy').astype(np.float32)
        pairs = torch.from_numpy(array[: len(array) // 2 * 2]).unflatten(0, (-1, 2))
        features[clip.name] = pairs.mean(1)
    everything = torch.cat([features[clip.name] for clip in clips if clip.split == 'train'])
    deviation = everything.std(0)
    torch.manual_seed(0)
    chosen = torch.randperm(len(everything))[:KMEANS_VECTORS]
    book = Codebook(size, everything.shape[1])
    book.fit(everything[chosen] / deviation, 12)
    return {name: book.nearest(value / deviation).tolist() for name, value in features.items()}


def padded(lists: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Return lists as one tensor [B, longest], and their lengths [B]."""
    rows = [torch.tensor(row) for row in lists]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True), torch.tensor([len(r) for r in rows])


if __name__ == '__main__':
    main()
