"""`gptsovits_ros prerender`: make phrases before they are needed (docs/phrases.md)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gptsovits_ros.cli import FAILED, UsageError, report_error
from gptsovits_ros.cli.node_parameters import add_parameters, read_parameters
from gptsovits_ros.cli.say import load_engine, read_texts
from gptsovits_ros.errors import GptsovitsError, TextInvalidError

if TYPE_CHECKING:
    from gptsovits_ros.engine.engine import Engine
    from gptsovits_ros.engine.phrase_cache import PhraseCache
    from gptsovits_ros.engine.read_back import ReadBack, Understood
    from gptsovits_ros.ros.parameters import Parameters
    from gptsovits_ros.settings import EngineSettings
    from gptsovits_ros.types import AudioChunk, SpeechRequest
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
        '--takes',
        type=int,
        default=1,
        metavar='N',
        help='say each phrase up to N times, let whisper listen, and keep the take that it '
        'understands best (default: 1, and nobody listens)',
    )
    parser.add_argument(
        '--prune', action='store_true', help='then remove the phrases of the voice not in FILE'
    )


def find_listener(settings: EngineSettings, model_root: Path) -> ReadBack:
    """Return what listens to takes; raises as `ReadBack.find`."""
    from gptsovits_ros.engine.read_back import ReadBack

    return ReadBack.find(settings, model_root)


def run(
    args: argparse.Namespace,
    load_engine: Callable[[EngineSettings], Engine] = load_engine,
    find_listener: Callable[[EngineSettings, Path], ReadBack] = find_listener,
) -> int:
    """Make the phrases that are missing; 1 if one of them could not be made.

    Raises:
        UsageError: a parameter is not written as NAME:=VALUE; several takes of one seed.
        GptsovitsError: a parameter, the voice or the engine cannot be used.

    """
    from gptsovits_ros.engine.phrase_cache import PhraseCache
    from gptsovits_ros.voice.store import VoiceStore

    values = {name: getattr(args, name) for name in ('voice', 'language')}
    parameters = read_parameters(args, **values)
    takes = _takes(args.takes, parameters)
    phrases = list(_read(args.phrases))
    settings = parameters.engine_settings
    store = VoiceStore(settings.voice_root, settings.model_root)
    cache = PhraseCache(settings)
    # Without a voice at all the store tells what to do.
    voice = store.voice(parameters.voice or store.default)
    cache.prepare(voice)

    def load() -> tuple[Engine, ReadBack | None]:
        listener = find_listener(settings, store.model_root) if takes > 1 else None
        # The engine must not take phrases from the cache that is being filled.
        return load_engine(replace(settings, cache='off')), listener

    work = _Work(parameters, cache, voice, takes, load)
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
    """What became of the phrases; those that were made are not all understood."""

    made: int = 0
    present: int = 0
    failed: int = 0
    not_understood: int = 0


@dataclass(frozen=True)
class _Take:
    """A phrase as it was said once, and what was understood of it; None: nobody listened."""

    chunks: list[AudioChunk]
    understood: Understood | None

    @property
    def errors(self) -> int:
        """How much of it was not understood."""
        return 0 if self.understood is None else self.understood.errors


class _Work:
    """Makes the phrases of a file in one voice; models are loaded if there is one to make."""

    def __init__(
        self,
        parameters: Parameters,
        cache: PhraseCache,
        voice: Voice,
        takes: int,
        load: Callable[[], tuple[Engine, ReadBack | None]],
    ) -> None:
        self._parameters = parameters
        self._cache = cache
        self._voice = voice
        self._takes = takes
        self._load = load
        self._engine: Engine | None = None
        self._listener: ReadBack | None = None

    def request(self, text: str) -> SpeechRequest:
        """Return the request that the node makes of a text on `say`."""
        from gptsovits_ros.ros.requests import request_from_text

        return request_from_text(text, self._parameters)

    def do(self, phrases: list[_Phrase], again: bool) -> _Counts:
        """Make what is missing, or everything again; tell of each that fails, and go on."""
        from tqdm import tqdm

        counts = _Counts()
        with tqdm(phrases, unit='phrase', file=sys.stderr, disable=None) as bar:
            for phrase in bar:
                request = self.request(phrase.text)
                if not again and self._cache.is_prerendered(request, self._voice):
                    counts.present += 1
                    continue
                if self._engine is None:
                    self._engine, self._listener = self._load()
                try:
                    take = self._made(request)
                    self._cache.add(request, self._voice, take.chunks)
                except (GptsovitsError, OSError) as error:
                    counts.failed += 1
                    name = error.name if isinstance(error, GptsovitsError) else 'SYSTEM'
                    with bar.external_write_mode(file=sys.stderr):
                        report_error(name, f'line {phrase.line}: {error}')
                    continue
                counts.made += 1
                if take.errors:
                    counts.not_understood += 1
                    with bar.external_write_mode(file=sys.stderr):
                        print(_misheard(phrase, take.understood), file=sys.stderr)
        return counts

    def _made(self, request: SpeechRequest) -> _Take:
        """Return a phrase; without a seed it is said anew while the guard hears a fault.

        Where somebody listens, it is said until all of it is understood, as often as is allowed.

        Raises:
            GptsovitsError: it cannot be spoken.

        """
        from gptsovits_ros.engine.phrase_cache import faults
        from gptsovits_ros.ros.requests import check_request

        check_request(request, self._parameters.speech_max_text_length)
        # There is time for the guard to judge each segment whole, also if the node will ask for a
        # stream.
        whole = replace(request, stream=False, marks=True)
        best, found, draws = None, [], 0
        while draws < self._takes or best is None and draws < DRAWS:
            draws += 1
            chunks = list(self._engine.synthesize(whole))
            found = faults(chunks)
            # With a seed it is what the robot would say without the cache as well.
            if found and request.seed is None:
                continue
            take = _Take(chunks, self._heard(chunks, whole))
            if best is None or take.errors < best.errors:
                best = take
            if not best.errors:
                break
        if best is None:
            raise TextInvalidError(
                f'it came out wrong {draws} times ({", ".join(found)}) and was not kept; run this '
                'again, or write the phrase in another way'
            )
        return best

    def _heard(self, chunks: list[AudioChunk], request: SpeechRequest) -> Understood | None:
        if self._listener is None:
            return None
        return self._listener.understood(chunks, request, self._voice)


def _takes(takes: int, parameters: Parameters) -> int:
    """Return how often a phrase may be said; raises UsageError for what makes no sense."""
    if takes < 1:
        raise UsageError(f'--takes {takes}: at least one is needed')
    if takes > 1 and parameters.speech_seed >= 0:
        raise UsageError(
            f'--takes {takes} with speech.seed {parameters.speech_seed}: all takes of a seed are '
            'alike; leave one of them out'
        )
    return takes


def _misheard(phrase: _Phrase, understood: Understood) -> str:
    return (
        f'line {phrase.line}: {understood.errors} of {understood.phonemes} phonemes were not '
        f'understood; heard "{understood.text}"'
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
    if counts.not_understood:
        print(
            f'{counts.not_understood} of those made now were not understood in full; more --takes '
            'or other words may help'
        )
    print(
        f'{counts.made + counts.present} phrases of "{voice.name}" are in {cache.folder}: '
        f'{counts.made} made now, {counts.present} there already, {counts.failed} failed'
    )
