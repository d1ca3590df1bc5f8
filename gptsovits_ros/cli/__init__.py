"""The engine on the command line, without ROS: `gptsovits_ros VERB ...`.

A verb is a module of this package with NAME, HELP, `add_arguments(parser)` and `run(args) -> int`.
Modules import what they need inside these functions, so that `--help` answers at once.

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

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
# Verb -> module, in the order in which people meet them.
VERBS = {
    'doctor': 'doctor',
    'fetch': 'fetch',
    'voices': 'voices',
    'say': 'say',
    'prerender': 'prerender',
    'serve': 'serve',
    'watermark': 'watermark',
    'text': 'text',
    'convert': 'convert',
    'make-test-voice': 'make_test_voice',
    'parity': 'parity',
}


class UsageError(Exception):
    """Arguments that do not go together; argparse finds only those that are wrong alone."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code; errors go to standard error, one line each."""
    argv = list(sys.argv[1:] if argv is None else argv)
    args = _build_parser(argv).parse_args(argv)
    try:
        return args.run(args)
    except UsageError as error:
        report_error('USAGE', f'{error}; see gptsovits_ros {argv[0]} --help')
        return WRONG_USAGE
    except (GptsovitsError, OSError) as error:
        return report(error)
    except KeyboardInterrupt:
        return INTERRUPTED


def report(error: GptsovitsError | OSError) -> int:
    """Print an error as one line on standard error and return the exit code of a failure."""
    report_error(error.name if isinstance(error, GptsovitsError) else 'SYSTEM', str(error))
    return FAILED


def report_error(name: str, message: str) -> None:
    """Print one line on standard error."""
    print(f'error {name}: {" ".join(message.split())}', file=sys.stderr)


def add_roots(parser: argparse.ArgumentParser, default: str = '') -> None:
    """Declare --voice-root and --model-root; empty means below $XDG_DATA_HOME/gptsovits_ros."""
    parser.add_argument(
        '--voice-root',
        default=default,
        metavar='FOLDER',
        help='folder with one folder per voice (default: $XDG_DATA_HOME/gptsovits_ros/voices)',
    )
    parser.add_argument(
        '--model-root',
        default=default,
        metavar='FOLDER',
        help='folder of the official models (default: $XDG_DATA_HOME/gptsovits_ros/models)',
    )


def _build_parser(argv: list[str]) -> argparse.ArgumentParser:
    """Return a parser of the verb in argv with its options, or of all verbs without theirs."""
    parser = argparse.ArgumentParser(
        prog='gptsovits_ros',
        description='A custom voice for a robot: GPT-SoVITS speech synthesis.',
        epilog='gptsovits_ros VERB --help tells the options of a verb.',
    )
    parser.add_argument('--version', action='version', version=f'gptsovits_ros {__version__}')
    verbs = parser.add_subparsers(metavar='VERB', required=True)
    named = [argv[0]] if argv and argv[0] in VERBS else list(VERBS)
    for name in named:
        module = _load(name)
        verb = verbs.add_parser(name, help=module.HELP, description=module.HELP)
        if len(named) == 1:
            module.add_arguments(verb)
        verb.set_defaults(run=module.run)
    return parser


def _load(name: str) -> ModuleType:
    """Import the module of a verb."""
    return importlib.import_module(f'{__name__}.{VERBS[name]}')
