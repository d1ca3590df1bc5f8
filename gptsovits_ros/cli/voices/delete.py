"""`gptsovits_ros voices delete`: remove voices and their recordings."""

from __future__ import annotations

import argparse

from gptsovits_ros.cli.voices.changing import add_cache_root, changing_store

EPILOG = (
    'The files, and the phrases that were kept of the voice, are removed at once. The record of '
    'the consent is kept in the folder .deleted of the store, unless it is to be forgotten too. '
    'Bundled voices cannot be deleted.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('names', metavar='NAME', nargs='+', help='voices to delete')
    parser.add_argument(
        '--forget-consent',
        action='store_true',
        help='remove the record of who agreed to what as well',
    )
    add_cache_root(parser)


def run(args: argparse.Namespace) -> int:
    """Delete them one by one; the first that cannot be deleted is an error, and the rest stays."""
    store = changing_store(args)
    for name in args.names:
        store.delete(name, keep_consent=not args.forget_consent)
        print(f'{name}: deleted')
    return 0
