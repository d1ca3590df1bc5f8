"""`gptsovits_ros make-test-voice`: a complete voice with random weights."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = 'make-test-voice'
HELP = 'make a complete voice with random weights: it babbles, for tests and benchmarks'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'folder',
        type=Path,
        metavar='FOLDER',
        help='new folder; its name becomes the name of the voice',
    )
    parser.add_argument(
        '--size',
        choices=('tiny', 'full'),
        default='tiny',
        help='tiny: 4 MB, for tests; full: the official sizes, 1.1 GB (default: %(default)s)',
    )
    parser.add_argument(
        '--version',
        choices=('v1', 'v2', 'v2Pro', 'v2ProPlus', 'v3', 'v4'),
        default='v2',
        help='GPT-SoVITS version of the models (default: %(default)s)',
    )
    parser.add_argument('--seed', type=int, default=0, help='another seed is another voice')


def run(args: argparse.Namespace) -> int:
    """Make it."""
    from gptsovits_ros.voice.standin import make_test_voice

    make_test_voice(args.folder, args.size, args.seed, args.version)
    print(
        f'{args.folder}: a {args.size} {args.version} test voice. Try:\n'
        f'gptsovits_ros say "Hello." -o hello.wav --voice {args.folder.name} '
        f'--voice-root {args.folder.parent}'
    )
    return 0
