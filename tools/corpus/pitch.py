#!/usr/bin/env python3
"""Write the pitch of each clip: what tokens tell apart besides phonemes.

    nice -n 19 VENV/bin/python tools/corpus/pitch.py CORPUS

CORPUS/pitch/NAME.npy is float16 [F], 50 frames per second as in whisper/, the natural logarithm
of the fundamental frequency [Hz] by probabilistic YIN (Mauch and Dixon, 2014), NaN where there is
no voice. What is there is not made again.
"""

from __future__ import annotations

import librosa
import numpy as np
from frames import SAMPLE_RATE, SAMPLES_PER_FRAME, read_corpus_argument, write_frames

# Four periods of the deepest voice fit into a window.
WINDOW = 1024
LOWEST_HZ, HIGHEST_HZ = 62.5, 500.0
RESOLUTION = 0.25  # of the tracker, in semitones


def main() -> None:
    write_frames(read_corpus_argument(__doc__), 'pitch', log_pitch)


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
    return np.log(pitch)


if __name__ == '__main__':
    main()
