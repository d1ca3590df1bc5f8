"""An engine whose audio tells which word it is: every word is a level of its own.

The process, the protocol and the client are the real ones; only the models are replaced. So what
was really heard can be read from the samples that a player played.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gptsovits_ros.engine import worker
from gptsovits_ros.errors import CanceledError
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import AudioChunk, SpeechRequest, VoiceInfo

SAMPLE_RATE = 32000
WORDS_PER_SEGMENT = 6
LETTER_S = 0.06
PAUSE_S = 0.2
# How much longer or shorter a word is than its letters tell: speech is not even.
UNEVENNESS = 0.25
# The level of a word, of 32768: its place in the text modulo LEVELS, plus 1, times STEP.
LEVELS = 100
STEP = 200


@dataclass(frozen=True)
class Word:
    """A word of a text: its place, its segment, and how many samples it lasts."""

    text: str
    place: int
    segment: int
    samples: int

    @property
    def level(self) -> int:
        """What its samples are, of 32768."""
        return (self.place % LEVELS + 1) * STEP


def words(text: str) -> list[Word]:
    """Return the words of a text; the same text has the same lengths."""
    rng = random.Random(text)
    return [
        Word(
            word,
            place,
            place // WORDS_PER_SEGMENT,
            round(
                len(word) * LETTER_S * rng.uniform(1 - UNEVENNESS, 1 + UNEVENNESS) * SAMPLE_RATE
            ),
        )
        for place, word in enumerate(text.split())
    ]


class WordEngine:
    """Speaks levels; as quick as the caller reads."""

    device = 'cpu'

    def voices(self) -> list[VoiceInfo]:
        """Return the one voice."""
        return [VoiceInfo('levels', 'a level for each word', ('en',), 'v2', SAMPLE_RATE, True)]

    def synthesize(
        self, request: SpeechRequest, cancelled: Callable[[], bool]
    ) -> Iterator[AudioChunk]:
        """Yield a chunk per word, and silence behind each segment; "hush" is silence only."""
        if request.text == 'hush':
            yield AudioChunk(np.zeros(SAMPLE_RATE // 10, np.float32), SAMPLE_RATE, 0, 'hush')
            return
        segments: dict[int, list[Word]] = {}
        for word in words(request.text):
            segments.setdefault(word.segment, []).append(word)
        for number, spoken in segments.items():
            if number < request.first_segment:
                continue
            text = ' '.join(word.text for word in spoken)
            for word in spoken:
                if cancelled():
                    raise CanceledError('cancelled')
                samples = np.full(word.samples, word.level / 32768, np.float32)
                yield AudioChunk(samples, SAMPLE_RATE, number, text, is_segment_end=False)
            silence = np.zeros(round(PAUSE_S * SAMPLE_RATE), np.float32)
            yield AudioChunk(silence, SAMPLE_RATE, number, text)


def load(settings: EngineSettings) -> WordEngine:
    """Load it."""
    return WordEngine()


if __name__ == '__main__':
    sys.exit(worker.main(engine_factory=load))
