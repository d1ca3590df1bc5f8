"""The engine on the command line, without ROS: `gptsovits_ros VERB ...`.

A verb is a module of this package with NAME, HELP, `add_arguments(parser)` and `run(args) -> int`.
Modules import what they need inside `run`, so that `--help` answers at once.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (Ctrl-C).
"""
from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from gptsovits_ros import __version__
from gptsovits_ros.errors import GptsovitsError

FAILED, INTERRUPTED = 1, 130
# In the order in which people meet them.
VERBS = {
    'doctor': 'doctor',
    'fetch': 'fetch',
    'voices': 'voices',
    'say': 'say',
    'convert': 'convert',
    'make-test-voice': 'make_test_voice',
    'parity': 'parity',
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code; errors go to standard error, one line each."""
    argv = list(sys.argv[1:] if argv is None else argv)
    args = _build_parser(argv).parse_args(argv)
    try:
        return args.run(args)
    except GptsovitsError as error:
        return report_error(error.name, str(error))
    except OSError as error:  # disk full, no permission, pipe closed, ...
        return report_error('SYSTEM', str(error))
    except KeyboardInterrupt:
        return INTERRUPTED


def report_error(name: str, message: str) -> int:
    """Print an error as one line on standard error and return the exit code of a failure."""
    print(f'error {name}: {" ".join(message.split())}', file=sys.stderr)
    return FAILED


def _build_parser(argv: list[str]) -> argparse.ArgumentParser:
    """Return a parser of the verb in argv with its options, or of all verbs without theirs."""
    parser = argparse.ArgumentParser(
        prog='gptsovits_ros',
        description='A custom voice for a robot: GPT-SoVITS speech synthesis.',
        epilog='gptsovits_ros VERB --help tells the options of a verb.')
    parser.add_argument('--version', action='version', version=f'gptsovits_ros {__version__}')
    verbs = parser.add_subparsers(metavar='VERB', required=True)
    named = [argv[0]] if argv and argv[0] in VERBS else VERBS
    for name in named:
        module = _load(name)
        verb = verbs.add_parser(name, help=module.HELP, description=module.HELP)
        if len(named) == 1:
            module.add_arguments(verb)
        verb.set_defaults(run=module.run)
    return parser


def _load(name: str) -> ModuleType:
    """Import the module of a verb."""
    return importlib.import_module(f'.{VERBS[name]}', __name__)
