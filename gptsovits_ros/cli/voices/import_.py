"""`gptsovits_ros voices import`: a file becomes a voice."""

from __future__ import annotations

import argparse
from pathlib import Path

from gptsovits_ros.cli.voices.changing import add_cache_root, changing_store

EPILOG = (
    'The file may come from anybody: nothing in it is run, and nothing is stored unless all of it '
    'is right.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('file', type=Path, metavar='FILE', help='a .gsvvoice file')
    parser.add_argument(
        '--name', default='', metavar='NAME', help='of the voice here (default: the one it had)'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace a voice of that name')
    add_cache_root(parser)


def run(args: argparse.Namespace) -> int:
    """Import it."""
    from gptsovits_ros.voice.importing import import_voice

    voice = import_voice(changing_store(args), args.file, args.name, args.overwrite)
    by = f', consent by {voice.consent.who}' if voice.consent else ', no record of a consent'
    print(f'{voice.name}: {voice.model_version}, speaks {", ".join(voice.languages)}{by}')
    return 0
