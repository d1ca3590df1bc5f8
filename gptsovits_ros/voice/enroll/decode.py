"""Recordings as people send them: files or bytes, any usual format and rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gptsovits_ros.audio.files import AudioLimits, read_audio, read_audio_bytes
from gptsovits_ros.audio.resample import resample_soxr_hq
from gptsovits_ros.errors import AudioInvalidError, RecordingTooShortError

MAX_CLIPS = 20
MAX_SECONDS = 300.0  # of all clips together
LIMITS = AudioLimits(
    max_bytes=64 * 1024 * 1024, max_duration_s=MAX_SECONDS, max_channels=2, max_samples=60_000_000
)
MAX_RATE = 48000  # nothing above is heard, and it would be kept for nothing
ANALYSIS_RATE = 16000


@dataclass(frozen=True)
class Clip:
    """One recording as it is given.

    Attributes:
        source: a path on this machine, or the content of an audio file.
        name: for messages and the report.

    """

    source: Path | bytes
    name: str

    @classmethod
    def file(cls, path: str | Path) -> Clip:
        """Return a clip that is a file, named as the file is."""
        return cls(Path(path), Path(path).name)


@dataclass(frozen=True)
class Recording:
    """One recording as samples.

    Attributes:
        name: of the clip.
        samples: float32 [T], mono.
        sample_rate: [Hz], at most MAX_RATE.

    """

    name: str
    samples: np.ndarray
    sample_rate: int

    @property
    def duration_s(self) -> float:
        """Length [s]."""
        return len(self.samples) / self.sample_rate

    def at(self, rate: int) -> np.ndarray:
        """Return the samples at another rate, float32 [T']."""
        return resample_soxr_hq(self.samples, self.sample_rate, rate)

    def piece(self, start_s: float, end_s: float) -> np.ndarray:
        """Return the samples between two times."""
        return self.samples[round(start_s * self.sample_rate) : round(end_s * self.sample_rate)]


def decode(clips: Sequence[Clip]) -> list[Recording]:
    """Read all clips.

    Raises:
        AudioInvalidError: a clip is no audio file, or breaks a limit.
        RecordingTooShortError: there is no clip.

    """
    if not clips:
        raise RecordingTooShortError('no recording was given; give one of 6 to 60 s')
    if len(clips) > MAX_CLIPS:
        raise AudioInvalidError(
            f'{len(clips)} recordings were given; at most {MAX_CLIPS} are read'
        )
    recordings, seconds = [], 0.0
    for clip in clips:
        recordings.append(_decode(clip))
        seconds += recordings[-1].duration_s
        if seconds > MAX_SECONDS:
            raise AudioInvalidError(
                f'the recordings are longer than {MAX_SECONDS:g} s together; a minute is plenty'
            )
    return recordings


def _decode(clip: Clip) -> Recording:
    audio = (
        read_audio_bytes(clip.source, clip.name, LIMITS)
        if isinstance(clip.source, bytes)
        else read_audio(clip.source, LIMITS)
    )
    recording = Recording(clip.name, audio.mono, audio.sample_rate)
    if recording.sample_rate > MAX_RATE:
        return Recording(clip.name, recording.at(MAX_RATE), MAX_RATE)
    return recording
