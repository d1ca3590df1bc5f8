"""`gptsovits_ros voices list`: the voices of a folder."""

from __future__ import annotations

import argparse
import json
from typing import Any

from gptsovits_ros.cli import FAILED, report
from gptsovits_ros.errors import VoiceInvalidError
from gptsovits_ros.types import VoiceInfo

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
    from gptsovits_ros.engine.description import voice_info
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
        found.append(listed(voice_info(voice, name == default), store.is_bundled(name)))
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        _print_table(found, str(store.voice_root))
    return FAILED if damaged else 0


def listed(info: VoiceInfo, bundled: bool) -> dict[str, Any]:
    """Return what is told of a voice in lists, in plain values."""
    return {
        'name': info.name,
        'languages': list(info.languages),
        'version': info.model_version,
        'sample_rate': info.sample_rate,
        'default': info.is_default,
        'bundled': bundled,
        'description': info.description,
    }


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
