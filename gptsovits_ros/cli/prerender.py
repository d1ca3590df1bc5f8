"""`gptsovits_ros prerender`: make phrases before they are needed (docs/phrases.md)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gptsovits_ros.cli import FAILED, report_error
from gptsovits_ros.cli.node_parameters import add_parameters, read_parameters
from gptsovits_ros.cli.say import load_engine, read_texts
from gptsovits_ros.errors import GptsovitsError, TextInvalidError

if TYPE_CHECKING:
    from gptsovits_ros.engine.engine import Engine
    from gptsovits_ros.engine.phrase_cache import PhraseCache
    from gptsovits_ros.ros.parameters import Parameters
    from gptsovits_ros.settings import EngineSettings
    from gptsovits_ros.types import SpeechRequest
    from gptsovits_ros.voice.store import Voice

NAME = 'prerender'
HELP = 'make phrases before they are needed, so that a robot says them at once'
# How often a phrase without a seed is drawn before the guard's verdict is final.
DRAWS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'phrases', metavar='FILE', help='text file with one phrase per line; - is standard input'
    )
    parser.add_argument('--voice', metavar='NAME', help='as the parameter `voice`')
    parser.add_argument('--language', metavar='L', help='as the parameter `language`')
    add_parameters(parser)
    parser.add_argument(
        '--again', action='store_true', help='make also those anew that are there already'
    )
    parser.add_argument(
        '--prune', action='store_true', help='then remove the phrases of the voice not in FILE'
    )


def run(
    args: argparse.Namespace,
    load_engine: Callable[[EngineSettings], Engine] = load_engine,
) -> int:
    """Make the phrases that are missing; 1 if one of them could not be made.

    Raises:
        UsageError: a parameter is not written as NAME:=VALUE.
        GptsovitsError: a parameter, the voice or the engine cannot be used.

    """
    from gptsovits_ros.engine.phrase_cache import PhraseCache
    from gptsovits_ros.voice.store import VoiceStore

    values = {name: getattr(args, name) for name in ('voice', 'language')}
    parameters = read_parameters(args, **values)
    phrases = list(_read(args.phrases))
    settings = parameters.engine_settings
    store = VoiceStore(settings.voice_root, settings.model_root)
    cache = PhraseCache(settings)
    # Without a voice at all the store tells what to do.
    voice = store.voice(parameters.voice or store.default)
    cache.prepare(voice)
    # The engine must not take phrases from the cache that is being filled.
    work = _Work(parameters, cache, voice, lambda: load_engine(replace(settings, cache='off')))
    counts = work.do(phrases, args.again)
    _print_summary(counts, cache, voice)
    if args.prune:
        wanted = [work.request(phrase.text) for phrase in phrases]
        print(f'{cache.prune(voice, wanted)} other phrases of "{voice.name}" were removed')
    return FAILED if counts.failed else 0


@dataclass(frozen=True)
class _Phrase:
    """One line of the file."""

    line: int
    text: str


@dataclass
class _Counts:
    """What became of the phrases."""

    made: int = 0
    present: int = 0
    failed: int = 0


class _Work:
    """Makes the phrases of a file in one voice; the engine is loaded if there is one to make."""

    def __init__(
        self,
        parameters: Parameters,
        cache: PhraseCache,
        voice: Voice,
        load_engine: Callable[[], Engine],
    ) -> None:
        self._parameters = parameters
        self._cache = cache
        self._voice = voice
        self._load_engine = load_engine

    def request(self, text: str) -> SpeechRequest:
        """Return the request that the node makes of a text on `say`."""
        from gptsovits_ros.ros.requests import request_from_text

        return request_from_text(text, self._parameters)

    def do(self, phrases: list[_Phrase], again: bool) -> _Counts:
        """Make what is missing, or everything again; tell of each that fails, and go on."""
        from tqdm import tqdm

        counts, engine = _Counts(), None
        with tqdm(phrases, unit='phrase', file=sys.stderr, disable=None) as bar:
            for phrase in bar:
                request = self.request(phrase.text)
                if not again and self._cache.is_prerendered(request, self._voice):
                    counts.present += 1
                    continue
                if engine is None:
                    engine = self._load_engine()
                try:
                    self._make(engine, request)
                    counts.made += 1
                except (GptsovitsError, OSError) as error:
                    counts.failed += 1
                    name = error.name if isinstance(error, GptsovitsError) else 'SYSTEM'
                    with bar.external_write_mode(file=sys.stderr):
                        report_error(name, f'line {phrase.line}: {error}')
        return counts

    def _make(self, engine: Engine, request: SpeechRequest) -> None:
        """Make one phrase; without a seed it is drawn anew as long as the guard hears a fault.

        Raises:
            GptsovitsError: it cannot be spoken, or there is no room for it.
            OSError: it cannot be written.

        """
        from gptsovits_ros.engine.phrase_cache import faults
        from gptsovits_ros.ros.requests import check_request

        check_request(request, self._parameters.speech_max_text_length)
        # There is time for the guard to judge each segment whole, also if the node will ask for a
        # stream.
        whole = replace(request, stream=False, marks=True)
        for _ in range(DRAWS):
            chunks = list(engine.synthesize(whole))
            found = faults(chunks)
            # With a seed it is what the robot would say without the cache as well.
            if not found or request.seed is not None:
                self._cache.add(request, self._voice, chunks)
                return
        raise TextInvalidError(
            f'it came out wrong {DRAWS} times ({", ".join(found)}) and was not kept; run this '
            'again, or write the phrase in another way'
        )


def _read(name: str) -> Iterator[_Phrase]:
    """Yield the lines of a file that hold a phrase; those with a # in front are notes."""
    try:
        lines = read_texts(name).decode('utf-8-sig').splitlines()
    except UnicodeDecodeError as error:
        raise TextInvalidError(f'{name} is not valid UTF-8 (byte {error.start})') from error
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith('#'):
            yield _Phrase(number, line.strip())


def _print_summary(counts: _Counts, cache: PhraseCache, voice: Voice) -> None:
    print(
        f'{counts.made + counts.present} phrases of "{voice.name}" are in {cache.folder}: '
        f'{counts.made} made now, {counts.present} there already, {counts.failed} failed'
    )
