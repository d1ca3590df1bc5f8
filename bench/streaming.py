"""What streaming costs: time for small pieces, and sound that is not that of the whole.

`python -m bench.streaming acoustic.pth` tells how long pieces of each size take, and with
`--corpus DIR` what the look-ahead is worth: clips of a corpus (docs/corpus.md) are decoded whole
and in pieces, with the same tokens and the same noise, and compared. Take a trained model for it.
`python -m bench.streaming --voice FOLDER` tells when the pieces of a sentence are there. Times are
CPU times of one thread: those of a machine with nothing else to do, as far as caches let them be.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bench.speech import SENTENCE
from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.acoustic.streaming import LOOKAHEAD_TOKENS, FrameNoise, SovitsStream
from gptsovits_ros.audio.files import load_reference_waveform
from gptsovits_ros.audio.spectrogram import MelConfig, magnitude_spectrogram, mel_spectrogram
from gptsovits_ros.checkpoint.load import load_acoustic
from gptsovits_ros.engine.chunk_plan import PaceMeter, stops
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.synthesis import SegmentSpeech
from gptsovits_ros.settings import PRECISIONS, EngineSettings
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.text.symbols import symbol_table
from gptsovits_ros.types import SpeechRequest

LOOKAHEADS = (2, 3, 4, 5, 6, 8, 12, 20, 30)
# Clips long enough to be cut in several pieces.
FEWEST_TOKENS = 60
# Tokens before a joint that are looked at by themselves.
NEAR_TOKENS = 2


@dataclass(frozen=True)
class Clip:
    """What a clip is decoded from: tokens [1, S], phonemes [1, P], style [1, C, 1]."""

    tokens: Tensor
    phoneme_ids: Tensor
    style: Tensor


@dataclass(frozen=True)
class Difference:
    """How two waveforms of one clip differ.

    Attributes:
        wave: RMS of the difference, relative to that of the whole.
        mel: mean difference of the log mel, all of it.
        joints: the same, for the tokens before each joint.
        step: largest second difference of the samples at a joint, relative to the largest within
            20 ms around it; a click is far above 1.

    """

    wave: float
    mel: float
    joints: float
    step: float


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        prog='python -m bench.streaming',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('model', type=Path, nargs='?', metavar='ACOUSTIC')
    parser.add_argument('--voice', type=Path, metavar='FOLDER')
    parser.add_argument('--precision', choices=PRECISIONS, default='auto')
    parser.add_argument('--runs', type=int, default=3, help='of --voice (default: 3)')
    parser.add_argument('--corpus', type=Path, metavar='DIR')
    parser.add_argument('--clips', type=int, default=20, help='of the corpus (default: 20)')
    args = parser.parse_args()
    if (args.model is None) == (args.voice is None):
        parser.error('give either an acoustic model or --voice')
    torch.set_num_threads(1)
    if args.voice is not None:
        _show(_sentence(args.voice, args.precision, args.runs))
        return 0
    model = load_acoustic(args.model, torch.device('cpu'))
    with torch.inference_mode():
        _show(_cost(model))
        if args.corpus is not None:
            _show(_worth(model, list(_clips(model, args.corpus, args.clips))))
    return 0


def _sentence(folder: Path, precision: str, runs: int) -> Iterator[str]:
    """Yield when the pieces of a sentence are there, streamed and whole."""
    settings = EngineSettings(
        voice_root=str(folder.parent),
        default_voice=folder.name,
        device='cpu',
        threads=1,
        precision=precision,
    )
    voice = Engine.load(settings).loaded_voice()
    phonemes = TextFrontend(voice.acoustic.symbols).phonemes(SENTENCE, 'zh')
    meter = PaceMeter(time.process_time)
    for seed, stream in [(0, True), *itertools.product(range(1, runs + 1), (True, False))]:
        request = SpeechRequest(SENTENCE, language='zh', stream=stream)
        start, came = time.process_time(), []
        speech = SegmentSpeech(voice, request, seed, 0, phonemes, meter, lambda: False)
        for piece in speech.pieces():
            length = len(piece.wave) / voice.acoustic.sample_rate
            came.append(f'{length:.2f} s at {time.process_time() - start:.2f}')
        if seed:
            yield f'{"streamed" if stream else "whole":<9} {", ".join(came)}'
    yield f'a token is drawn in {1000 * meter.pace.draw_s:.1f} ms'


def _show(lines: Iterator[str]) -> None:
    for line in lines:
        print(line, flush=True)
    print()


def _cost(model: Sovits) -> Iterator[str]:
    """Yield a table: the CPU time of pieces of each size, and of the whole."""
    config = model.config
    clip = Clip(
        torch.randint(config.codebook_size, (1, 104)),
        torch.randint(config.phoneme_vocab_size, (1, 60)),
        torch.randn(1, config.gin_channels, 1),
    )
    yield f'{"piece":<24} {"CPU ms":>8} {"ms per token":>13}'
    ends = [0, *_before(101)]
    for start, end in zip(ends, ends[1:], strict=False):
        took = _cpu_ms(lambda start=start, end=end: _piece(model, clip, start, end))
        yield f'tokens {start:>3} to {end:<10} {took:>8.0f} {took / (end - start):>13.1f}'
    for tokens in (25, 50, 100):
        took = _cpu_ms(lambda tokens=tokens: _at_once(model, clip, tokens))
        yield f'{tokens} tokens at once{"":<8} {took:>8.0f} {took / tokens:>13.1f}'


def _piece(model: Sovits, clip: Clip, start: int, end: int) -> Callable[[], Tensor]:
    """Return what makes one piece, after those before it were made."""
    stream = SovitsStream(model, clip.phoneme_ids, clip.style, noise=_noise(model))
    if start:
        stream.decode(clip.tokens[:, : start + LOOKAHEAD_TOKENS], start)
    return lambda: stream.decode(clip.tokens[:, : end + LOOKAHEAD_TOKENS], end)


def _at_once(model: Sovits, clip: Clip, tokens: int) -> Callable[[], Tensor]:
    return lambda: model.decode(clip.tokens[:, :tokens], clip.phoneme_ids, clip.style)


def _cpu_ms(prepare: Callable[[], Callable[[], Tensor]]) -> float:
    """Return the least CPU time of several runs of what `prepare` returns [ms]."""
    times = []
    for _ in range(4):
        action = prepare()
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return 1000 * min(times)


def _worth(model: Sovits, clips: list[Clip]) -> Iterator[str]:
    """Yield a table: how pieces differ from the whole, by look-ahead."""
    yield f'{len(clips)} clips          {"wave":>8} {"mel":>8} {"mel at joints":>14} {"step":>6}'
    seeds = [_compared(model, _whole(model, clip), _whole(model, clip, 2), []) for clip in clips]
    yield _line('other noise', seeds)
    for lookahead in LOOKAHEADS:
        found = []
        for clip in clips:
            ends = _before(clip.tokens.shape[-1] - lookahead)
            pieces = _pieces(model, clip, ends, lookahead)
            found.append(_compared(model, _whole(model, clip), pieces, ends))
        yield _line(f'{lookahead} tokens', found)


def _before(limit: int) -> list[int]:
    """Return the ends of pieces below a number of tokens."""
    return list(itertools.takewhile(lambda end: end < limit, stops()))


def _line(name: str, found: list[Difference]) -> str:
    mean = [statistics.fmean(getattr(one, key) for one in found) for key in ('wave', 'mel')]
    joints = [statistics.fmean(getattr(one, key) for one in found) for key in ('joints', 'step')]
    return f'{name:<18} {mean[0]:>8.3f} {mean[1]:>8.3f} {joints[0]:>14.3f} {joints[1]:>6.2f}'


def _compared(model: Sovits, whole: Tensor, other: Tensor, ends: list[int]) -> Difference:
    """Compare waveforms [T]; `ends` are tokens at which the other was joined."""
    config = model.config
    bands = MelConfig(config.spectrogram, 80, 0.0, config.sample_rate / 2)
    mel = (mel_spectrogram(other, bands) - mel_spectrogram(whole, bands)).abs()
    stride, token, near = config.token_stride, config.samples_per_token, config.sample_rate // 50
    bend = other.diff().diff().abs()
    joints = [mel[:, (end - NEAR_TOKENS) * stride : end * stride].mean().item() for end in ends]
    steps = [
        (
            bend[end * token - 2 : end * token + 1].max()
            / bend[end * token - near : end * token + near].max()
        ).item()
        for end in ends
    ]
    error = (other - whole).pow(2).mean().sqrt() / whole.pow(2).mean().sqrt()
    return Difference(
        error.item(),
        mel.mean().item(),
        statistics.fmean(joints) if joints else 0.0,
        max(steps, default=0.0),
    )


def _whole(model: Sovits, clip: Clip, seed: int = 1) -> Tensor:
    frames = model.latent_frames(clip.tokens.shape[-1])
    noise = _noise(model, seed).frames(0, frames)
    return model.decode(clip.tokens, clip.phoneme_ids, clip.style, noise=noise)[0, 0]


def _pieces(model: Sovits, clip: Clip, ends: list[int], lookahead: int) -> Tensor:
    stream = SovitsStream(model, clip.phoneme_ids, clip.style, noise=_noise(model))
    made = [stream.decode(clip.tokens[:, : end + lookahead], end) for end in ends]
    return torch.cat([*made, stream.decode(clip.tokens)], dim=-1)[0, 0]


def _noise(model: Sovits, seed: int = 1) -> FrameNoise:
    return FrameNoise(model.config.inter_channels, torch.Generator().manual_seed(seed))


def _clips(model: Sovits, corpus: Path, count: int) -> Iterator[Clip]:
    """Yield clips of a corpus, spread over it; each is its own reference."""
    tokens, phonemes = (_table(corpus / f'{name}.tsv') for name in ('tokens', 'phonemes'))
    table = {symbol: id for id, symbol in enumerate(symbol_table(model.config.symbols))}
    with (corpus / 'corpus.tsv').open(encoding='utf-8') as file:
        names = [row['name'] for row in csv.DictReader(file, delimiter='\t')]
    long = [name for name in names if len(tokens.get(name, '').split()) >= FEWEST_TOKENS]
    audio = {path.stem: path for path in (corpus / 'audio').rglob('*') if path.is_file()}
    for name in long[:: max(1, len(long) // count)][:count]:
        wave = load_reference_waveform(audio[name], model.config.sample_rate)
        spectrogram = magnitude_spectrogram(wave, model.config.spectrogram)[None]
        yield Clip(
            torch.tensor([[int(token) for token in tokens[name].split()]]),
            torch.tensor([[table[symbol] for symbol in phonemes[name].split()]]),
            model.style_embedding([spectrogram]),
        )


def _table(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding='utf-8').splitlines()
    return dict(line.split('\t', 1) for line in lines if '\t' in line)


if __name__ == '__main__':
    sys.exit(main())
