"""What the tasks that delete or replace voices have in common."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gptsovits_ros.voice.store import VoiceStore


def add_cache_root(parser: argparse.ArgumentParser) -> None:
    """Declare --cache-root."""
    parser.add_argument(
        '--cache-root',
        default='',
        metavar='FOLDER',
        help='where the robot keeps phrases, of which those of a voice that goes are removed '
        '(engine.cache_root; default: $XDG_CACHE_HOME/gptsovits_ros)',
    )


def changing_store(args: argparse.Namespace) -> VoiceStore:
    """Return the store, which removes the phrases of a voice with its files."""
    from gptsovits_ros.engine.phrase_cache import PhraseCache
    from gptsovits_ros.settings import EngineSettings
    from gptsovits_ros.voice.store import VoiceStore

    store = VoiceStore(args.voice_root, args.model_root)
    store.before_removal(PhraseCache(EngineSettings(cache_root=args.cache_root)).forget)
    return store
