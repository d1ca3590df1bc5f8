#!/usr/bin/env python3
"""Make the corpus: the teacher speaks, the reader listens, what was said well is kept.

    nice -n 19 VENV/bin/python tools/corpus/make.py TEACHER CORPUS --hours 10

TEACHER and VENV are what setup.sh made. CORPUS gets audio/NAME.opus (24 kHz), generated.tsv with
one row per clip, and dropped.tsv with what the reader could not read back. It may be stopped at
any time; the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from pathlib import Path

import numpy as np
import plan
import reader
import soundfile
import soxr
from teacher import SAMPLE_RATE, Teacher

COLUMNS = 'name split speaker gender language seconds speed timbre prosody asr_error text'.split()
LOUDNESS_DB = -22.0
HIGHEST_PEAK = 0.97
# Silence is what stays this far below the loudest frame.
SILENCE_DB = -42.0
FRAME_S = 0.01
MARGIN_S = 0.12
SHORTEST_S = 0.25
# 0 is libsndfile's best, 1 its smallest; this is near 32 kbit/s.
OPUS_COMPRESSION = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('teacher', type=Path)
    parser.add_argument('corpus', type=Path)
    parser.add_argument('--hours', type=float, default=10.0, help='speech to be made in all')
    parser.add_argument(
        '--speakers',
        default='',
        metavar='PREFIX',
        help='only those whose names begin so: core-f1,core-m1',
    )
    args = parser.parse_args()
    (args.corpus / 'audio').mkdir(parents=True, exist_ok=True)
    kept = Table(args.corpus / 'generated.tsv')
    dropped = Table(args.corpus / 'dropped.tsv')
    teacher, judge = Teacher(args.teacher), reader.Reader()
    seconds, began = kept.seconds, time.process_time()
    for clip in plan.clips():
        if seconds >= 3600 * args.hours:
            break
        if clip.name in kept.names or clip.name in dropped.names:
            continue
        if not clip.speaker.name.startswith(tuple(args.speakers.split(','))):
            continue
        samples = tidy(
            teacher.speak(
                clip.sentence.text,
                clip.sentence.language,
                clip.speaker.timbre,
                clip.prosody,
                clip.speed,
            )
        )
        verdict = judge.check(
            soxr.resample(samples, SAMPLE_RATE, reader.SAMPLE_RATE).astype(np.float32),
            clip.sentence.text,
            clip.sentence.language,
        )
        duration = len(samples) / SAMPLE_RATE
        if not verdict.is_kept or duration < SHORTEST_S:
            dropped.add(row_of(clip, duration, verdict))
            continue
        write_clip(args.corpus / 'audio' / f'{clip.name}.opus', samples)
        kept.add(row_of(clip, duration, verdict))
        seconds += duration
        if len(kept.names) % 50 == 0:
            print(
                f'{len(kept.names)} clips, {seconds / 3600:.3f} h, {len(dropped.names)} dropped, '
                f'{time.process_time() - began:.0f} CPU s in this run',
                flush=True,
            )


class Table:
    """A file of rows that is only ever added to, and survives being cut off."""

    def __init__(self, path: Path) -> None:
        """Read what is there; half a last row, left by a kill, goes away."""
        self.names: set[str] = set()
        self.seconds = 0.0
        if path.exists():
            text = path.read_text(encoding='utf-8')
            whole = text[: text.rfind('\n') + 1]
            if whole != text:
                path.write_text(whole, encoding='utf-8')
            for row in csv.DictReader(whole.splitlines(), delimiter='\t', quoting=csv.QUOTE_NONE):
                self.names.add(row['name'])
                self.seconds += float(row['seconds'])
        self._stream = open(path, 'a', encoding='utf-8')  # noqa: SIM115
        if self._stream.tell() == 0:
            self._write(COLUMNS)

    def add(self, row: dict[str, str]) -> None:
        """Append a row; it is on disk when this returns."""
        self._write([row[column] for column in COLUMNS])
        self.names.add(row['name'])

    def _write(self, values) -> None:
        self._stream.write('\t'.join(values) + '\n')
        self._stream.flush()


def row_of(clip: plan.Clip, duration: float, verdict: reader.Verdict) -> dict[str, str]:
    """Return the row of a clip."""
    return {
        'name': clip.name,
        'split': clip.split,
        'speaker': clip.speaker.name,
        'gender': clip.speaker.gender,
        'language': clip.sentence.language,
        'seconds': f'{duration:.3f}',
        'speed': f'{clip.speed}',
        'timbre': clip.speaker.timbre,
        'prosody': clip.prosody,
        'asr_error': verdict.rate_text,
        'text': clip.sentence.text,
    }


def tidy(samples: np.ndarray) -> np.ndarray:
    """Return samples at one loudness, with MARGIN_S of silence at both ends."""
    size = int(FRAME_S * SAMPLE_RATE)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    level = np.sqrt((frames**2).mean(axis=1) + 1e-12)
    loud = np.flatnonzero(level > level.max(initial=0.0) * 10 ** (SILENCE_DB / 20))
    if len(loud) == 0:
        return np.zeros(0, dtype=np.float32)
    voiced = samples[loud[0] * size : (loud[-1] + 1) * size]
    margin = np.zeros(int(MARGIN_S * SAMPLE_RATE), dtype=np.float32)
    start = max(loud[0] * size - len(margin), 0)
    end = min((loud[-1] + 1) * size + len(margin), len(samples))
    piece = np.concatenate([margin, samples[start:end], margin])
    # Exactly the margin on each side: what is there of the teacher's own silence, then zeros.
    left = loud[0] * size - start
    piece = piece[left : left + len(voiced) + 2 * len(margin)]
    gain = 10 ** (LOUDNESS_DB / 20) / np.sqrt((voiced**2).mean() + 1e-12)
    gain = min(gain, HIGHEST_PEAK / max(np.abs(piece).max(), 1e-6))
    return (piece * gain).astype(np.float32)


def write_clip(path: Path, samples: np.ndarray) -> None:
    """Write an Opus file; it has its name only when it is complete."""
    partial = path.with_suffix('.part')
    with soundfile.SoundFile(
        partial,
        'w',
        SAMPLE_RATE,
        1,
        format='OGG',
        subtype='OPUS',
        compression_level=OPUS_COMPRESSION,
    ) as stream:
        stream.write(samples)
    os.replace(partial, path)


if __name__ == '__main__':
    main()
