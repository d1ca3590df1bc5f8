#!/usr/bin/env python3
"""Compare the melody of models with that of the recordings they were given.

    VENV/bin/python tools/corpus/melody.py CORPUS FOLDER [FOLDER ...]

CORPUS has the pitch that pitch.py writes; each FOLDER is a stage of stages.py whose phonemes last
as long as those of the recording: decoder, prior or variants. A line per folder and language:

- corr: correlation of the logarithms of the pitch, where both have a voice;
- deviation: of the logarithm of the pitch within a sentence, of the recordings and of the folder;
- leaps: share of these frames that are more than 3.5 semitones off, octaves for example;
- voiced: share of the frames with a voice in the recording that have one in the folder; what is
  missing is hoarse.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from frames import read_samples
from pitch import log_pitch

LEAP = 0.2  # in logarithms
LEAST_FRAMES = 10


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    parser.add_argument('folders', type=Path, nargs='+', metavar='FOLDER')
    args = parser.parse_args()
    for folder in args.folders:
        with open(folder / 'texts.tsv', encoding='utf-8', newline='') as stream:
            rows = list(csv.reader(stream, delimiter='\t', quoting=csv.QUOTE_NONE))
        for language in sorted({row[1] for row in rows}):
            names = [row[0] for row in rows if row[1] == language]
            found = [compare(args.corpus, folder, name) for name in names]
            values = np.mean([item for item in found if item is not None], axis=0)
            print(
                f'{folder} {language}: corr {values[0]:.2f}, deviation {values[1]:.3f} and '
                f'{values[2]:.3f}, leaps {100 * values[3]:.0f} %, voiced {100 * values[4]:.0f} %',
                flush=True,
            )


def compare(corpus: Path, folder: Path, name: str) -> tuple[float, ...] | None:
    """Return the five numbers of one sentence; None where too little of it has a voice."""
    recorded = np.load(corpus / 'pitch' / f'{name}.npy').astype(np.float64)
    spoken = log_pitch(read_samples(folder / f'{name}.wav'))
    frames = min(len(recorded), len(spoken))
    recorded, spoken = recorded[:frames], spoken[:frames]
    is_voiced = ~np.isnan(recorded)
    both = is_voiced & ~np.isnan(spoken)
    if both.sum() < LEAST_FRAMES:
        return None
    a, b = recorded[both], spoken[both]
    return (
        float(np.corrcoef(a, b)[0, 1]),
        float(a.std()),
        float(b.std()),
        float((np.abs(a - b) > LEAP).mean()),
        float(both.sum() / is_voiced.sum()),
    )


if __name__ == '__main__':
    main()
