"""How high a corpus is spoken, against the mean of each speaker."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.training.content_data import TOKEN_STRIDE, HeardClips, speaker_mean

PITCH_FOLDER = 'pitch'
# Of the logarithm of the pitch within a speaker, about four semitones.
DEVIATION = 0.25
# Leaps of an octave are errors of the tracker more often than they are speech.
LARGEST = 2.0


@dataclass(frozen=True)
class TokenPitch:
    """The pitch of each token of a clip.

    Attributes:
        height: float32 [S], above the speaker's mean in DEVIATIONs; where there is no voice, what
            lies between its neighbours.
        voiced: float32 [S], share of the token that has a voice, 0 to 1.

    """

    height: np.ndarray
    voiced: np.ndarray


class ClipPitch:
    """The pitch of all clips of a corpus."""

    def __init__(self, folder: Path, clips: HeardClips) -> None:
        """Read it, and find the mean of each speaker.

        Raises:
            ConfigurationError: the pitch of a clip is missing or damaged.

        """
        self._clips = clips
        self._pitches: list[np.ndarray] = []
        voiced: dict[str, list[np.ndarray]] = defaultdict(list)
        for index in range(len(clips)):
            clip = clips.clip(index)
            pitch = _read(folder / PITCH_FOLDER, clip.name, clips.frames(index))
            self._pitches.append(pitch)
            voiced[clip.speaker].append(pitch[~np.isnan(pitch)])
        spoken = {speaker: np.concatenate(parts) for speaker, parts in voiced.items()}
        everyone = np.concatenate(list(spoken.values()))
        mean = float(everyone.mean()) if len(everyone) else 0.0
        self._means = {
            speaker: speaker_mean(float(values.sum()), len(values), mean)
            for speaker, values in spoken.items()
        }

    def of(self, index: int, count: int) -> TokenPitch:
        """Return the pitch of the `count` tokens of a clip."""
        height = (self._pitches[index] - self._means[self._clips.clip(index).speaker]) / DEVIATION
        voiced = np.flatnonzero(~np.isnan(height))
        frames = np.arange(TOKEN_STRIDE * count)
        if not len(voiced):
            return TokenPitch(*np.zeros((2, count), dtype=np.float32))
        whole = np.interp(frames, voiced, height[voiced].clip(-LARGEST, LARGEST))
        return TokenPitch(
            whole.reshape(count, TOKEN_STRIDE).mean(1).astype(np.float32),
            np.isin(frames, voiced).reshape(count, TOKEN_STRIDE).mean(1).astype(np.float32),
        )


def _read(folder: Path, name: str, frames: int) -> np.ndarray:
    """Return the logarithm of the pitch of a clip, float64 [F], NaN without voice."""
    try:
        pitch = np.load(folder / f'{name}.npy')
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f'cannot read the pitch of {name}: {error}; tools/corpus/pitch.py makes it'
        ) from error
    if pitch.shape != (frames,):
        raise ConfigurationError(
            f'the pitch of {name} is {list(pitch.shape)}, not [{frames}] as its features; '
            'make it again'
        )
    return pitch.astype(np.float64)
