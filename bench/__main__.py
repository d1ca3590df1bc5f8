"""Measure how fast the engine is, and write a table and bench/out/latest.json.

  speech   time to first audio, tokens per second, real-time factor, memory, and each stage
  phrases  how long a phrase of the cache takes
  shared   1, 2, 4 and 8 robots that share one engine process
  batching the GPT with 1, 2, 4 and 8 texts in one token loop
  soak     many utterances: whether memory or time per utterance grows
  peers    the same work on other programs that run GPT-SoVITS (bench/peers/README.md)

Without names: speech and phrases. `python -m bench.soak_node --help` and `python -m
bench.interrupts --help` measure the node, `python -m bench.player --help` the player. Say what
else runs on the machine: the load is part of each row, and two threads on a machine with one busy
core are much slower than one.
"""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.report import OUT, table, write
from bench.setup import Setup
from gptsovits_ros.errors import GptsovitsError
from gptsovits_ros.settings import PRECISIONS

BENCHES = ('speech', 'phrases', 'shared', 'batching', 'soak', 'peers')


def main() -> int:
    """Run the benchmarks that are named."""
    parser = argparse.ArgumentParser(
        prog='python -m bench',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('names', nargs='*', metavar='NAME', help=f'of {", ".join(BENCHES)}')
    parser.add_argument(
        '--voice',
        type=Path,
        metavar='FOLDER',
        help='voice to measure (default: a stand-in with random weights, made once: full-size, '
        '1.1 GB, or tiny for soak)',
    )
    parser.add_argument('--threads', type=int, default=1, help='CPU threads (default: 1)')
    parser.add_argument('--device', default='cpu', help='cpu or cuda:<n> (default: cpu)')
    parser.add_argument('--runs', type=int, default=5, help='runs of each quantity (default: 5)')
    parser.add_argument(
        '--utterances', type=int, default=1000, help='of soak, in all (default: 1000)'
    )
    parser.add_argument(
        '--precision',
        default='auto',
        choices=PRECISIONS,
        help='number format of the models (default: auto)',
    )
    parser.add_argument(
        '--in-turns',
        action='store_true',
        help='token loop and decoder take turns with all threads (engine.draw_ahead: false)',
    )
    parser.add_argument(
        '--parallel', type=int, default=1, help='utterances that are spoken at once (default: 1)'
    )
    parser.add_argument(
        '--pause',
        action='store_true',
        help='of peers: wait for Enter when all programs are loaded, to stop other work first',
    )
    parser.add_argument(
        '--out', type=Path, default=OUT, metavar='FILE', help='where the JSON goes'
    )
    args = parser.parse_args()
    unknown = sorted(set(args.names).difference(BENCHES))
    if unknown:
        parser.error(f'there is no benchmark {unknown[0]}; there are {", ".join(BENCHES)}')
    setup = Setup(
        args.voice,
        args.device,
        args.threads,
        args.runs,
        args.utterances,
        shlex.join(['python', '-m', 'bench', *sys.argv[1:]]),
        args.precision,
        not args.in_turns,
        args.parallel,
        args.pause,
    )
    try:
        run(args.names or ('speech', 'phrases'), setup, args.out)
    except GptsovitsError as error:
        print(f'error {error.name}: {error}', file=sys.stderr)
        return 1
    return 0


def run(names: Sequence[str], setup: Setup, out: Path) -> None:
    """Run benchmarks, and print and write the rows of each when it is over."""
    for name in names:
        rows = []
        for row in importlib.import_module(f'bench.{name}').measure(setup):
            # What is known already is not lost where the rest takes too long.
            print(f'  {row.name}: {row.value:.4g} {row.unit}', file=sys.stderr, flush=True)
            rows.append(row)
        print(f'{name}\n\n{table(rows)}\n', flush=True)
        write(rows, out)


if __name__ == '__main__':
    sys.exit(main())
