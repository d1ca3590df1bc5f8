"""`gptsovits_ros voices export`: a voice becomes one file."""

from __future__ import annotations

import argparse
from pathlib import Path

EPILOG = (
    'Models in the folder of the voice are in the file. Those of its base voice and shared ones '
    'are not: what the other robot must have is listed, unless --with-models puts them in too.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('name', metavar='NAME', help='of the voice')
    parser.add_argument(
        '-o', '--output', type=Path, metavar='FILE', help='file to write (default: NAME.gsvvoice)'
    )
    parser.add_argument(
        '--with-models',
        action='store_true',
        help='put all models in, so that nothing else is needed (up to 2 GB)',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace a file that is there')


def run(args: argparse.Namespace) -> int:
    """Write it, and tell what must be there where it is imported."""
    from gptsovits_ros.voice.archive_layout import SUFFIX
    from gptsovits_ros.voice.export import export_voice
    from gptsovits_ros.voice.store import VoiceStore

    store = VoiceStore(args.voice_root, args.model_root)
    path = args.output or Path(args.name + SUFFIX)
    exported = export_voice(store, args.name, path, args.with_models, args.overwrite)
    needs = f'; needs there: {", ".join(exported.needs)}' if exported.needs else ''
    print(f'{exported.path}: {exported.size / 1e6:.1f} MB{needs}')
    return 0
