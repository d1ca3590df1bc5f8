"""`gptsovits_ros watermark`: tell whether recordings hold the mark of speech made here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gptsovits_ros.cli import FAILED, report
from gptsovits_ros.errors import GptsovitsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gptsovits_ros.audio.watermark import Watermark

NAME = 'watermark'
HELP = 'tell whether audio files hold the mark of speech that was made with engine.watermark'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('files', nargs='+', type=Path, metavar='FILE', help='WAV, FLAC, OGG, MP3')


def load_watermark() -> Watermark:
    """Load the networks; imports torch."""
    from gptsovits_ros.engine.watermark_weights import load_watermark

    return load_watermark()


def run(args: argparse.Namespace, load_watermark: Callable[[], Watermark] = load_watermark) -> int:
    """Print a line per file; 0 if all hold the mark, 1 if one does not or cannot be read."""
    from gptsovits_ros.audio.files import read_audio
    from gptsovits_ros.audio.watermark import THRESHOLD

    watermark = load_watermark()
    exit_code = 0
    for path in args.files:
        try:
            audio = read_audio(path)
            score = watermark.score(audio.mono, audio.sample_rate)
        except GptsovitsError as error:
            exit_code = report(error)
            continue
        is_marked = score >= THRESHOLD
        print(f'{path}: {"marked" if is_marked else "no mark found"} (score {score:.2f})')
        exit_code = exit_code if is_marked else FAILED
    return exit_code
