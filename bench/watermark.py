"""`python -m bench.watermark CLIP...`: what the watermark survives, and what it costs."""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch

from gptsovits_ros.audio.files import read_audio
from gptsovits_ros.audio.watermark import THRESHOLD, MarkedStream, Watermark
from gptsovits_ros.engine.watermark_weights import load_watermark

# What a piece of a stream is long [s].
PIECE_S = 0.5


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog='python -m bench.watermark', description=__doc__)
    parser.add_argument('clips', nargs='+', type=Path, metavar='CLIP')
    args = parser.parse_args()
    torch.set_num_threads(1)
    watermark = load_watermark()
    clips = [(audio.mono, audio.sample_rate) for audio in map(read_audio, args.clips)]
    seconds = sum(len(samples) / rate for samples, rate in clips)

    start = time.process_time()
    marked = [(watermark.mark(samples, rate), rate) for samples, rate in clips]
    mark_s = time.process_time() - start
    start = time.process_time()
    plain = [watermark.score(samples, rate) for samples, rate in clips]
    score_s = time.process_time() - start

    print(f'{len(clips)} clips, {seconds:.0f} s, one thread')
    print('| what happened | found | score |\n|---|---|---|')
    for name, change in changes().items():
        scores = [watermark.score(*change(samples, rate)) for samples, rate in marked]
        _row(name, scores)
    streamed = [(stream(watermark, samples, rate), rate) for samples, rate in clips]
    _row(f'marked in pieces of {PIECE_S:g} s', [watermark.score(*clip) for clip in streamed])
    found = sum(score >= THRESHOLD for score in plain)
    print(f'| not marked at all | {found}/{len(plain)} | highest {max(plain):.2f} |')
    noise = [_snr(a, b) for (a, _), (b, _) in zip(clips, marked, strict=True)]
    print(f'signal to mark: mean {np.mean(noise):.1f} dB, lowest {min(noise):.1f} dB')
    print(f'cost per second of audio: mark {1000 * mark_s / seconds:.1f} ms, ', end='')
    print(f'find {1000 * score_s / seconds:.1f} ms')


def changes() -> dict[str, Callable[[np.ndarray, int], tuple[np.ndarray, int]]]:
    """Return what may happen to audio on its way, by name."""
    rng = np.random.default_rng(0)

    def noise(level_db: float) -> Callable[[np.ndarray, int], tuple[np.ndarray, int]]:
        def add(samples: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
            spread = np.sqrt(np.mean(samples**2)) * 10 ** (level_db / 20)
            noisy = samples + spread * rng.standard_normal(len(samples))
            return noisy.astype(np.float32), rate

        return add

    return {
        'nothing': lambda samples, rate: (samples, rate),
        '6 dB quieter': lambda samples, rate: (samples / 2, rate),
        'cut to 1.5 s': lambda samples, rate: (samples[: int(1.5 * rate)], rate),
        'resampled to 16 kHz': lambda samples, rate: (soxr.resample(samples, rate, 16000), 16000),
        'resampled to 8 kHz': lambda samples, rate: (soxr.resample(samples, rate, 8000), 8000),
        'mp3, medium': lambda samples, rate: mp3(samples, rate, 0.5),
        'mp3, lowest bit rate': lambda samples, rate: mp3(samples, rate, 0.99),
        'noise, 20 dB below': noise(-20),
        'noise, 10 dB below': noise(-10),
    }


def mp3(samples: np.ndarray, rate: int, compression: float) -> tuple[np.ndarray, int]:
    """Return samples after coding and decoding."""
    coded = io.BytesIO()
    with soundfile.SoundFile(
        coded, 'w', rate, 1, 'MPEG_LAYER_III', format='MP3', compression_level=compression
    ) as file:
        file.write(samples)
    coded.seek(0)
    return soundfile.read(coded, dtype='float32')


def stream(watermark: Watermark, samples: np.ndarray, rate: int) -> np.ndarray:
    """Return samples that were marked piece by piece."""
    marker, length = MarkedStream(watermark), int(PIECE_S * rate)
    pieces = [samples[start : start + length] for start in range(0, len(samples), length)]
    return np.concatenate([marker.marked(piece, rate) for piece in pieces])


def _row(name: str, scores: list[float]) -> None:
    found = sum(score >= THRESHOLD for score in scores)
    print(f'| {name} | {found}/{len(scores)} | lowest {min(scores):.2f} |')


def _snr(samples: np.ndarray, marked: np.ndarray) -> float:
    return 10 * np.log10(np.sum(samples**2) / np.sum((marked - samples) ** 2))


if __name__ == '__main__':
    main()
