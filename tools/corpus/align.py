#!/usr/bin/env python3
"""Find when each phoneme is spoken, from what the teacher of content features hears.

    .venv/bin/python tools/corpus/align.py CORPUS [--epochs N]

CORPUS is what prepare.py and listen.py made; it gets alignment.tsv, one line per clip: its name,
then each phoneme with its length in frames of 20 ms, "_" for silence.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from gptsovits_ros.encoders.content import ContentConfig
from gptsovits_ros.training.content_align import align_clips, reading_error, train_aligner
from gptsovits_ros.training.content_data import ALIGNMENT_FILE, ContentClips
from gptsovits_ros.training.corpus import DEV_SPEAKER, DEV_TEXT
from gptsovits_ros.training.prepare import write_lines

TEACHER_WIDTH = 512


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    parser.add_argument('--epochs', type=int, default=8)
    args = parser.parse_args()
    torch.set_num_threads(1)

    def report(text: str) -> None:
        print(text, flush=True)

    clips = ContentClips(args.corpus, ContentConfig(), TEACHER_WIDTH, report)
    model = train_aligner(clips, TEACHER_WIDTH, args.epochs, report)
    for split in (DEV_TEXT, DEV_SPEAKER):
        error = reading_error(clips, model, split)
        report(f'{split}: phoneme error {100 * error:.1f} %')
    write_lines(args.corpus / ALIGNMENT_FILE, align_clips(clips, model))


if __name__ == '__main__':
    main()
