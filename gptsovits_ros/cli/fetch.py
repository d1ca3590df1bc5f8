"""`gptsovits_ros fetch`: download the official models."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from gptsovits_ros.official_models import (
    G2PW,
    LANGUAGE_IDENTIFIER,
    OFFICIAL_FILES,
    REVISION,
    VERSIONS,
    ModelFile,
    files_for,
)

if TYPE_CHECKING:
    from gptsovits_ros.fetch import Fetcher, Progress

NAME = 'fetch'
HELP = 'download the official models (once, then all works offline)'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        '--version',
        dest='model_version',
        choices=VERSIONS,
        default='v2',
        metavar='VERSION',
        help=f'model version: {", ".join(VERSIONS)} (default: %(default)s)',
    )
    parser.add_argument(
        '--training', action='store_true', help='also what fine-tuning needs (discriminators)'
    )
    parser.add_argument(
        '--language-id',
        action='store_true',
        help='also the larger model that tells languages apart in mixed text (131 MB)',
    )
    parser.add_argument(
        '--g2pw',
        action='store_true',
        help='also the network that knows which reading a Chinese character has where it stands '
        '(589 MB; needs the extra g2pw)',
    )
    parser.add_argument(
        '--model-root',
        default='',
        metavar='FOLDER',
        help='download into this folder (default: $XDG_DATA_HOME/gptsovits_ros/models)',
    )
    parser.add_argument(
        '--endpoint',
        metavar='URL',
        help='server or mirror (default: $HF_ENDPOINT, else https://huggingface.co)',
    )
    parser.add_argument(
        '--revision',
        default=REVISION,
        help='commit or branch of the repository (default: the one of the checksums)',
    )
    parser.add_argument('--json', action='store_true', help='progress as one JSON object per line')
    what = parser.add_mutually_exclusive_group()
    what.add_argument('--list', action='store_true', help='only list the files')
    what.add_argument(
        '--verify', action='store_true', help='only check the files that are there (offline)'
    )


def run(args: argparse.Namespace) -> int:
    """Download, list or verify; 1 if a verified file is missing or damaged."""
    from gptsovits_ros.voice.store import VoiceStore

    root = VoiceStore(model_root=args.model_root).model_root
    files = files_for(args.model_version, args.training)
    if args.language_id:
        files = (*files, LANGUAGE_IDENTIFIER)
    if args.list:
        return _list(root)
    from gptsovits_ros.fetch import ENDPOINT, Fetcher
    from gptsovits_ros.fetch_archive import fetch_archive

    show, close = _json_lines() if args.json else _bars()
    fetcher = Fetcher(
        root,
        endpoint=args.endpoint or os.environ.get('HF_ENDPOINT') or ENDPOINT,
        revision=args.revision,
        on_progress=show,
    )
    if args.verify:
        return _verify(fetcher, (*files, *G2PW.members) if args.g2pw else files)
    try:
        fetcher.fetch(files)
        if args.g2pw:
            fetch_archive(fetcher, G2PW)
    finally:
        close()
    if not args.json:
        print(f'{len(files)} files for {args.model_version} are in {root}')
    return 0


def _list(root: Path) -> int:
    """Print every known file, and whether it is there."""
    for file in (*OFFICIAL_FILES, LANGUAGE_IDENTIFIER, G2PW.file):
        paths = [member.path for member in G2PW.members] if file is G2PW.file else [file.path]
        there = 'present' if all((root / path).is_file() for path in paths) else 'missing'
        print(
            f'{there}  {file.size / 1e6:7.1f} MB  {",".join(file.versions):31}  '
            f'{file.path}  ({file.purpose}{"; training" if file.training else ""})'
        )
    return 0


def _verify(fetcher: Fetcher, files: Sequence[ModelFile]) -> int:
    """Print the state of each file; 1 if one is missing or damaged."""
    from gptsovits_ros.fetch import DAMAGED, MISSING

    states = []
    for file, state in fetcher.verify(files):
        states.append(state)
        print(f'{state:8} {file.path}', flush=True)
    return 1 if MISSING in states or DAMAGED in states else 0


def _json_lines() -> tuple[Callable[[Progress], None], Callable[[], None]]:
    """Return a function that prints progress as JSON, and one that ends it."""
    return lambda progress: print(json.dumps(asdict(progress)), flush=True), lambda: None


def _bars() -> tuple[Callable[[Progress], None], Callable[[], None]]:
    """Return a function that shows progress as one bar per file, and one that ends it."""
    from tqdm import tqdm

    bars: dict[str, tqdm] = {}

    def show(progress: Progress) -> None:
        bar = bars.get(progress.path)
        if bar is None:
            bar = bars[progress.path] = tqdm(
                unit='B', unit_scale=True, desc=Path(progress.path).name, file=sys.stderr
            )
        bar.total = progress.total
        bar.set_postfix_str(progress.note or progress.state, refresh=False)
        bar.update(progress.done - bar.n)

    def close() -> None:
        for bar in bars.values():
            bar.close()

    return show, close
