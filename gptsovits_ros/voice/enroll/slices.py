"""Pieces of recordings that could be the prompt of a voice: whole phrases of 3 to 10 seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gptsovits_ros.audio.files import PROMPT_MAX_S, PROMPT_MIN_S
from gptsovits_ros.voice.enroll.activity import FRAME_S, phrases
from gptsovits_ros.voice.enroll.quality import Listened
from gptsovits_ros.voice.enroll.report import Quality

# The models hear a little of the room before and after the words.
MARGIN_S = 0.2
# A prompt must hold at least that much speech.
MIN_SPEECH_S = 2.0
# A longer silence inside would be copied by the GPT, as pauses in the middle of sentences.
LONGEST_PAUSE_S = 1.2
# Room for rounding to whole frames.
_SLACK_S = 0.02


@dataclass(frozen=True)
class Slice:
    """A piece of a recording.

    Attributes:
        heard: the recording.
        start_s: its first moment [s].
        end_s: its end [s].
        speech_start_s: where its first word begins [s].
        speech_end_s: where its last word ends [s].
        cut: True if it begins or ends within a phrase.

    """

    heard: Listened
    start_s: float
    end_s: float
    speech_start_s: float
    speech_end_s: float
    cut: bool = False

    @property
    def duration_s(self) -> float:
        """Length [s]."""
        return self.end_s - self.start_s

    @property
    def samples(self) -> np.ndarray:
        """The samples, float32 [T], at the rate of the recording."""
        return self.heard.recording.piece(self.start_s, self.end_s)

    @property
    def wave(self) -> np.ndarray:
        """The samples at 16 kHz, float32 [T]."""
        return self.heard.wave[round(self.start_s * 16000) : round(self.end_s * 16000)]

    def quality(self) -> Quality:
        """Measure it."""
        return self.heard.quality(self.start_s, self.end_s)

    def covers(self, other: Slice) -> bool:
        """Tell whether it holds all that is said in another slice of the same recording."""
        return (
            self.heard is other.heard
            and self.start_s <= other.speech_start_s
            and other.speech_end_s <= self.end_s
        )

    def overlaps(self, other: Slice) -> bool:
        """Tell whether both hold the same moment of the same recording."""
        return (
            self.heard is other.heard and self.start_s < other.end_s and other.start_s < self.end_s
        )


def slices(heard: Listened) -> Iterator[Slice]:
    """Yield every run of phrases that is long enough and short enough for a prompt."""
    spans = [(start * FRAME_S, end * FRAME_S) for start, end in phrases(heard.speech)]
    pieces = list(_short_enough(heard, spans))
    for first in range(len(pieces)):
        for last in range(first, len(pieces)):
            run = pieces[first : last + 1]
            if _longest_pause(run) > LONGEST_PAUSE_S:
                break
            found = _slice(heard, spans, run)
            if found.duration_s > PROMPT_MAX_S:
                break
            if found.duration_s >= PROMPT_MIN_S and _speech_s(run) >= MIN_SPEECH_S:
                yield found


def whole(recordings: Sequence[Listened]) -> Slice | None:
    """Return all that is said, as one slice; None if it does not fit into a prompt."""
    if len(recordings) != 1:
        return None
    spans = [(start * FRAME_S, end * FRAME_S) for start, end in phrases(recordings[0].speech)]
    if not spans:
        return None
    found = _slice(recordings[0], spans, [(spans[0][0], spans[-1][1])])
    return found if PROMPT_MIN_S <= found.duration_s <= PROMPT_MAX_S else None


def _short_enough(
    heard: Listened, spans: Sequence[tuple[float, float]]
) -> Iterator[tuple[float, float]]:
    """Yield the phrases; one without a pause in ten seconds is cut where it is quietest."""
    longest = PROMPT_MAX_S - 2 * MARGIN_S
    for start, end in spans:
        while end - start > longest:
            # The rest must be long enough as well.
            low, high = (round((start + part * longest) / FRAME_S) for part in (0.4, 1.0))
            middle = (low + int(np.argmin(heard.power[low:high])) + 0.5) * FRAME_S
            yield start, middle
            start = middle
        yield start, end


def _slice(
    heard: Listened, spans: Sequence[tuple[float, float]], run: Sequence[tuple[float, float]]
) -> Slice:
    """Return phrases with a margin that reaches into no other phrase."""
    begin, end = run[0][0], run[-1][1]
    duration_s = heard.recording.duration_s
    # Where a phrase was cut, the next sound is its other part.
    cut_before = any(start < begin < stop for start, stop in spans)
    cut_after = any(start < end < stop for start, stop in spans)
    before = max((stop for _, stop in spans if stop <= begin), default=0.0)
    after = min((start for start, _ in spans if start >= end), default=duration_s)
    before, after = begin if cut_before else before, end if cut_after else after
    # A short one takes more of the silence around it.
    margin = max(MARGIN_S, (PROMPT_MIN_S + _SLACK_S - (end - begin)) / 2)
    start_s = max(begin - margin, before, 0.0)
    end_s = min(end + margin, after, duration_s)
    missing = PROMPT_MIN_S + _SLACK_S - (end_s - start_s)
    if missing > 0:
        start_s = max(start_s - missing, before, 0.0)
        end_s = min(end_s + missing, after, duration_s)
    return Slice(heard, start_s, end_s, begin, min(end, duration_s), cut=cut_before or cut_after)


def _longest_pause(run: Sequence[tuple[float, float]]) -> float:
    return max((b[0] - a[1] for a, b in zip(run, run[1:], strict=False)), default=0.0)


def _speech_s(run: Sequence[tuple[float, float]]) -> float:
    return sum(end - start for start, end in run)
