"""How much of an utterance was heard, in seconds and in words. No clock, no ROS."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

# A word with the marks and spaces around it; scripts without spaces: one character each.
_IDEOGRAPHIC = r'\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff'
_WORD = re.compile(rf'[{_IDEOGRAPHIC}][^\w\s]*\s*|[^\s{_IDEOGRAPHIC}]+\s*|\s+')
_ONE_SYLLABLE = re.compile(rf'[{_IDEOGRAPHIC}\uac00-\ud7af]')
_LETTER = re.compile(r'\w')
# Lengths relative to a letter of an alphabet, as they are spoken.
_SYLLABLE_LENGTH = 3.0
_MARK_LENGTH = 2.0
# What a letter takes before any segment of the utterance was heard to its end. [s]
_LETTER_S = 0.07
# A word counts as heard when all but this is over: players and marks round. [s]
_TOLERANCE_S = 0.02


class WordMark(Protocol):
    """Where a word of a segment ends: in its audio, and in its text."""

    end_s: float
    text_end: int


@dataclass(frozen=True)
class WordEnd:
    """A WordMark."""

    end_s: float
    text_end: int


@dataclass(frozen=True)
class Heard:
    """What was heard: seconds of audio, and the words that were heard to their end."""

    duration_s: float
    text: str


def words_heard(
    segment_text: str,
    heard_s: float,
    duration_s: float,
    marks: Sequence[WordMark] | None = None,
) -> str:
    """Return the beginning of a segment's text that was heard, in whole words.

    Args:
        segment_text: the segment as it is said.
        heard_s: how much of its audio was heard [s].
        duration_s: length of its speech, without the pause behind it [s].
        marks: where its words end, in order; None: in proportion to the lengths of the words.

    """
    limit_s = heard_s + _TOLERANCE_S
    if marks is not None:
        ends = (mark.text_end for mark in marks if mark.end_s <= limit_s)
        return segment_text[: max(ends, default=0)].rstrip()
    total = spoken_length(segment_text)
    if heard_s <= 0 or total == 0 or duration_s <= 0:
        return ''
    length, end = 0.0, 0
    for word in _WORD.finditer(segment_text):
        length += spoken_length(word[0])
        if length / total * duration_s > limit_s:
            break
        end = word.end()
    return segment_text[:end].rstrip()


def word_end(segment_text: str, word: str, end_s: float, after: int = 0) -> WordEnd | None:
    """Return where a word and the marks behind it end in a text; None: it is not in the rest.

    Args:
        segment_text: the segment as it is said.
        word: as it was marked.
        end_s: where it ends in the audio [s].
        after: where the word before it ends in the text.

    """
    start = segment_text.lower().find(word.lower(), after)
    if start < 0:
        return None
    end = start + len(word)
    while end < len(segment_text) and not re.match(r'[\w\s]', segment_text[end]):
        end += 1
    return WordEnd(end_s, end)


def spoken_length(text: str) -> float:
    """Return how long a text is to speak, in letters of an alphabet."""
    length = 0.0
    for character in text:
        if _ONE_SYLLABLE.match(character):
            length += _SYLLABLE_LENGTH
        elif _LETTER.match(character):
            length += 1.0
        elif not character.isspace():
            length += _MARK_LENGTH
    return length


@dataclass
class PlayedSegment:
    """A segment as it was sent.

    Attributes:
        part: number of its part of the script.
        number: its number among the engine's segments of that part.
        text: what it says.
        sent_s: length of its audio that was sent [s].
        spoken_s: length of its speech, without the pause behind it [s]; None: not known yet.
        marks: where its words end; None: not known.

    """

    part: int
    number: int
    text: str
    sent_s: float = 0.0
    spoken_s: float | None = None
    marks: list[WordEnd] | None = None

    def add_word(self, word: str, end_s: float) -> None:
        """Note where a word ends in the audio; one that the text does not have is left out."""
        after = self.marks[-1].text_end if self.marks else 0
        found = word_end(self.text, word, end_s, after)
        if found is not None:
            self.marks = [*(self.marks or ()), found]


class Playout:
    """What was sent of one utterance; used by the speaker's thread, read by others."""

    def __init__(self) -> None:
        """Create the record of an utterance of which nothing was sent yet."""
        self.segments: list[PlayedSegment] = []

    @property
    def sent_s(self) -> float:
        """Length of the audio that was sent [s]."""
        return sum(segment.sent_s for segment in self.segments)

    def begin(self, segment: PlayedSegment) -> None:
        """Note that a segment is sent from now on."""
        self.segments.append(segment)

    def sent(self, duration_s: float) -> None:
        """Note that audio of the present segment was sent."""
        self.segments[-1].sent_s += duration_s

    def heard(self, unheard_s: float) -> Heard:
        """Return what was heard, when so much of the audio that was sent was not."""
        heard_s = max(0.0, self.sent_s - max(0.0, unheard_s))
        words = [
            words_heard(segment.text, seconds, self._spoken_s(segment), segment.marks)
            for segment, seconds in self._split(heard_s)
        ]
        return Heard(heard_s, ' '.join(text for text in words if text))

    def resume_at(self, heard_s: float) -> tuple[int, int]:
        """Return part and number of the first segment that was not heard to the end of speech."""
        part, number = 0, 0
        for segment, seconds in self._split(heard_s):
            if segment.spoken_s is None or seconds + _TOLERANCE_S < segment.spoken_s:
                return segment.part, segment.number
            part, number = segment.part, segment.number + 1
        return part, number

    def _split(self, heard_s: float) -> list[tuple[PlayedSegment, float]]:
        """Return every segment with the seconds of it that were heard."""
        result = []
        for segment in list(self.segments):
            seconds = min(heard_s, segment.sent_s)
            result.append((segment, seconds))
            heard_s -= seconds
        return result

    def _spoken_s(self, segment: PlayedSegment) -> float:
        """Return how long the speech of a segment is; estimated while its end is not there."""
        if segment.spoken_s is not None:
            return segment.spoken_s
        known = [s for s in self.segments if s.spoken_s]
        length = sum(spoken_length(s.text) for s in known)
        rate = sum(s.spoken_s for s in known) / length if length else _LETTER_S
        return max(segment.sent_s, rate * spoken_length(segment.text))
