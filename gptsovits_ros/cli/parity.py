"""`gptsovits_ros parity`: compare with the official implementation."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gptsovits_ros.parity.report import Row

NAME = 'parity'
HELP = 'compare with numbers that the official implementation produced'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'goldens', type=Path, metavar='GOLDENS', help='folder with one folder per case'
    )
    parser.add_argument(
        '--case',
        action='append',
        default=[],
        metavar='NAME',
        help='only this case; may be given more than once',
    )


def run(args: argparse.Namespace) -> int:
    """Print a row per quantity; 1 if any fails."""
    from gptsovits_ros.parity.cases import find_cases, run_case
    from gptsovits_ros.parity.report import FAIL, OK, TODO

    counts = dict.fromkeys((OK, FAIL, TODO), 0)
    print(f'{"case":<18} {"quantity":<34} {"error":>9} {"allowed":>9}       note')
    for folder in find_cases(args.goldens, args.case):
        for row in run_case(folder):
            counts[row.status] += 1
            print(_line(row), flush=True)
    print(f'\n{counts[OK]} ok, {counts[FAIL]} FAIL, {counts[TODO]} todo')
    return 1 if counts[FAIL] else 0


def _line(row: Row) -> str:
    error = '' if row.error is None else f'{row.error:.2g}'
    tolerance = '' if row.tolerance is None else f'{row.tolerance:.2g}'
    return (
        f'{row.case:<18} {row.quantity:<34} {error:>9} {tolerance:>9}  {row.status:<4} {row.note}'
    ).rstrip()
