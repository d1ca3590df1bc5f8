"""`gptsovits_ros voices show`: all about one voice."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from gptsovits_ros.cli import FAILED
from gptsovits_ros.cli.voices.list import listed

EPILOG = 'With --check every file is read; the result is 1 if one is not as it was stored.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('name', metavar='NAME', help='of the voice')
    parser.add_argument(
        '--json', action='store_true', default=argparse.SUPPRESS, help='as a JSON object'
    )
    parser.add_argument(
        '--check', action='store_true', help='compare every file with its checksum'
    )


def run(args: argparse.Namespace) -> int:
    """Print what is known of the voice."""
    from gptsovits_ros.engine.description import describe
    from gptsovits_ros.voice.store import VoiceStore

    store = VoiceStore(args.voice_root, args.model_root)
    description = describe(store, args.name, store.default, args.check)
    found = asdict(description)
    del found['info'], found['bundled'], found['created_s']
    created = datetime.fromtimestamp(description.created_s, timezone.utc)
    found['created'] = created.isoformat(timespec='seconds')
    found = {**listed(description.info, description.bundled), **found}
    if not args.check:
        del found['changed']
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        for key, value in found.items():
            print(f'{key.replace("_", " "):16} {_in_words(value)}')
    return FAILED if description.changed else 0


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, float):
        return f'{value:.2f}'
    if isinstance(value, (list, tuple)):
        return ', '.join(map(str, value)) or 'none'
    if isinstance(value, dict):
        return '; '.join(
            f'{key.replace("_", " ")}: {_in_words(item)}'
            for key, item in value.items()
            if item not in ('', None, ())
        )
    return 'none' if value in ('', None) else str(value)
