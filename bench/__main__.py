"""`python -m bench`: measure the engine on a full-size stand-in voice, or on a voice of yours."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from bench.report import OUT, table, write
from bench.speech import measure
from gptsovits_ros.voice.standin import make_test_voice

STANDIN = Path(__file__).resolve().parent.parent / '.work' / 'bench' / 'full'


def main() -> int:
    """Print a table and write it as JSON."""
    parser = argparse.ArgumentParser(prog='python -m bench', description=__doc__)
    parser.add_argument(
        '--voice',
        type=Path,
        metavar='FOLDER',
        help='voice to measure (default: a full-size stand-in, made once: 1.1 GB)',
    )
    parser.add_argument('--threads', type=int, default=1, help='CPU threads (default: 1)')
    parser.add_argument('--device', default='cpu', help='cpu or cuda:<n> (default: cpu)')
    parser.add_argument('--runs', type=int, default=5, help='runs of each quantity (default: 5)')
    parser.add_argument(
        '--out', type=Path, default=OUT, metavar='FILE', help='where the JSON goes'
    )
    args = parser.parse_args()
    if args.voice is None and not STANDIN.exists():
        print('making a full-size stand-in voice; this is done once', flush=True)
        make_test_voice(STANDIN, 'full')
    command = shlex.join(['python', '-m', 'bench', *sys.argv[1:]])
    rows = list(measure(args.voice or STANDIN, args.threads, args.device, args.runs, command))
    print(table(rows))
    write(rows, args.out)
    return 0


if __name__ == '__main__':
    sys.exit(main())
