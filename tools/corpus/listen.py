#!/usr/bin/env python3
"""Write what whisper base hears in each clip: the teacher features of the content encoder.

    nice -n 19 VENV/bin/python tools/corpus/listen.py CORPUS

CORPUS/whisper/NAME.npy is float16 [F, 512], 50 frames per second, the output of the encoder. What
is there is not made again.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

import numpy as np
import reader
import soundfile
import soxr

SAMPLES_PER_FRAME = 320


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    args = parser.parse_args()
    folder = args.corpus / 'whisper'
    folder.mkdir(exist_ok=True)
    judge = reader.Reader()
    with open(args.corpus / 'corpus.tsv', encoding='utf-8', newline='') as stream:
        rows = list(csv.DictReader(stream, delimiter='\t', quoting=csv.QUOTE_NONE))
    todo = [row['name'] for row in rows if not (folder / f'{row["name"]}.npy').exists()]
    for number, name in enumerate(todo, 1):
        samples, rate = soundfile.read(args.corpus / 'audio' / f'{name}.opus', dtype='float32')
        samples = soxr.resample(samples, rate, reader.SAMPLE_RATE).astype(np.float32)
        features = judge.features(samples)[: len(samples) // SAMPLES_PER_FRAME]
        partial = folder / f'{name}.part'
        with open(partial, 'wb') as stream:
            np.save(stream, features.astype(np.float16))
        os.replace(partial, folder / f'{name}.npy')
        if number % 200 == 0 or number == len(todo):
            print(f'{number} of {len(todo)} clips', flush=True)


if __name__ == '__main__':
    main()
