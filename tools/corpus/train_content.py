#!/usr/bin/env python3
"""Train the content encoder, which gives the tokens of the corpus to audio of anybody.

    .venv/bin/python tools/corpus/train_content.py CORPUS RUN [--settings FILE] [--minutes N]

CORPUS is what align.py made. RUN keeps the state and the log; the same command goes on where it
was. At the end, or when the time is over, CORPUS gets content.safetensors, the encoder with the
least token error on new sentences so far.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

import torch

from gptsovits_ros.checkpoint.content import CONTENT_FILE
from gptsovits_ros.checkpoint.weights import read_weights, write_weights
from gptsovits_ros.training.content_trainer import ContentSettings, ContentTrainer
from gptsovits_ros.training.loop import BEST_FILE, Loop
from gptsovits_ros.training.progress import Progress
from gptsovits_ros.training.settings import read_settings

SETTINGS = Path(__file__).with_name('content.yaml')


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    parser.add_argument('run', type=Path)
    parser.add_argument('--settings', type=Path, default=SETTINGS)
    parser.add_argument('--minutes', type=float, default=1e6)
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    stops: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: stops.append(received))
    args.run.mkdir(parents=True, exist_ok=True)
    settings = read_settings(args.settings, ContentSettings)
    progress = Progress(args.run, lambda line: print(line, flush=True), show_bar=False)
    trainer = ContentTrainer(settings, args.corpus, torch.device('cpu'), progress.message)
    Loop(trainer, settings.run, args.run, progress).run(60 * args.minutes, lambda: bool(stops))
    best = args.run / BEST_FILE
    if not best.exists():
        sys.exit(f'{args.run} was not evaluated yet; the same command goes on')
    write_weights(read_weights(best), args.corpus / CONTENT_FILE)
    progress.message(f'{args.corpus / CONTENT_FILE} is the best so far')


if __name__ == '__main__':
    main()
