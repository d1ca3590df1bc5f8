"""One segment of text, from phonemes to waveform, with the models and all randomness given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gptsovits_ros.engine.acoustic_model import Decoding
from gptsovits_ros.engine.attempts import Models, Retries, speak_guarded
from gptsovits_ros.engine.guard import Prompt, SegmentGuard
from gptsovits_ros.engine.loaded_voice import LoadedVoice, TextCondition, text_condition
from gptsovits_ros.errors import CanceledError
from gptsovits_ros.semantic.generate import generate
from gptsovits_ros.text.symbols import symbol_table
from gptsovits_ros.types import Phonemes, SamplingParameters, SpeechRequest


def segment_tokens(
    voice: LoadedVoice,
    text: TextCondition,
    sampling: SamplingParameters,
    generator: torch.Generator,
    cancelled: Callable[[], bool],
    max_tokens: int | None = None,
) -> Iterator[int]:
    """Yield the semantic tokens of a text, in the voice of the prompt.

    Raises:
        CanceledError: cancelled() said yes; it is asked before each token.

    """
    whole = text if voice.prompt_text is None else voice.prompt_text + text
    return generate(
        voice.semantic,
        whole.ids,
        whole.bert,
        voice.prompt_tokens,
        sampling,
        generator,
        max_tokens=max_tokens,
        cancelled=cancelled,
    )


@torch.inference_mode()
def segment_waveform(
    voice: LoadedVoice,
    tokens: list[int],
    text: TextCondition,
    decoding: Decoding,
    generator: torch.Generator,
    cancelled: Callable[[], bool],
) -> Tensor:
    """Return the waveform float32 [T] of the semantic tokens of a text.

    Raises:
        CanceledError: cancelled() said yes.

    """
    if cancelled():
        raise CanceledError('the utterance was cancelled')
    codes = torch.tensor(tokens, device=voice.device)
    return voice.acoustic.waveform(
        codes, text.ids, voice.condition, decoding, generator, cancelled
    )


@dataclass(frozen=True)
class SegmentSpeech:
    """How one segment of a request is spoken.

    Attributes:
        voice: whose models speak.
        request: with the speed and the pause that marks in the text ask for.
        generator: the source of all randomness of the utterance.
        cancelled: asked before each token and each decode.

    """

    voice: LoadedVoice
    request: SpeechRequest
    generator: torch.Generator
    cancelled: Callable[[], bool]

    @torch.inference_mode()
    def text(self, phonemes: Phonemes) -> TextCondition:
        """Return the text of the segment as the GPT reads it.

        Raises:
            CanceledError: cancelled() said yes.

        """
        if self.cancelled():
            raise CanceledError('the utterance was cancelled')
        width = self.voice.semantic.config.bert_dim
        return text_condition(phonemes, self.voice.bert, width, self.voice.device)

    def wave(self, text: TextCondition) -> np.ndarray:
        """Return the waveform float32 [T], whatever it sounds like; raises CanceledError."""
        tokens = list(self.tokens(text, self.request.sampling, self.generator))
        return self.decoded(tokens, text, self.generator)

    def tokens(
        self, text: TextCondition, sampling: SamplingParameters, generator: torch.Generator
    ) -> Iterator[int]:
        """Yield semantic tokens; raises CanceledError."""
        return segment_tokens(self.voice, text, sampling, generator, self.cancelled)

    def decoded(
        self, tokens: list[int], text: TextCondition, generator: torch.Generator
    ) -> np.ndarray:
        """Return the waveform float32 [T] of semantic tokens; raises CanceledError."""
        request = self.request
        decoding = Decoding(request.speed, request.noise_scale, request.sample_steps)
        wave = segment_waveform(self.voice, tokens, text, decoding, generator, self.cancelled)
        return wave.float().cpu().numpy()


@dataclass(frozen=True)
class UtteranceGuard:
    """Looks after the segments of one utterance (docs/guard.md).

    Attributes:
        prompt: what is known of the voice.
        retries: attempts with other seeds per segment, from 1.
        seed: of the utterance.

    """

    prompt: Prompt
    retries: int
    seed: int

    @classmethod
    def of(cls, voice: LoadedVoice, retries: int, seed: int) -> UtteranceGuard | None:
        """Return the guard of an utterance; None where nothing is to be checked."""
        if not retries or not voice.voice.guard:
            return None
        table = symbol_table(voice.acoustic.symbols)
        ids = [] if voice.prompt_text is None else voice.prompt_text.ids.tolist()
        prompt = Prompt(tuple(table[id] for id in ids), tuple(voice.prompt_tokens.tolist()))
        return cls(prompt, retries, seed)

    def wave(
        self, speech: SegmentSpeech, text: TextCondition, index: int, phonemes: Phonemes
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return the waveform float32 [T] of segment `index`, and what was done about faults.

        Raises:
            CanceledError: the caller wants no more.

        """
        device = speech.voice.device
        symbols = [symbol for span in phonemes.spans for symbol in span.phonemes]
        limit = speech.voice.semantic.config.token_limit
        return speak_guarded(
            SegmentGuard.of(symbols, self.prompt, limit),
            Models(
                draw=lambda sampling, generator: speech.tokens(text, sampling, generator),
                decode=lambda tokens, generator: speech.decoded(tokens, text, generator),
                generator=lambda seed: torch.Generator(device).manual_seed(seed),
            ),
            speech.request.sampling,
            speech.generator,
            Retries(self.retries, self.seed, index),
        )
