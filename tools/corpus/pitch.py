#!/usr/bin/env python3
"""Write the pitch of each clip: what tokens tell apart besides phonemes.

    nice -n 19 VENV/bin/python tools/corpus/pitch.py CORPUS

CORPUS/pitch/NAME.npy is float16 [F], 50 frames per second as in whisper/, the natural logarithm
of the fundamental frequency [Hz] by probabilistic YIN (Mauch and Dixon, 2014), NaN where there is
no voice. What is there is not made again.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

import librosa
import numpy as np
import soundfile
import soxr

SAMPLE_RATE = 16000
SAMPLES_PER_FRAME = 320
# Four periods of the deepest voice fit into a window.
WINDOW = 1024
LOWEST_HZ, HIGHEST_HZ = 62.5, 500.0
RESOLUTION = 0.25  # of the tracker, in semitones


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    args = parser.parse_args()
    folder = args.corpus / 'pitch'
    folder.mkdir(exist_ok=True)
    with open(args.corpus / 'corpus.tsv', encoding='utf-8', newline='') as stream:
        rows = list(csv.DictReader(stream, delimiter='\t', quoting=csv.QUOTE_NONE))
    todo = [row['name'] for row in rows if not (folder / f'{row["name"]}.npy').exists()]
    for number, name in enumerate(todo, 1):
        samples, rate = soundfile.read(args.corpus / 'audio' / f'{name}.opus', dtype='float32')
        pitch = log_pitch(soxr.resample(samples, rate, SAMPLE_RATE))
        partial = folder / f'{name}.part'
        with open(partial, 'wb') as stream:
            np.save(stream, pitch.astype(np.float16))
        os.replace(partial, folder / f'{name}.npy')
        if number % 200 == 0 or number == len(todo):
            print(f'{number} of {len(todo)} clips', flush=True)


def log_pitch(samples: np.ndarray) -> np.ndarray:
    """Return the logarithm of the pitch of samples at SAMPLE_RATE, NaN where there is none."""
    pitch, _, _ = librosa.pyin(
        samples,
        fmin=LOWEST_HZ,
        fmax=HIGHEST_HZ,
        resolution=RESOLUTION,
        sr=SAMPLE_RATE,
        frame_length=WINDOW,
        hop_length=SAMPLES_PER_FRAME,
    )
    return np.log(pitch)[: len(samples) // SAMPLES_PER_FRAME]


if __name__ == '__main__':
    main()
