"""`gptsovits_ros voices list`: the voices of a folder."""

from __future__ import annotations

import argparse
import json

from gptsovits_ros.cli import FAILED, report
from gptsovits_ros.errors import VoiceInvalidError

EPILOG = (
    'The one that speaks where none is named is marked by a star, and those that came with the '
    'package by "bundled".'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        '--json', action='store_true', default=argparse.SUPPRESS, help='as a JSON list'
    )


def run(args: argparse.Namespace) -> int:
    """Print every voice; damaged ones go to standard error, and then the result is 1."""
    from gptsovits_ros.voice.store import VoiceStore

    store = VoiceStore(args.voice_root, args.model_root)
    found, damaged = [], False
    default = store.default
    for name in store.names():
        try:
            voice = store.voice(name)
        except VoiceInvalidError as error:
            damaged = True
            report(error)
            continue
        found.append(
            {
                'name': name,
                'languages': list(voice.languages),
                'version': voice.model_version,
                'sample_rate': voice.sample_rate,
                'default': name == default,
                'bundled': store.is_bundled(name),
                'description': voice.description,
            }
        )
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        _print_table(found, str(store.voice_root))
    return FAILED if damaged else 0


def _print_table(voices: list[dict], folder: str) -> None:
    """Print one line per voice; the default one and bundled ones are marked."""
    if not voices:
        print(f'no voices in {folder}')
    for voice in voices:
        mark = '*' if voice['default'] else ' '
        print(
            f'{mark} {voice["name"]:20} {",".join(voice["languages"]):12} '
            f'{voice["version"]:10} {voice["sample_rate"]:6d} Hz  '
            f'{"bundled  " if voice["bundled"] else ""}{voice["description"]}'
        )
