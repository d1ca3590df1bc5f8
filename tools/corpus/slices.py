#!/usr/bin/env python3
"""Train the models of the bundled voices for some minutes, on a machine that is lent for them.

    python tools/corpus/slices.py CORPUS OUT --minutes 9 --device cuda:0

Decoder, prior and GPT go on from the bundled weights, one after another, each for its share of
the time. The same command with the same OUT goes on where it stopped; --minutes is the time of
one call. What comes out is OUT/acoustic.safetensors, OUT/semantic.safetensors and a table.
--set prior.optimizer.learning_rate=0.0005 changes one setting of one part.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from gptsovits_ros.training.progress import LOG_FILE, read_log
from gptsovits_ros.voice.bundled import BUNDLED_ROOT

ROOT = Path(__file__).resolve().parent.parent.parent
VOICE = BUNDLED_ROOT / 'ada'
SETTINGS = ROOT / 'config' / 'training'
# Settings file, trainer, share of the time, and what differs from the file. All go on with the
# posterior of the bundled weights, which stays as it is.
PARTS = {
    'decoder': ('autoencoder_small', 'acoustic', 0.5, {'posterior_until': 0, 'warmup_steps': 0}),
    'prior': ('prior_small', 'acoustic', 0.3, {'start_run': ''}),
    'gpt': ('semantic_small', 'semantic', 0.2, {}),
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    parser.add_argument('out', type=Path)
    parser.add_argument('--set', action='append', default=[], metavar='PART.KEY=VALUE')
    parser.add_argument('--minutes', type=float, required=True, help='of this call, exports apart')
    parser.add_argument('--device', default='cuda:0')
    parser.add_argument('--batch', type=int, default=64, help='batch size of each part')
    args = parser.parse_args()
    args.corpus, args.out = args.corpus.resolve(), args.out.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    for part, (file, trainer, share, changes) in PARTS.items():
        settings = yaml.safe_load((SETTINGS / f'{file}.yaml').read_text(encoding='utf-8'))
        own = {'batches.batch_size': args.batch, 'run.precision': 'bfloat16', **changes}
        if trainer == 'acoustic':
            own |= {'start': str(VOICE / 'acoustic.safetensors'), 'tokenizer': ''}
        else:
            own |= {'start': str(VOICE / 'semantic.safetensors')}
        prefix = f'{part}.'
        for override in args.set:
            key, _, value = override.partition('=')
            if key.startswith(prefix):
                own[key.removeprefix(prefix)] = yaml.safe_load(value)
        for key, value in own.items():
            put(settings, key, value)
        (args.out / f'{part}.yaml').write_text(yaml.safe_dump(settings), encoding='utf-8')
        command = [trainer, '--corpus', args.corpus, '--run', args.out / part]
        command += ['--settings', args.out / f'{part}.yaml', '--device', args.device]
        run(*command, '--minutes', args.minutes * share)
    run('export', args.out / 'gpt', args.out, '--packed')
    run(
        *('export', args.out / 'prior', args.out, '--packed', '--with-posterior'),
        *('--decoder', args.out / 'decoder', '--prior-scale', 0.3),
    )
    print(
        f'{"part":8} {"dev split and value":24} {"steps":>8} {"first":>9} {"least":>9} {"last":>9}'
    )
    for part in PARTS:
        print_losses(part, args.out / part / LOG_FILE)
    print(f'{time.monotonic() - started:.0f} s')
    return 0


def put(settings: dict[str, Any], key: str, value: object) -> None:
    """Set what a dotted key names."""
    *groups, name = key.split('.')
    for group in groups:
        settings = settings.setdefault(group, {})
    settings[name] = value


def run(*arguments: object) -> None:
    """Run a verb of the trainer, and end with it where it fails; its progress is not shown."""
    command = [sys.executable, '-m', 'gptsovits_ros.training', *map(str, arguments)]
    print(' '.join(command[2:]), flush=True)
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def print_losses(part: str, log: Path) -> None:
    """Print a line for each value of the dev splits."""
    losses: dict[str, list[tuple[int, float]]] = {}
    for step, _, name, value in read_log(log):
        if name.startswith('dev'):
            losses.setdefault(name, []).append((step, value))
    for name, values in losses.items():
        numbers = [value for _, value in values]
        print(
            f'{part:8} {name:24} {values[-1][0]:8} {numbers[0]:9.4f} {min(numbers):9.4f} '
            f'{numbers[-1]:9.4f}'
        )


if __name__ == '__main__':
    sys.exit(main())
