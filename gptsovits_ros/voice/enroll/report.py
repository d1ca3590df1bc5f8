"""What an enrolment found, for people and programs. Plain values; nothing here loads torch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

# Of numbers that have none, as the loudness of silence; no message and no file carries infinity.
NO_NUMBER = -999.0


def finite(value: float) -> float:
    """Return a number as messages and files carry it."""
    return float(value) if math.isfinite(value) else NO_NUMBER


@dataclass(frozen=True)
class Quality:
    """What was measured in a piece of a recording.

    Attributes:
        duration_s: length [s].
        speech_s: of it speech [s].
        loudness_lufs: by ITU-R BS.1770.
        snr_db: level of the speech above that of the quietest moments between its words.
        crest_db: level of the highest sample above the loudness; little of it is left of speech
            that was clipped, and then resampled or compressed.
        clipped_share: share of the samples that are cut off [0, 1].
        bandwidth_hz: up to which frequency the voice reaches.

    """

    duration_s: float
    speech_s: float
    loudness_lufs: float
    snr_db: float
    crest_db: float
    clipped_share: float
    bandwidth_hz: float

    @property
    def speech_share(self) -> float:
        """Share of the time in which somebody speaks [0, 1]."""
        return self.speech_s / self.duration_s


@dataclass(frozen=True)
class PieceReport:
    """One piece of a recording that the voice is made of.

    Attributes:
        clip: name of the recording.
        start_s: its first moment in the recording [s].
        end_s: its end [s].
        score: from 0 to 1.
        quality: what was measured.

    """

    clip: str
    start_s: float
    end_s: float
    score: float
    quality: Quality


@dataclass(frozen=True)
class QualityReport:
    """What was found in the recordings.

    Attributes:
        duration_s: of all recordings [s].
        speech_s: of it speech [s].
        score: of the prompt, from 0 to 1.
        prompt: the piece that the GPT continues from.
        references: further pieces whose style is averaged with that of the prompt.
        text: what is said in the prompt; empty: unknown, and only the timbre is used.
        text_source: "given", "aligned", "heard" or "none".
        speakers_checked: whether it was checked that one person speaks.
        agreement: lowest likeness of the voice between two pieces, from -1 to 1; None: unknown.
        denoised: whether noise was taken out.
        notes: what could be better, and what was left out, one sentence each.

    """

    duration_s: float
    speech_s: float
    score: float
    prompt: PieceReport
    references: tuple[PieceReport, ...]
    text: str
    text_source: str
    speakers_checked: bool
    agreement: float | None
    denoised: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class EnrolmentReport:
    """A voice that was made.

    Attributes:
        name: of the voice.
        base: the voice whose models it speaks with.
        retention: what was kept of the recordings: "keep" (the chosen clips) or "embeddings".
        seconds: how long it took [s].
        quality: what was found in the recordings.

    """

    name: str
    base: str
    retention: str
    seconds: float
    quality: QualityReport

    def tree(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return asdict(self)
