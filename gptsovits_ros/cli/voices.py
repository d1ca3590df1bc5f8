"""`gptsovits_ros voices`: list the voices of a folder."""

from __future__ import annotations

import argparse
import json

from gptsovits_ros.cli import FAILED, add_roots, report
from gptsovits_ros.errors import VoiceInvalidError

NAME = 'voices'
HELP = 'list the voices'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--json', action='store_true', help='as a JSON list')
    add_roots(parser)


def run(args: argparse.Namespace) -> int:
    """Print every voice; damaged ones go to standard error, and then the result is 1."""
    from gptsovits_ros.voice.store import VoiceStore

    store = VoiceStore(args.voice_root, args.model_root)
    names = store.names()
    found, damaged = [], False
    for name in names:
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
                'default': name == names[0],
                'description': voice.description,
            }
        )
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        _print_table(found, str(store.voice_root))
    return FAILED if damaged else 0


def _print_table(voices: list[dict], folder: str) -> None:
    """Print one line per voice; the default one is marked."""
    if not voices:
        print(f'no voices in {folder}')
    for voice in voices:
        mark = '*' if voice['default'] else ' '
        print(
            f'{mark} {voice["name"]:20} {",".join(voice["languages"]):12} '
            f'{voice["version"]:10} {voice["sample_rate"]:6d} Hz  {voice["description"]}'
        )
