"""What is computed of each clip of a corpus, 50 frames per second."""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr

SAMPLE_RATE = 16000
SAMPLES_PER_FRAME = 320

Compute = Callable[[np.ndarray], np.ndarray]


def read_corpus_argument(doc: str | None) -> Path:
    """Return the only argument of a command that is described by `doc`."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    return parser.parse_args().corpus


def write_frames(corpus: Path, kind: str, compute: Compute) -> None:
    """Write CORPUS/KIND/NAME.npy, float16 [F, ...], for each clip that has none yet.

    Args:
        corpus: folder, with corpus.tsv and audio/.
        kind: name of the folder to write into.
        compute: samples [T] at SAMPLE_RATE -> F frames or more; what is too much is cut off.

    """
    folder = corpus / kind
    folder.mkdir(exist_ok=True)
    with open(corpus / 'corpus.tsv', encoding='utf-8', newline='') as stream:
        rows = list(csv.DictReader(stream, delimiter='\t', quoting=csv.QUOTE_NONE))
    todo = [row['name'] for row in rows if not (folder / f'{row["name"]}.npy').exists()]
    for number, name in enumerate(todo, 1):
        samples = read_samples(corpus / 'audio' / f'{name}.opus')
        frames = compute(samples)[: len(samples) // SAMPLES_PER_FRAME]
        partial = folder / f'{name}.part'
        with open(partial, 'wb') as stream:
            np.save(stream, frames.astype(np.float16))
        os.replace(partial, folder / f'{name}.npy')
        if number % 200 == 0 or number == len(todo):
            print(f'{number} of {len(todo)} clips', flush=True)


def read_samples(path: Path) -> np.ndarray:
    """Return the samples of a file, float32 [T] at SAMPLE_RATE."""
    samples, rate = soundfile.read(path, dtype='float32')
    return soxr.resample(samples, rate, SAMPLE_RATE)
