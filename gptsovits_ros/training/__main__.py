"""`python -m gptsovits_ros.training`: train, plot, export; progress as JSON lines on stdout."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from pathlib import Path

import torch

from gptsovits_ros.checkpoint.weights import ACOUSTIC, SEMANTIC
from gptsovits_ros.errors import ConfigurationError, GptsovitsError
from gptsovits_ros.training.acoustic_trainer import AcousticTrainer
from gptsovits_ros.training.export import export
from gptsovits_ros.training.loop import Loop
from gptsovits_ros.training.plots import plot_losses
from gptsovits_ros.training.progress import Progress
from gptsovits_ros.training.semantic_trainer import SemanticTrainer
from gptsovits_ros.training.settings import AcousticSettings, SemanticSettings, read_settings
from gptsovits_ros.training.token_table import write_token_table

TRAINERS = {
    ACOUSTIC: (AcousticTrainer, AcousticSettings),
    SEMANTIC: (SemanticTrainer, SemanticSettings),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 if it did what it should."""
    args = _parser().parse_args(arguments)
    try:
        if args.command == 'plot':
            print(plot_losses(args.run))
        elif args.command == 'export':
            parts = args.decoder, args.with_posterior, args.prior_scale
            print(export(args.run, args.folder, args.packed, *parts))
        elif args.command == 'token-table':
            print(write_token_table(args.corpus, args.folder, _to_stderr))
        else:
            _train(args)
    except GptsovitsError as error:
        print(f'{error.name}: {error}', file=sys.stderr)
        return 1
    return 0


def _train(args: argparse.Namespace) -> None:
    started = time.monotonic()
    trainer_class, settings_class = TRAINERS[args.command]
    settings = read_settings(args.settings, settings_class)
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        args.run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f'cannot make the folder {args.run}: {error.strerror}') from error
    progress = Progress(args.run, _write_line, show_bar=sys.stderr.isatty())
    trainer = trainer_class(settings, args.corpus, _device(args.device), progress.message)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    seconds = args.minutes * 60 - (time.monotonic() - started)
    Loop(trainer, settings.run, args.run, progress).run(seconds, stop.is_set)


def _device(name: str) -> torch.device:
    if name.startswith('cuda') and not torch.cuda.is_available():
        raise ConfigurationError('there is no CUDA device; use --device cpu')
    return torch.device(name)


def _write_line(line: str) -> None:
    print(line, flush=True)


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python -m gptsovits_ros.training', description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    for name, text in (
        (ACOUSTIC, 'train SoVITS, from tokens to a waveform'),
        (SEMANTIC, 'train the GPT, from phonemes to tokens'),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument('--corpus', type=Path, required=True, help='folder of the corpus')
        command.add_argument(
            '--run', type=Path, required=True, help='folder of the run; one that exists goes on'
        )
        command.add_argument('--settings', type=Path, required=True, help='YAML file')
        command.add_argument(
            '--minutes', type=float, default=float('inf'), help='save and stop after so long'
        )
        command.add_argument('--device', default='cpu', help='"cpu", "cuda" or "cuda:<n>"')
        command.add_argument('--threads', type=int, default=0, help='CPU threads; 0: all')
    plot = commands.add_parser('plot', help='draw the losses of a run')
    plot.add_argument('run', type=Path, metavar='RUN')
    out = commands.add_parser('export', help='write the averaged weights for use')
    out.add_argument('run', type=Path, metavar='RUN')
    out.add_argument('folder', type=Path, metavar='OUT_DIR')
    out.add_argument(
        '--packed', action='store_true', help='most weights in eight bits: half the size'
    )
    out.add_argument(
        '--decoder',
        type=Path,
        metavar='RUN',
        help='take posterior and decoder from this run of the autoencoder',
    )
    out.add_argument(
        '--with-posterior', action='store_true', help='also what only fine-tuning needs'
    )
    out.add_argument(
        '--prior-scale',
        type=float,
        default=1.0,
        metavar='X',
        help='multiply the deviation of what SoVITS draws; below 1 is clearer and flatter',
    )
    table = commands.add_parser(
        'token-table', help='learn by what the guard sees skipped and repeated phonemes'
    )
    table.add_argument('corpus', type=Path, metavar='CORPUS')
    table.add_argument('folder', type=Path, metavar='OUT_DIR')
    return parser


if __name__ == '__main__':
    sys.exit(main())
