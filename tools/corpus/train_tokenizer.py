#!/usr/bin/env python3
"""Train the content encoder and the semantic tokenizer, then write the tokens of the corpus.

    .venv/bin/python tools/corpus/train_tokenizer.py CORPUS RUN [--settings FILE] [--minutes N]

CORPUS is what prepare.py and listen.py made. RUN keeps the state and the log; the same command
goes on where it was. At the end, or when the time is over, CORPUS gets

- tokenizer.safetensors, the content encoder;
- acoustic_init.safetensors, the projection and the codebook by their official names;
- tokens.tsv, the tokens of all clips.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

import torch

from gptsovits_ros.training.content_export import export_tokenizer
from gptsovits_ros.training.content_trainer import ContentSettings, ContentTrainer
from gptsovits_ros.training.loop import Loop
from gptsovits_ros.training.progress import Progress
from gptsovits_ros.training.settings import read_settings
from gptsovits_ros.training.state import load_state

SETTINGS = Path(__file__).with_name('tokenizer.yaml')


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    parser.add_argument('run', type=Path)
    parser.add_argument('--settings', type=Path, default=SETTINGS)
    parser.add_argument('--minutes', type=float, default=1e6)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument(
        '--export-only', action='store_true', help='write files of the saved state'
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    stops: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: stops.append(received))
    args.run.mkdir(parents=True, exist_ok=True)
    settings = read_settings(args.settings, ContentSettings)
    progress = Progress(args.run, lambda line: print(line, flush=True), show_bar=False)
    trainer = ContentTrainer(settings, args.corpus, torch.device('cpu'), progress.message)
    if args.export_only:
        state = load_state(args.run)
        if state is None:
            sys.exit(f'{args.run} has no saved state')
        trainer.load(state['trainer'])
        info = f'step {state["step"]}'
    else:
        loop = Loop(trainer, settings.run, args.run, progress)
        info = loop.run(60 * args.minutes, lambda: bool(stops))
    clips = export_tokenizer(trainer.weights(info), settings.model, args.corpus)
    progress.message(f'tokens of {clips} clips in {args.corpus}')


if __name__ == '__main__':
    main()
