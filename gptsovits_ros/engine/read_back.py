"""How much of an utterance is understood: whisper writes it down, and what it writes is compared.

Not letters are compared but phonemes, which the frontend gives both texts. So it does not matter
whether a number comes as a figure or as a word, or which of several characters that sound alike.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import torch

from gptsovits_ros.audio.resample import resample
from gptsovits_ros.errors import (
    DependencyMissingError,
    LanguageUnsupportedError,
    TextInvalidError,
)
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.text.symbols import SILENT
from gptsovits_ros.text.user_lexicon import Lexicon, lexicons_at
from gptsovits_ros.types import AudioChunk, Span, SpeechRequest
from gptsovits_ros.voice.enroll.transcription import SAMPLE_RATE, Transcriber, find_transcriber
from gptsovits_ros.voice.store import Voice

# A part of a text that the engine leaves out, too; whisper may hear any language.
UNREADABLE = (TextInvalidError, LanguageUnsupportedError, DependencyMissingError)


@dataclass(frozen=True)
class Understood:
    """What somebody who listens understands.

    Attributes:
        text: what was heard.
        errors: phonemes that were to be said and not heard, or heard and not to be said.
        phonemes: that were to be said.

    """

    text: str
    errors: int
    phonemes: int


class ReadBack:
    """Listens to what was said and tells how much of it is understood."""

    def __init__(self, transcriber: Transcriber, frontend: TextFrontend) -> None:
        """Take what hears, and what reads."""
        self._transcriber = transcriber
        self._frontend = frontend

    @classmethod
    def find(cls, settings: EngineSettings, model_root: Path) -> ReadBack:
        """Return one that hears with the whisper in a model folder.

        Raises:
            DependencyMissingError: there is none, or no library to read it with.
            CheckpointError: it is damaged.
            ConfigurationError: the lexicon is wrong.

        """
        transcriber = find_transcriber(model_root)
        if transcriber is None:
            raise DependencyMissingError(
                f'listening needs a whisper model in {model_root} (a folder whose name holds '
                '"whisper", docs/enrolment.md); put one there, or do without listening'
            )
        lexicons = lexicons_at(settings.lexicon)
        frontend = TextFrontend('v2', settings.upstream_compatible, lexicons, model_root)
        return cls(transcriber, frontend)

    def understood(
        self, chunks: Sequence[AudioChunk], request: SpeechRequest, voice: Voice
    ) -> Understood:
        """Return what is understood of an utterance.

        Args:
            chunks: all of its audio.
            request: what was to be said; it could be.
            voice: that said it.

        """
        lexicons = lexicons_at(voice.lexicon)
        wanted = self._spans(request.text, request, lexicons)
        heard = self._transcriber.transcribe(_wave(chunks), _most_spoken_language(wanted))
        return Understood(heard, *_compared(wanted, self._spans(heard, request)))

    def _spans(
        self, text: str, request: SpeechRequest, lexicons: Sequence[Lexicon] = ()
    ) -> list[Span]:
        """Return the phonemes of a text, of what there is in it that can be read."""
        spans: list[Span] = []
        with contextlib.suppress(TextInvalidError):
            for segment in self._frontend.segments(
                text, request.language, request.split_method, lexicons
            ):
                with contextlib.suppress(*UNREADABLE):
                    spans += self._frontend.read(segment).spans
        return spans


def _compared(wanted: Iterable[Span], heard: Iterable[Span]) -> tuple[int, int]:
    """Return how many phonemes differ, and how many were to be said."""
    sounds = _sounds(wanted)
    matcher = SequenceMatcher(None, sounds, _sounds(heard), autojunk=False)
    matches = sum(block.size for block in matcher.get_matching_blocks())
    return max(len(sounds), len(matcher.b)) - matches, len(sounds)


def _sounds(spans: Iterable[Span]) -> list[str]:
    return [symbol for span in spans for symbol in span.phonemes if symbol not in SILENT]


def _most_spoken_language(spans: Iterable[Span]) -> str:
    """Return the language of most phonemes: whisper is told one."""
    counts: Counter[str] = Counter()
    for span in spans:
        counts[span.language] += len(span.phonemes)
    return counts.most_common(1)[0][0]


def _wave(chunks: Sequence[AudioChunk]) -> np.ndarray:
    """Return all samples of an utterance at 16 kHz, float32 [T]."""
    samples = torch.from_numpy(np.concatenate([chunk.samples for chunk in chunks]))
    return resample(samples, chunks[0].sample_rate, SAMPLE_RATE).numpy()
