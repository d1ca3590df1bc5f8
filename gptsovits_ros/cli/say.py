"""`gptsovits_ros say`: speak a text, or a file of texts, into WAV files."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gptsovits_ros.cli import FAILED, UsageError, add_roots, report
from gptsovits_ros.errors import ConfigurationError, GptsovitsError, TextInvalidError

if TYPE_CHECKING:
    from gptsovits_ros.engine.engine import Engine
    from gptsovits_ros.settings import EngineSettings
    from gptsovits_ros.types import AudioChunk, SpeechRequest

NAME = 'say'
HELP = 'speak a text, or a file of texts, into WAV files'
MAX_FILE_BYTES = 16 * 1024 * 1024
# Letters and digits of any script; without separator and leading dot the file stays in its folder.
SAFE_NAME = re.compile(r'\w[\w .-]{0,99}')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from gptsovits_ros.settings import PRECISIONS
    from gptsovits_ros.types import LANGUAGES, SPLIT_METHODS, SpeechRequest

    defaults = SpeechRequest('')
    parser.add_argument('text', nargs='?', help='what to say; - reads it from standard input')
    parser.add_argument('-o', '--output', type=Path, metavar='WAV', help='file to write')
    parser.add_argument(
        '--file',
        metavar='TSV',
        help='say many: lines of NAME<TAB>TEXT become NAME.wav; - reads standard input',
    )
    parser.add_argument('--out-dir', type=Path, metavar='FOLDER', help='where --file writes to')
    parser.add_argument(
        '--voice',
        default='',
        metavar='NAME|FOLDER',
        help='name in the voice folder, or the folder of a voice (with a slash: ./anna); '
        'default: that of `gptsovits_ros voices default`',
    )
    parser.add_argument(
        '--lang', default=defaults.language, choices=LANGUAGES, help='default: %(default)s'
    )
    parser.add_argument(
        '--speed', type=float, default=defaults.speed, help='speaking rate (default: %(default)s)'
    )
    parser.add_argument('--seed', type=int, help='same seed, same audio (default: a new one)')
    parser.add_argument(
        '--split',
        default=defaults.split_method,
        choices=SPLIT_METHODS,
        help='how the text is cut (default: %(default)s)',
    )
    parser.add_argument(
        '--lexicon',
        default='',
        metavar='YAML',
        help='pronunciations, besides those of the voice (docs/pronunciation.md)',
    )
    parser.add_argument(
        '--upstream-compatible',
        action='store_true',
        help='read exactly as the official program does',
    )
    parser.add_argument(
        '--watermark', action='store_true', help='add an inaudible mark (docs/security.md)'
    )
    parser.add_argument(
        '--pause',
        type=float,
        default=defaults.pause_s,
        metavar='S',
        help='silence after each piece of text [s] (default: %(default)s)',
    )
    parser.add_argument(
        '--noise-scale', type=float, default=defaults.noise_scale, help='default: %(default)s'
    )
    parser.add_argument(
        '--sample-steps',
        type=int,
        default=defaults.sample_steps,
        metavar='N',
        help='steps in which v3 and v4 draw their sound (default: %(default)s)',
    )
    parser.add_argument(
        '--guard-retries',
        type=int,
        default=defaults.guard_retries,
        metavar='N',
        help='how often a piece that came out wrong is drawn again; 0: nothing is checked '
        '(default: %(default)s)',
    )
    parser.add_argument(
        '--marks',
        action='store_true',
        help='print when words, phonemes and shapes of the mouth begin, as lines of '
        'START_S<TAB>DURATION_S<TAB>KIND<TAB>TEXT (docs/marks.md)',
    )
    sampling = defaults.sampling
    parser.add_argument('--top-k', type=int, default=sampling.top_k, help='default: %(default)s')
    parser.add_argument('--top-p', type=float, default=sampling.top_p, help='default: %(default)s')
    parser.add_argument(
        '--temperature', type=float, default=sampling.temperature, help='default: %(default)s'
    )
    parser.add_argument(
        '--repetition-penalty',
        type=float,
        default=sampling.repetition_penalty,
        help='default: %(default)s',
    )
    parser.add_argument('--device', default='auto', help='auto, cpu or cuda:<n>')
    parser.add_argument(
        '--threads', type=int, default=0, help='CPU threads; 0: half of the cores, at most 4'
    )
    parser.add_argument(
        '--precision',
        default='auto',
        choices=PRECISIONS,
        help='number format of the models (default: the quickest that is close to float32)',
    )
    add_roots(parser)


def load_engine(settings: EngineSettings) -> Engine:
    """Load the models; imports torch."""
    from gptsovits_ros.engine.engine import Engine

    return Engine.load(settings)


def run(
    args: argparse.Namespace,
    load_engine: Callable[[EngineSettings], Engine] = load_engine,
) -> int:
    """Speak; 1 if a line of --file could not be spoken.

    Raises:
        UsageError: if the arguments do not go together.
        GptsovitsError: if the one text cannot be spoken, or the engine cannot be loaded.

    """
    if (args.text is None) == (args.file is None):
        raise UsageError('give either a text or --file')
    if args.file is None:
        if args.output is None or args.out_dir is not None:
            raise UsageError('a text needs -o WAV')
        return _say_one(args, load_engine)
    if args.marks:
        raise UsageError('--marks goes with one text, not with --file')
    if args.out_dir is None or args.output is not None:
        raise UsageError('--file needs --out-dir FOLDER')
    return _say_file(args, load_engine)


@dataclass(frozen=True)
class _Line:
    """One line of a file of texts: its number, and either name and text or a problem."""

    number: int
    name: str = ''
    text: str = ''
    problem: str = ''


def _say_one(args: argparse.Namespace, load_engine: Callable[[EngineSettings], Engine]) -> int:
    """Speak one text into one file; what is wrong with the request is told before models load."""
    from gptsovits_ros.types import check_request

    if not args.output.absolute().parent.is_dir():
        raise ConfigurationError(f'{args.output} cannot be written: its folder does not exist')
    text = _decode(read_texts('-'), 'standard input') if args.text == '-' else args.text
    settings, request = _settings(args), _request(args, text)
    check_request(request, settings.max_text_length)
    engine = load_engine(settings)
    print(f'{args.output}: {_speak(engine, request, args.output)}')
    return 0


def _say_file(args: argparse.Namespace, load_engine: Callable[[EngineSettings], Engine]) -> int:
    """Speak every line of a file; a line that fails is reported and the rest goes on."""
    lines = list(_parse(read_texts(args.file)))
    args.out_dir.mkdir(parents=True, exist_ok=True)
    engine = load_engine(_settings(args))
    failed = 0
    for position, line in enumerate(lines, 1):
        progress = f'[{position}/{len(lines)}] line {line.number}'
        try:
            if line.problem:
                raise TextInvalidError(line.problem)
            path = args.out_dir / f'{line.name}.wav'
            made = _speak(engine, _request(args, line.text), path)
            print(f'{progress}: {path.name}: {made}', file=sys.stderr)
        except (GptsovitsError, OSError) as error:
            failed += 1
            print(f'{progress}: failed', file=sys.stderr)
            report(error)
    print(f'{len(lines) - failed} of {len(lines)} texts are in {args.out_dir}')
    return FAILED if failed else 0


def _speak(engine: Engine, request: SpeechRequest, path: Path) -> str:
    """Write the audio of a request into a file and say how long it is and how long it took."""
    import numpy as np

    from gptsovits_ros.audio.files import SyntheticLabel, write_wav

    start = time.monotonic()
    chunks = list(engine.synthesize(request))
    if not chunks:
        raise TextInvalidError('the text holds nothing that can be spoken')
    _print_marks(chunks)
    samples = np.concatenate([chunk.samples for chunk in chunks])
    write_wav(path, samples, chunks[0].sample_rate, SyntheticLabel(engine.default_voice))
    took = time.monotonic() - start
    made = f'{sum(chunk.duration_s for chunk in chunks):.2f} s of speech, made in {took:.2f} s'
    guard = ', '.join(report for chunk in chunks for report in chunk.guard)
    return f'{made} (guard: {guard})' if guard else made


def _print_marks(chunks: list[AudioChunk]) -> None:
    """Print the marks of an utterance, if it has any; times count from its start."""
    start_s = 0.0
    for chunk in chunks:
        for mark in chunk.marks:
            times = f'{start_s + mark.start_s:.3f}\t{mark.duration_s:.3f}'
            print(f'{times}\t{mark.kind}\t{mark.text}')
        start_s += chunk.duration_s


def _settings(args: argparse.Namespace) -> EngineSettings:
    """Return the settings of the engine; a folder as voice becomes voice root and name."""
    from gptsovits_ros.settings import EngineSettings

    voice_root, voice = args.voice_root, args.voice
    if '/' in voice:
        folder = Path(voice).resolve()
        voice_root, voice = str(folder.parent), folder.name
    return EngineSettings(
        voice_root=voice_root,
        model_root=args.model_root,
        default_voice=voice,
        device=args.device,
        threads=args.threads,
        precision=args.precision,
        upstream_compatible=args.upstream_compatible,
        watermark=args.watermark,
        lexicon=args.lexicon,
    )


def _request(args: argparse.Namespace, text: str) -> SpeechRequest:
    """Return the request for a text; ranges are checked by the engine."""
    from gptsovits_ros.types import SamplingParameters, SpeechRequest

    return SpeechRequest(
        text,
        language=args.lang,
        speed=args.speed,
        seed=args.seed,
        split_method=args.split,
        pause_s=args.pause,
        noise_scale=args.noise_scale,
        sample_steps=args.sample_steps,
        guard_retries=args.guard_retries,
        # Nobody waits for the start of a file, and a whole segment can be judged as a whole.
        stream=False,
        marks=args.marks,
        sampling=SamplingParameters(
            top_k=args.top_k,
            top_p=args.top_p,
            temperature=args.temperature,
            repetition_penalty=args.repetition_penalty,
        ),
    )


def read_texts(name: str) -> bytes:
    """Return the content of a file of texts, or of standard input."""
    if name == '-':
        data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    else:
        with open(name, 'rb') as file:
            data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise TextInvalidError(f'{name} is larger than {MAX_FILE_BYTES} bytes; cut it in pieces')
    return data


def _parse(data: bytes) -> Iterator[_Line]:
    """Yield the lines that are not blank; wrong ones with their problem."""
    names = set()
    for number, raw in enumerate(data.removeprefix(b'\xef\xbb\xbf').splitlines(), 1):
        try:
            line = _decode(raw, f'line {number}')
        except TextInvalidError as error:
            yield _Line(number, problem=str(error))
            continue
        if not line.strip():
            continue
        name, tab, text = line.partition('\t')
        if not tab:
            yield _Line(number, problem='a line must be NAME<TAB>TEXT, but there is no tab')
        elif not SAFE_NAME.fullmatch(name):
            yield _Line(
                number,
                problem=f'{name!r} cannot be a file name here; use letters, '
                'digits, "_", "-", "." and spaces, at most 100',
            )
        elif name in names:
            yield _Line(number, problem=f'{name!r} occurs twice')
        else:
            names.add(name)
            yield _Line(number, name, text)


def _decode(data: bytes, where: str) -> str:
    try:
        return data.decode('utf-8')
    except UnicodeDecodeError as error:
        raise TextInvalidError(f'{where} is not valid UTF-8 (byte {error.start})') from error
