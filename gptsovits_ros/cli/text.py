"""`gptsovits_ros text`: show what will be spoken, without speaking; no model is loaded."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from gptsovits_ros.cli import FAILED, UsageError, report
from gptsovits_ros.errors import GptsovitsError, TextInvalidError

if TYPE_CHECKING:
    from gptsovits_ros.text.frontend import TextFrontend

NAME = 'text'
HELP = 'show what will be spoken: words and phonemes'
MAX_LINE_BYTES = 256 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from gptsovits_ros.types import LANGUAGES, SPLIT_METHODS, SpeechRequest

    defaults = SpeechRequest('')
    parser.add_argument('text', nargs='?', help='what to read; - reads lines of standard input')
    parser.add_argument('--file', metavar='TXT', help='read its lines; - is standard input')
    parser.add_argument(
        '--lang', default=defaults.language, choices=LANGUAGES, help='default: %(default)s'
    )
    parser.add_argument(
        '--lexicon',
        action='append',
        default=[],
        metavar='YAML',
        help='pronunciations; given more than once, the first wins',
    )
    parser.add_argument(
        '--upstream-compatible',
        action='store_true',
        help='read exactly as the official program does',
    )
    parser.add_argument(
        '--symbols',
        default='v2',
        choices=('v1', 'v2'),
        help='phoneme table (default: %(default)s)',
    )
    parser.add_argument(
        '--split',
        default=defaults.split_method,
        choices=SPLIT_METHODS,
        help='how the text is cut (default: %(default)s)',
    )


def run(args: argparse.Namespace) -> int:
    """Print "spoken form<TAB>phonemes" for each line; 1 if one cannot be spoken.

    Raises:
        UsageError: if the arguments do not go together.
        GptsovitsError: if the lexicon is wrong, or the one text cannot be spoken.

    """
    from gptsovits_ros.text.frontend import TextFrontend
    from gptsovits_ros.text.user_lexicon import load_lexicon

    if (args.text is None) == (args.file is None):
        raise UsageError('give either a text or --file')
    lexicons = [load_lexicon(Path(name)) for name in args.lexicon]
    frontend = TextFrontend(args.symbols, args.upstream_compatible, lexicons)
    source = args.file or args.text
    if args.file is None and source != '-':
        print(_spoken(frontend, source, args))
        return 0
    failed = False
    for number, line in enumerate(_lines(source), 1):
        try:
            print(_spoken(frontend, _decoded(line), args), flush=True)
        except GptsovitsError as error:
            # The lines that come out stay as many as those that went in.
            print('\t', flush=True)
            print(f'line {number}: ', end='', file=sys.stderr)
            report(error)
            failed = True
    return FAILED if failed else 0


def _spoken(frontend: TextFrontend, text: str, args: argparse.Namespace) -> str:
    """Return the spoken form of a text, a tab, and its phonemes with spaces between them."""
    if not text.strip():
        return '\t'
    found = [frontend.read(segment) for segment in frontend.segments(text, args.lang, args.split)]
    if frontend.upstream_compatible:
        spoken = ' '.join(phonemes.norm_text for phonemes in found)
    else:
        spoken = frontend.spoken(text, args.lang)
    symbols = (symbol for phonemes in found for span in phonemes.spans for symbol in span.phonemes)
    return f'{" ".join(spoken.split())}\t{" ".join(symbols)}'


def _lines(source: str) -> Iterator[bytes]:
    if source == '-':
        yield from _limited(sys.stdin.buffer)
        return
    with open(source, 'rb') as file:
        yield from _limited(file)


def _limited(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file, none of which may be so long that it fills the memory."""
    while line := file.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise TextInvalidError(f'a line is longer than {MAX_LINE_BYTES} bytes; cut it')
        yield line


def _decoded(line: bytes) -> str:
    try:
        return line.decode('utf-8-sig').rstrip('\r\n')
    except UnicodeDecodeError as error:
        raise TextInvalidError(f'it is not valid UTF-8 (byte {error.start})') from error
