"""`gptsovits_ros voices show`: all about one voice."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gptsovits_ros.cli import FAILED

if TYPE_CHECKING:
    from gptsovits_ros.voice.store import VoiceStore

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
    from gptsovits_ros.voice.store import VoiceStore

    store = VoiceStore(args.voice_root, args.model_root)
    found = describe(store, args.name)
    if args.check:
        found['changed'] = store.changed_files(args.name)
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        for key, value in found.items():
            print(f'{key.replace("_", " "):16} {_in_words(value)}')
    return FAILED if found.get('changed') else 0


def describe(store: VoiceStore, name: str) -> dict[str, Any]:
    """Return all about a voice in plain values, for people and programs.

    Raises:
        VoiceNotFoundError, VoiceInvalidError: there is no such voice, or it is damaged.

    """
    voice = store.voice(name)
    return {
        'name': voice.name,
        'description': voice.description,
        'languages': list(voice.languages),
        'version': voice.model_version,
        'sample_rate': voice.sample_rate,
        'default': store.default == name,
        'bundled': store.is_bundled(name),
        'prompt_text': voice.prompt_text,
        'prompt_language': voice.prompt_language,
        'recordings': len(voice.clips),
        'conditions_kept': voice.conditions is not None,
        'base': voice.base,
        'used_by': store.dependants(name),
        'consent': asdict(voice.consent) if voice.consent else None,
        'models': [str(path) for path in voice.models],
        'folder': str(voice.folder),
        'megabytes': round(voice.size_bytes / 1e6, 1),
    }


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, list):
        return ', '.join(map(str, value)) or 'none'
    if isinstance(value, dict):
        return '; '.join(f'{key.replace("_", " ")}: {text}' for key, text in value.items() if text)
    return 'none' if value in ('', None) else str(value)
