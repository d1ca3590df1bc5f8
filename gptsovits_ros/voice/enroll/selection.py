"""Which slice becomes the prompt, which others become references, and which recording is refused.

The bounds were found on five speakers and checked on others (docs/enrolment.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gptsovits_ros.audio.files import PROMPT_MIN_S
from gptsovits_ros.errors import (
    RecordingClippedError,
    RecordingNarrowBandError,
    RecordingNoisyError,
    RecordingSilentError,
    RecordingTooShortError,
)
from gptsovits_ros.voice.enroll.quality import Listened
from gptsovits_ros.voice.enroll.report import Quality
from gptsovits_ros.voice.enroll.slices import MIN_SPEECH_S, Slice, slices

# Worse than the first of each pair is refused, better than the second is as good as it gets.
SNR_DB = (9.0, 35.0)
BANDWIDTH_HZ = (5500.0, 7500.0)
CLIPPED_SHARE = (0.01, 0.0002)
CREST_DB = (9.0, 12.0)
# Speech shorter or longer than this makes a poorer prompt than one in between [s].
BEST_LENGTH_S = (5.0, 9.0)
BEST_SPEECH_SHARE = 0.75
MAX_REFERENCES = 4
# References are not worth having below this part of the score of the prompt.
REFERENCE_SHARE = 0.8
# Below this level a recording is silent, whatever is in it.
SILENCE_LUFS = -60.0


@dataclass(frozen=True)
class Scored:
    """A slice and how well it suits.

    Attributes:
        slice: the piece of a recording.
        quality: what was measured in it.
        score: 0 is unusable, 1 could not be better.

    """

    slice: Slice
    quality: Quality
    score: float


def scored(piece: Slice) -> Scored:
    """Measure a slice."""
    quality = piece.quality()
    return Scored(piece, quality, score(quality, piece.cut))


def score(quality: Quality, cut: bool = False) -> float:
    """Return how well a slice suits as a prompt, from 0 to 1.

    The factors are independent: what is clipped is not made good by a long silence.
    """
    parts = (
        0.3 + 0.7 * _between(quality.snr_db, *SNR_DB),
        0.5 + 0.5 * _between(quality.bandwidth_hz, *BANDWIDTH_HZ),
        _between(-quality.clipped_share, *(-bound for bound in CLIPPED_SHARE)),
        0.5 + 0.5 * _between(quality.crest_db, *CREST_DB),
        min(1.0, 0.4 + 0.6 * quality.speech_share / BEST_SPEECH_SHARE),
        _length_part(quality.duration_s),
        0.8 if cut else 1.0,
    )
    return float(np.prod(parts))


def refuse_unsuitable(recordings: Sequence[Listened]) -> None:
    """Refuse recordings in which nothing can be found that suits.

    Raises:
        RecordingUnsuitableError: one of its classes, with what to do.

    """
    if max(heard.loudness_lufs for heard in recordings) < SILENCE_LUFS:
        raise RecordingSilentError(
            'the recording is silent; check that the microphone is on and is the one meant'
        )
    duration_s = sum(heard.recording.duration_s for heard in recordings)
    speech_s = sum(heard.speech_s for heard in recordings)
    if duration_s < PROMPT_MIN_S:
        raise RecordingTooShortError(
            f'the recording is {duration_s:.2f} s long; at least {PROMPT_MIN_S:g} s are needed, '
            '6 to 60 s are better'
        )
    if speech_s < MIN_SPEECH_S / 4:
        raise RecordingSilentError(
            f'{speech_s:.1f} s of speech found in {duration_s:.1f} s: there is only noise or '
            'music, or it drowns the speaker; speak close to the microphone in a quiet place'
        )
    if speech_s < MIN_SPEECH_S:
        raise RecordingTooShortError(
            f'{speech_s:.1f} s of speech found, at least {MIN_SPEECH_S:g} s needed (6 to 60 s are '
            'better); speak closer to the microphone, and longer'
        )


def best_slices(recordings: Sequence[Listened], first: Slice | None = None) -> list[Scored]:
    """Return the prompt and the references, all of them usable, the prompt first.

    Args:
        recordings: what there is to choose from.
        first: the prompt, if it was chosen already.

    Raises:
        RecordingUnsuitableError: no slice can be used; one of its classes tells why.

    """
    found = [scored(piece) for heard in recordings for piece in slices(heard)]
    if first is not None:
        found = [scored(first), *found]
    if not found:
        raise RecordingTooShortError(
            f'no {PROMPT_MIN_S:g} s of speech without long pauses were found; speak two or three '
            'whole sentences in one go'
        )
    usable = [one for one in found if refusal(one.quality) is None]
    if not usable or first is not None and usable[0].slice is not first:
        best = max(found, key=lambda one: one.score) if first is None else found[0]
        raise refusal(best.quality) or refusal(found[0].quality)
    prompt = usable[0] if first is not None else max(usable, key=lambda one: one.score)
    return [prompt, *_references(prompt, usable)]


def refusal(quality: Quality) -> Exception | None:
    """Return the error of a slice that cannot be used; None if it can."""
    if quality.clipped_share > CLIPPED_SHARE[0] or quality.crest_db < CREST_DB[0]:
        return RecordingClippedError(
            f'the recording is clipped ({100 * quality.clipped_share:.1f} % of its samples, '
            f'peaks {quality.crest_db:.0f} dB above its loudness): it was made too loud; turn '
            'the microphone down, or speak less close to it'
        )
    if quality.snr_db < SNR_DB[0]:
        return RecordingNoisyError(
            f'the speech is only {max(quality.snr_db, 0):.0f} dB above the noise, at least '
            f'{SNR_DB[0]:g} dB are needed; speak closer to the microphone, in a quiet place, '
            'with no music and nobody else speaking'
        )
    if quality.bandwidth_hz < BANDWIDTH_HZ[0]:
        return RecordingNarrowBandError(
            f'the recording ends at {quality.bandwidth_hz:.0f} Hz, as over a telephone; at least '
            f'{BANDWIDTH_HZ[0]:.0f} Hz are needed. Record at 16000 Hz or more with the '
            "robot's own microphone"
        )
    return None


def _references(prompt: Scored, usable: Iterable[Scored]) -> list[Scored]:
    """Return the best others that share no moment with the prompt or with each other."""
    chosen = [prompt]
    for one in sorted(usable, key=lambda one: one.score, reverse=True):
        if one.score < REFERENCE_SHARE * prompt.score or len(chosen) > MAX_REFERENCES:
            break
        if not any(one.slice.overlaps(other.slice) for other in chosen):
            chosen.append(one)
    return chosen[1:]


def _between(value: float, worst: float, best: float) -> float:
    return float(np.clip((value - worst) / (best - worst), 0.0, 1.0))


def _length_part(duration_s: float) -> float:
    low, high = BEST_LENGTH_S
    if duration_s < low:
        return 0.7 + 0.3 * _between(duration_s, PROMPT_MIN_S, low)
    return 1.0 if duration_s <= high else 0.9
