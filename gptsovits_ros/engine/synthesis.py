"""One segment of text, from phonemes to sound, with the models and all randomness given."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from gptsovits_ros.engine.acoustic_model import AcousticStream, Decoding
from gptsovits_ros.engine.attempts import Decode, Models, Piece, Retries, speak, speak_guarded
from gptsovits_ros.engine.chunk_plan import ChunkPlan, Pace, PaceMeter, Plan, WholePlan
from gptsovits_ros.engine.draw_ahead import drawn_ahead
from gptsovits_ros.engine.guard import Prompt, SegmentGuard, SpokenOrder, expected_tokens
from gptsovits_ros.engine.loaded_voice import LoadedVoice, TextCondition, text_condition
from gptsovits_ros.engine.marks import SegmentMarks
from gptsovits_ros.engine.seeds import attempt_seed, noise_seed
from gptsovits_ros.engine.text_following import text_path
from gptsovits_ros.errors import CanceledError
from gptsovits_ros.semantic.generate import generate, never
from gptsovits_ros.text.symbols import symbol_table
from gptsovits_ros.types import Phonemes, SamplingParameters, SpeechRequest


def segment_tokens(
    voice: LoadedVoice,
    text: TextCondition,
    sampling: SamplingParameters,
    generator: torch.Generator,
    cancelled: Callable[[], bool],
    max_tokens: int | None = None,
    took: Callable[[float], None] = lambda seconds: None,
) -> Iterator[int]:
    """Yield the semantic tokens of a text, in the voice of the prompt.

    Where they come from a batch, `took` is told how long each but the first took [s].

    Raises:
        CanceledError: cancelled() said yes; it is asked before each token.

    """
    whole = text if voice.prompt_text is None else voice.prompt_text + text
    table = voice.token_table
    path = None
    if table is not None and table.codes is not None:
        path = text_path(table.codes, voice.acoustic.symbols, text.ids.tolist())
    inputs = whole.ids, whole.bert, voice.prompt_tokens, sampling, generator
    options = {'max_tokens': max_tokens, 'path': path, 'cancelled': cancelled}
    if voice.batch is not None:
        return voice.batch.generate(*inputs, **options, took=took)
    return generate(voice.semantic, *inputs, **options, captured=voice.steps)


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
        seed: of the utterance.
        index: number of the segment in the utterance.
        phonemes: the segment.
        meter: measures the models.
        cancelled: asked for each token and before each decode, by the thread that reads the
            pieces.
        threads: CPU threads of torch that the token loop shares with the decoder, in a thread of
            its own, while a stream is decoded (draw_ahead); 1: they take turns.
        sharing: tells how many utterances share the decoder at present.

    """

    voice: LoadedVoice
    request: SpeechRequest
    seed: int
    index: int
    phonemes: Phonemes
    meter: PaceMeter
    cancelled: Callable[[], bool]
    threads: int = 1
    sharing: Callable[[], int] = lambda: 1

    def pieces(self) -> Generator[Piece, None, None]:
        """Yield the sound of the segment, judged by the guard where one is wanted.

        Close it where it is not read to its end: then nothing is drawn any more.

        Raises:
            CanceledError: cancelled() said yes.

        """
        text = self._text()
        symbols = [symbol for span in self.phonemes.spans for symbol in span.phonemes]
        prompt = self._prompt()
        limit = self.voice.semantic.config.token_limit
        plan = self._plan(text, self._expected_tokens(symbols, prompt))

        def draw(
            sampling: SamplingParameters, seed: int, most: int | None
        ) -> Generator[int, None, None]:
            return self._tokens(text, sampling, seed, most, plan.overlaps)

        models = Models(draw, lambda seed: self._decoder(text, seed), plan)
        sampling, retries = self.request.sampling, self.request.guard_retries
        if not retries or not self.voice.voice.guard:
            return speak(models, sampling, attempt_seed(self.seed, self.index))
        return speak_guarded(
            SegmentGuard.of(symbols, prompt, limit, self._order()),
            models,
            sampling,
            Retries(retries, self.seed, self.index),
        )

    def marks(self) -> SegmentMarks | None:
        """Return what finds the marks of its pieces; None: they are not asked for."""
        if not self.request.marks:
            return None
        symbols = [symbol for span in self.phonemes.spans for symbol in span.phonemes]
        expected = self._expected_tokens(symbols, self._prompt())
        return SegmentMarks(self.phonemes, self.voice.token_table, expected)

    def _expected_tokens(self, symbols: Sequence[str], prompt: Prompt) -> float:
        limit = self.voice.semantic.config.token_limit
        return min(expected_tokens(symbols) * prompt.pace, limit)

    @torch.inference_mode()
    def _text(self) -> TextCondition:
        """Return the text of the segment as the GPT reads it."""
        if self.cancelled():
            raise CanceledError('the utterance was cancelled')
        width = self.voice.semantic.config.bert_dim
        return text_condition(self.phonemes, self.voice.bert, width, self.voice.device)

    def _prompt(self) -> Prompt:
        """Return what the guard knows of the voice."""
        table = symbol_table(self.voice.acoustic.symbols)
        text = self.voice.prompt_text
        ids = [] if text is None else text.ids.tolist()
        return Prompt(tuple(table[id] for id in ids), tuple(self.voice.prompt_tokens.tolist()))

    def _order(self) -> SpokenOrder | None:
        """Return what the tokens should say; None: the voice has no token table."""
        table = self.voice.token_table
        return None if table is None else SpokenOrder(table, self.phonemes.ids)

    def _plan(self, text: TextCondition, tokens: float) -> Plan:
        """Return how a segment that is expected to take so many tokens is cut into pieces."""
        stream = self._stream(text, self.seed)
        if stream is None:
            return WholePlan()
        return ChunkPlan.of(
            stream.lookahead,
            tokens,
            stream.token_duration_s,
            self._pace(),
            overlaps=self.threads > 1 or self.voice.batch is not None,
        )

    def _pace(self) -> Pace | None:
        """Return how fast the models are, while others wait for their turns."""
        pace = self.meter.pace
        return pace and replace(pace, decode_s=pace.decode_s * self.sharing())

    def _tokens(
        self,
        text: TextCondition,
        sampling: SamplingParameters,
        seed: int,
        most: int | None,
        overlaps: bool,
    ) -> Generator[int, None, None]:
        """Yield the tokens of this seed, and no more than so many."""
        generator = self._generator(seed)
        if self.voice.batch is not None:
            inputs = self.voice, text, sampling, generator, self.cancelled
            with closing(segment_tokens(*inputs, took=self.meter.drew)) as tokens:
                yield from itertools.islice(tokens, most)
            return
        cancelled = never if overlaps else self.cancelled
        tokens = segment_tokens(self.voice, text, sampling, generator, cancelled)
        drawn = itertools.islice(tokens, most)
        if overlaps:
            yield from drawn_ahead(self.meter.drawn(drawn), self.threads, self.cancelled)
        elif self.threads > 1:
            yield from drawn  # by all threads, which is not the pace of a share of them
        else:
            yield from self.meter.drawn(drawn)

    def _decoder(self, text: TextCondition, seed: int) -> Decode:
        """Return what makes the sound of the tokens that this seed gave."""
        stream = self._stream(text, seed)
        made = 0

        def decode(tokens: Sequence[int], stop: int | None) -> np.ndarray:
            nonlocal made
            if not tokens:
                return np.zeros(0, np.float32)
            if self.voice.batch is not None:
                torch.set_num_threads(self.voice.batch.decoder_threads)
            new = (len(tokens) if stop is None else stop) - made
            made += new
            if self.threads > 1 and stop is None:
                # By all threads, too: the token loop has ended.
                return self._sound(tokens, stop, text, stream, seed)
            return self.meter.decoded(new, lambda: self._sound(tokens, stop, text, stream, seed))

        return decode

    @torch.inference_mode()
    def _sound(
        self,
        tokens: Sequence[int],
        stop: int | None,
        text: TextCondition,
        stream: AcousticStream | None,
        seed: int,
    ) -> np.ndarray:
        """Return the waveform that follows, float32 [T]; without a stream that is all of it."""
        if stream is None:
            generator = self._generator(noise_seed(seed))
            wave = segment_waveform(
                self.voice, list(tokens), text, self._decoding, generator, self.cancelled
            )
        else:
            wave = stream.decode(torch.tensor(tokens, device=self.voice.device), stop)
        return wave.float().cpu().numpy()

    def _stream(self, text: TextCondition, seed: int) -> AcousticStream | None:
        """Begin to decode in pieces; None where the segment is decoded whole."""
        if not self.request.stream:
            return None
        return self.voice.acoustic.stream(
            text.ids,
            self.voice.condition,
            self._decoding,
            self._generator(noise_seed(seed)),
            self.cancelled,
        )

    @property
    def _decoding(self) -> Decoding:
        request = self.request
        return Decoding(request.speed, request.noise_scale, request.sample_steps)

    def _generator(self, seed: int) -> torch.Generator:
        return torch.Generator(self.voice.device).manual_seed(seed)
