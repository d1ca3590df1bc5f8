"""`gptsovits_ros voices enroll`: recordings of a person become a voice."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from gptsovits_ros.cli.voices.changing import add_cache_root

if TYPE_CHECKING:
    from gptsovits_ros.voice.enroll.report import EnrolmentReport, PieceReport

EPILOG = (
    'Give 6 to 60 s of one person who speaks alone, close to the microphone, in a quiet room. '
    'What is not good enough is refused with what to do, and then nothing is stored.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('name', metavar='NAME', help='of the new voice')
    parser.add_argument('clips', nargs='+', metavar='CLIP', help='recording (WAV, FLAC, OGG, MP3)')
    parser.add_argument(
        '--lang',
        required=True,
        metavar='LANG',
        help='language of the recordings: zh, en, ja, ko, yue, or other',
    )
    parser.add_argument(
        '--transcript', default='', metavar='TEXT', help='what is said in all of them, exactly'
    )
    parser.add_argument(
        '--consent',
        required=True,
        metavar='"WHO, WHEN, FOR WHAT"',
        help='who agreed to be copied, on which day (as 2026-05-17), and for what',
    )
    parser.add_argument('--description', default='', metavar='TEXT', help='one line for people')
    parser.add_argument(
        '--base',
        default='',
        metavar='VOICE',
        help='voice whose models it speaks with (default: the default voice)',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace a voice of that name')
    parser.add_argument(
        '--denoise', action='store_true', help='take noise out first (docs/enrolment.md)'
    )
    parser.add_argument(
        '--keep',
        choices=('clips', 'embeddings'),
        default='clips',
        help='what stays of the recordings: the chosen clips, or only what the models take from '
        'them (default: %(default)s)',
    )
    add_cache_root(parser)
    parser.add_argument(
        '--json', action='store_true', default=argparse.SUPPRESS, help='the report as JSON'
    )


def run(args: argparse.Namespace) -> int:
    """Make the voice and print what was found in the recordings."""
    from gptsovits_ros.engine.engine import Engine
    from gptsovits_ros.engine.enrolment import EMBEDDINGS, KEEP, EnrolmentRequest
    from gptsovits_ros.settings import EngineSettings
    from gptsovits_ros.voice.consent import Consent
    from gptsovits_ros.voice.enroll.decode import Clip

    consent = Consent.parse(args.consent)
    settings = EngineSettings(
        voice_root=args.voice_root,
        model_root=args.model_root,
        cache='off',
        cache_root=args.cache_root,
    )
    report = Engine.open(settings).enroll(
        EnrolmentRequest(
            name=args.name,
            language=args.lang,
            clips=tuple(map(Clip.file, args.clips)),
            consent=consent,
            transcript=args.transcript,
            description=args.description,
            base=args.base,
            overwrite=args.overwrite,
            denoise=args.denoise,
            retention=EMBEDDINGS if args.keep == 'embeddings' else KEEP,
        )
    )
    if args.json:
        print(json.dumps(report.tree(), ensure_ascii=False, indent=1))
    else:
        _print_report(report)
    return 0


def _print_report(report: EnrolmentReport) -> None:
    quality = report.quality
    print(
        f'{report.name}: enrolled in {report.seconds:.1f} s, score {quality.score:.2f}, with the '
        f'models of {report.base}'
    )
    print(f'  {"speech":12} {quality.speech_s:.1f} s in {quality.duration_s:.1f} s of recordings')
    print(f'  {"prompt":12} {_in_words(quality.prompt)}')
    for piece in quality.references:
        print(f'  {"reference":12} {_in_words(piece)}')
    if quality.agreement is not None:
        print(f'  {"one voice":12} likeness {quality.agreement:.2f}')
    print(f'  {"text":12} {quality.text or "unknown"} ({quality.text_source})')
    for note in quality.notes:
        print(f'  {"note":12} {note}')


def _in_words(piece: PieceReport) -> str:
    found = piece.quality
    return (
        f'{piece.clip} {piece.start_s:.1f}-{piece.end_s:.1f} s, score {piece.score:.2f}: noise '
        f'{found.snr_db:.0f} dB below, {found.loudness_lufs:.0f} LUFS, up to '
        f'{found.bandwidth_hz:.0f} Hz, {100 * found.clipped_share:.2f} % clipped'
    )
