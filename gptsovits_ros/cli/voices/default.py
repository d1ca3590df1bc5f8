"""`gptsovits_ros voices default`: which voice speaks where none is named."""

from __future__ import annotations

import argparse

from gptsovits_ros.errors import VoiceNotFoundError

EPILOG = (
    'A parameter or option that names a voice wins. A running node follows at its next utterance.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'name', metavar='NAME', nargs='?', help='the voice; left out: tell which one it is'
    )


def run(args: argparse.Namespace) -> int:
    """Set or print it."""
    from gptsovits_ros.voice.store import VoiceStore

    store = VoiceStore(args.voice_root, args.model_root)
    if args.name:
        store.set_default(args.name)
    if not store.default:
        raise VoiceNotFoundError(f'there are no voices in {store.voice_root}')
    print(store.default)
    return 0
