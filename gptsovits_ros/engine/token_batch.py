"""The token loop of utterances that are spoken at once: one step draws the next token of all.

It has a thread of its own, with its own share of the CPU threads, while there is anything to draw.
The tokens of a segment are drawn as fast as they come; there are no more than a segment has.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from gptsovits_ros.engine.model_cache import ByModel
from gptsovits_ros.engine.turns import Turns
from gptsovits_ros.errors import CanceledError
from gptsovits_ros.semantic.batched_steps import BatchedSteps, Generation
from gptsovits_ros.semantic.decode_steps import Drawing
from gptsovits_ros.semantic.generate import never, prefix
from gptsovits_ros.semantic.model import Text2Semantic
from gptsovits_ros.semantic.text_path import TextPath
from gptsovits_ros.types import SamplingParameters


@dataclass(eq=False)
class _Text:
    """A text whose tokens are wanted.

    Attributes:
        prefix: returns what it begins with (semantic.generate.prefix).
        path: keeps to the text; None: any token may come.
        limit: most tokens.
        took: told how long each token but the first took [s].
        generation: once it has begun.
        tokens: drawn and not taken yet.
        made: tokens drawn.
        is_wanted: False once nobody takes them any more.
        has_ended: True once there will be no more.
        failure: what drawing them has raised.

    """

    prefix: Callable[[], tuple[Tensor, Tensor, Tensor, Drawing]]
    path: TextPath | None
    limit: int
    took: Callable[[float], None]
    generation: Generation | None = None
    tokens: deque[int] = field(default_factory=deque)
    made: int = 0
    is_wanted: bool = True
    has_ended: bool = False
    failure: BaseException | None = None


class TokenBatch:
    """The texts that one GPT says at present."""

    def __init__(self, model: Text2Semantic, threads: int, others: int, turns: Turns) -> None:
        """Begin with none.

        Args:
            model: the GPT, on its device.
            threads: CPU threads of torch for the token loop.
            others: those that are left for the rest while it draws.
            turns: of those who ask for tokens, who leave theirs while they wait for one.

        """
        self._model = model
        self._threads = threads
        self._others = others
        self._turns = turns
        self._changed = threading.Condition()
        self._texts: list[_Text] = []
        self._thread: threading.Thread | None = None

    @property
    def decoder_threads(self) -> int:
        """CPU threads of torch for whoever makes sound now: all of them while nothing is drawn."""
        return self._others + (0 if self._thread else self._threads)

    def generate(
        self,
        phoneme_ids: Tensor,
        bert: Tensor,
        prompt: Tensor,
        sampling: SamplingParameters,
        generator: torch.Generator,
        *,
        max_tokens: int | None = None,
        path: TextPath | None = None,
        cancelled: Callable[[], bool] = never,
        took: Callable[[float], None] = lambda seconds: None,
    ) -> Iterator[int]:
        """Yield semantic tokens for one text; called by several threads.

        Arguments and errors are those of semantic.generate.generate, but for `took`, which is told
        how long each token but the first took [s]. Close it where it is not read to its end.
        """
        limit = max_tokens or self._model.config.token_limit
        # There are no positions beyond the table.
        limit = min(limit, len(self._model.positions) - len(prompt))
        inputs = phoneme_ids, bert, prompt, sampling, generator, path
        text = _Text(partial(prefix, self._model, *inputs), path, limit, took)
        self._add(text)
        try:
            while True:
                token = self._next(text)
                if cancelled():
                    raise CanceledError('the utterance was cancelled')
                if token is None:
                    return
                yield token
        finally:
            with self._changed:
                text.is_wanted = False
            text.failure = None  # its traceback holds this frame

    def _add(self, text: _Text) -> None:
        with self._changed:
            self._texts.append(text)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name='token batch', daemon=True)
                self._thread.start()

    def _next(self, text: _Text) -> int | None:
        """Wait for a token; None after the last. Raises what drawing it has raised."""
        if not text.tokens and not text.has_ended:
            with self._turns.left(), self._changed:
                self._changed.wait_for(lambda: text.tokens or text.has_ended)
        # Nobody else takes them.
        if text.tokens:
            return text.tokens.popleft()
        if text.failure is not None:
            raise text.failure
        return None

    @torch.inference_mode()
    def _run(self) -> None:
        """Draw until there is nothing left to draw."""
        torch.set_num_threads(self._threads)  # of this thread; what it was elsewhere stays
        steps = BatchedSteps(self._model)
        started = time.monotonic()
        while texts := self._wanted(steps):
            try:
                for text in texts:
                    self._draw(steps, text, time.monotonic() - started)
                started = time.monotonic()
                if len(steps):
                    steps.advance()
            except BaseException as error:  # whatever it is, those who wait for tokens get it
                for text in texts:
                    self._end(steps, text, error)

    def _wanted(self, steps: BatchedSteps) -> list[_Text]:
        """Return the texts to go on with; none: this was the last step of this thread."""
        with self._changed:
            for text in self._texts:
                if not text.is_wanted and text.generation is not None:
                    steps.end(text.generation)
            self._texts = [text for text in self._texts if text.is_wanted]
            if not self._texts:
                self._thread = None
            return list(self._texts)

    def _draw(self, steps: BatchedSteps, text: _Text, step_s: float) -> None:
        """Draw the next token of a text, which begins if it has not."""
        try:
            if text.generation is None:
                text.generation = steps.begin(*text.prefix())
            else:
                text.took(step_s)
            token, has_ended = steps.draw(text.generation)
            if not has_ended:
                text.made += 1
                if text.path is not None:
                    text.path.take(token)
        except BaseException as error:  # the others go on
            self._end(steps, text, error)
            return
        with self._changed:
            if not has_ended:
                text.tokens.append(token)
            self._changed.notify_all()
        if has_ended or text.made == text.limit:
            self._end(steps, text)

    def _end(self, steps: BatchedSteps, text: _Text, failure: BaseException | None = None) -> None:
        if text.generation is not None:
            steps.end(text.generation)
            text.generation = None
        with self._changed:
            if text in self._texts:
                self._texts.remove(text)
            if not text.has_ended:
                text.has_ended, text.failure = True, failure
            self._changed.notify_all()


class TokenBatches:
    """The token batch of each GPT in memory."""

    def __init__(self, threads: int, others: int, turns: Turns) -> None:
        """Take what each of them gets (TokenBatch)."""
        self._threads = threads
        self._others = others
        self._turns = turns
        self._batches: ByModel[TokenBatch] = ByModel()

    def of(self, model: Text2Semantic) -> TokenBatch:
        """Return that of a GPT."""
        return self._batches.get(
            model, lambda: TokenBatch(model, self._threads, self._others, self._turns)
        )
