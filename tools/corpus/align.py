#!/usr/bin/env python3
"""Give the clips of a corpus their semantic tokens, by aligning them with their text.

    .venv/bin/python tools/corpus/align.py CORPUS [--epochs N] [--again]

CORPUS is what prepare.py, listen.py and pitch.py made. It gets

- codes.safetensors, all that makes the tokens: the aligner and the variants of each phoneme;
- codes.tsv, the phoneme that each token stands for, "_" for silence;
- acoustic_init.safetensors, projection and codebook, which acoustic models start from;
- tokens.tsv, the tokens of all clips.

Where codes.safetensors is there already, only clips without tokens get some, and no token moves;
--again makes new variants and tokens, for models that are trained anew; the aligner stays.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from gptsovits_ros.training.content_tokens import TokenSettings, tokenize_corpus


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    parser.add_argument('--epochs', type=int, default=TokenSettings.epochs)
    parser.add_argument('--again', action='store_true')
    args = parser.parse_args()
    torch.set_num_threads(1)

    def report(text: str) -> None:
        print(text, flush=True)

    count = tokenize_corpus(args.corpus, TokenSettings(epochs=args.epochs), report, args.again)
    report(f'{count} clips have got their tokens')


if __name__ == '__main__':
    main()
