"""One token after another: the step of the GPT, plain, and captured on a GPU to be replayed.

A step is some three hundred small operations, which take a GPU less time than its host takes to
start them. With tensors whose shapes and addresses stay it can be captured once and replayed as a
whole, the drawing of the token included. PlainSteps and CapturedSteps give the same tokens, but
for what rounding does.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from gptsovits_ros.semantic.kv_cache import FixedCache, KVCache
from gptsovits_ros.semantic.model import Text2Semantic
from gptsovits_ros.semantic.sampling import draw, exponential_noise, penalize_repetition
from gptsovits_ros.semantic.text_path import TextPath
from gptsovits_ros.semantic.text_window import TextWindow
from gptsovits_ros.types import Capture, SamplingParameters

# A captured step reads so many rows, filled or not, doubled as often as needed. Each takes a
# capture of its own.
SPANS = (256, 384)
# Captured steps that are kept: each span with each way to sample that was asked for lately.
MOST_CAPTURED = 16
# Rows of text and tokens by which captured steps are compared with plain ones.
CHECKED_ROWS = 12


@dataclass(frozen=True)
class Drawing:
    """How the tokens of a generation are drawn.

    Attributes:
        sampling: the parameters.
        generator: source of all randomness, on the model's device.
        path: keeps to the text; None: any token may come.
        window: what of the text tokens see.

    """

    sampling: SamplingParameters
    generator: torch.Generator
    path: TextPath | None
    window: TextWindow


class DecodeSteps(Protocol):
    """The steps of a generation."""

    def read(self, h: Tensor, mask: Tensor) -> None:
        """Read the rows of text and prompt, h [1, T, d]; mask says what each of them sees."""

    def next(self) -> tuple[int, bool]:
        """Return the next token, and whether it was the end, and is not to be spoken."""


class PlainSteps:
    """Steps that are computed when they are asked for, with a cache that grows."""

    def __init__(
        self, model: Text2Semantic, prompt: Tensor, capacity: int, drawing: Drawing
    ) -> None:
        """Begin a generation behind a prompt [S], with room for so many rows."""
        self._model = model
        self._drawing = drawing
        self._capacity = capacity
        self._cache: KVCache | None = None
        self._seen = seen_ids(model, prompt[None])
        self._prompt_rows, self._made = len(prompt), 0
        self._last = self._token = prompt

    def read(self, h: Tensor, mask: Tensor) -> None:
        """Read the rows of text and prompt; see DecodeSteps."""
        self._cache = KVCache(self._model.config, 1, self._capacity, h.device, h.dtype)
        self._last = self._model.hidden_states(h, mask, self._cache)[:, -1]

    def next(self) -> tuple[int, bool]:
        """Return the next token, and whether it was the end; see DecodeSteps."""
        if self._made:
            row = self._model.embed_tokens(self._token[None], self._prompt_rows + self._made - 1)
            self._last = self._model.hidden_states(row, self._mask(), self._cache)[:, -1]
        logits = self._model.logits(self._last).float()
        self._token, ended = drawn(self._model, logits, self._seen, self._made, self._drawing)
        self._made += 1
        return int(self._token), bool(ended)

    def _mask(self) -> Tensor | None:
        """Return what the row of the last token sees, bool [1, 1, 1, rows]; None: everything."""
        text = self._drawing.window.of_token()
        if text is None:
            return None
        others = text.new_ones(self._cache.length + 1 - len(text))
        return torch.cat([text, others])[None, None, None]


class CapturedSteps:
    """Steps of one generation after another, in tensors that stay."""

    def __init__(self, model: Text2Semantic, capture: Capture) -> None:
        """Take the GPT, on its device, and what captures there."""
        self._model = model
        self._capture = capture
        weight, vocabulary = model.token_embedding.weight, model.config.vocab_size
        self._device, self._dtype = weight.device, weight.dtype
        with torch.inference_mode():
            self._token = torch.zeros(1, dtype=torch.int64, device=self._device)
            self._has_ended = torch.zeros(1, dtype=torch.int64, device=self._device)
            self._position = torch.zeros(1, dtype=torch.int64, device=self._device)
            self._made = torch.zeros(1, dtype=torch.int64, device=self._device)
            self._seen = torch.zeros(1, vocabulary, dtype=torch.bool, device=self._device)
            self._logits = torch.zeros(1, vocabulary, device=self._device)
            self._noise = torch.ones(1, vocabulary, device=self._device)
        self._cache: FixedCache | None = None
        self._drawing: Drawing | None = None
        self._rows = 0  # that are filled
        self._is_first = True
        # By the rows that are read, and the sampling; None: the host draws.
        self._steps: OrderedDict[tuple[int, SamplingParameters | None], Callable[[], None]] = (
            OrderedDict()
        )

    @property
    def captured(self) -> int:
        """How many steps are kept."""
        return len(self._steps)

    def fits(self, prompt_rows: int, limit: int) -> bool:
        """Tell whether so many tokens behind a prompt have positions in the model's table."""
        return prompt_rows + limit <= len(self._model.positions)

    def begin(self, prompt: Tensor, capacity: int, drawing: Drawing) -> DecodeSteps:
        """Begin a generation behind a prompt [S], with room for so many rows.

        The one before is over. A cache that is too small is made anew, and all steps with it.
        """
        if self._cache is None or self._cache.rows.capacity < capacity:
            self._steps.clear()
            self._cache = None  # so that both are never in memory
            self._cache = FixedCache(
                self._model.config, _span(capacity), self._device, self._dtype
            )
        self._cache.rows.length = 0
        self._position.fill_(len(prompt))
        self._made.zero_()
        self._seen.copy_(seen_ids(self._model, prompt[None]))
        self._drawing, self._is_first = drawing, True
        return self

    def read(self, h: Tensor, mask: Tensor) -> None:
        """Read the rows of text and prompt; see DecodeSteps."""
        last = self._model.hidden_states(h, mask, self._cache.rows)[:, -1]
        self._logits.copy_(self._model.logits(last))
        self._cache.begin()
        self._rows = h.shape[1]

    def next(self) -> tuple[int, bool]:
        """Return the next token, and whether it was the end; see DecodeSteps."""
        drawing = self._drawing
        drawn_here = drawing.path is not None
        self._noise.exponential_(1.0, generator=drawing.generator)
        if not self._is_first:
            visible = drawing.window.of_token()
            if visible is not None:
                self._cache.see(visible)
            self._rows += 1
            self._step(_span(self._rows), None if drawn_here else drawing.sampling)()
        elif not drawn_here:
            self._draw(drawing.sampling)
        if drawn_here:
            logits = drawing.path.steer(self._logits)
            self._keep(*draw(logits, self._noise, drawing.sampling, self._model.config.eos))
        self._is_first = False
        token, has_ended = torch.cat([self._token, self._has_ended]).tolist()
        return token, bool(has_ended)

    @torch.inference_mode()
    def error(self) -> float:
        """Return the error of the logits of captured steps, relative to those of plain ones.

        It is that of a few tokens one by one; no generation may be under way.
        """
        model, config = self._model, self._model.config
        ids = torch.arange(CHECKED_ROWS, device=self._device) % config.phoneme_vocab_size
        bert = self._logits.new_zeros(config.bert_dim, CHECKED_ROWS)
        tokens = torch.arange(CHECKED_ROWS, device=self._device) % config.vocab_size
        plain = model.teacher_forced(ids[None], bert[None], tokens[None])[0].float()
        nothing = tokens[:0]
        generator = torch.Generator(self._device)
        window = TextWindow(0, ids, nothing, None)
        drawing = Drawing(SamplingParameters(), generator, None, window)
        self.begin(nothing, 2 * CHECKED_ROWS, drawing)
        self.read(model.embed_text(ids[None], bert[None]), window.of_prompt())
        logits = [self._logits.clone()]
        for token in tokens:
            self._token.fill_(token)
            self._rows += 1
            self._step(_span(self._rows), None)()
            logits.append(self._logits.clone())
        return float((torch.cat(logits) - plain).norm() / plain.norm())

    def _step(self, span: int, sampling: SamplingParameters | None) -> Callable[[], None]:
        """Return a step that reads so many rows, captured if it was not yet."""
        key = (span, sampling)
        if key not in self._steps:
            while len(self._steps) >= MOST_CAPTURED:
                self._steps.popitem(last=False)
            self._steps[key] = self._captured(span, sampling)
        self._steps.move_to_end(key)
        return self._steps[key]

    def _captured(self, span: int, sampling: SamplingParameters | None) -> Callable[[], None]:
        def step() -> None:
            self._cache.span = span
            self._advance()
            if sampling is not None:
                self._draw(sampling)

        # Capturing may run the step, which must not be noticed. The row of the cache that it
        # writes is the next one, and is written again.
        state = (
            self._token,
            self._has_ended,
            self._position,
            self._made,
            self._seen,
            self._logits,
            self._cache.row,
        )
        before = [tensor.clone() for tensor in state]
        replay = self._capture(step)
        for tensor, value in zip(state, before, strict=True):
            tensor.copy_(value)
        return replay

    def _advance(self) -> None:
        """Read the last token: its row enters the cache, and its logits come out."""
        row = self._model.embed_tokens(self._token[None], self._position)
        last = self._model.hidden_states(row, self._cache.mask(), self._cache)[:, -1]
        self._logits.copy_(self._model.logits(last))
        self._position += 1

    def _draw(self, sampling: SamplingParameters) -> None:
        """Draw a token by the logits, on the device."""
        may_end = self._made >= self._model.config.min_tokens
        logits = allowed(self._model, self._logits, self._seen, may_end, sampling)
        self._keep(*draw(logits, self._noise, sampling, self._model.config.eos))

    def _keep(self, token: Tensor, has_ended: Tensor) -> None:
        self._token.copy_(token)
        self._has_ended.copy_(has_ended)
        self._seen.scatter_(1, token[:, None], True)
        self._made += 1


def drawn(
    model: Text2Semantic, logits: Tensor, seen: Tensor, made: int, drawing: Drawing
) -> tuple[Tensor, Tensor]:
    """Return the next token [1] of a generation, and whether it is the end, bool [1].

    Args:
        model: the GPT.
        logits: as it gave them, float32 [1, V].
        seen: bool [1, V], ids that occurred; the token is marked.
        made: tokens before this one.
        drawing: of the generation.

    """
    if drawing.path is None:
        may_end = made >= model.config.min_tokens
        logits = allowed(model, logits, seen, may_end, drawing.sampling)
    else:
        # It cannot end too soon, and short answers may be shorter.
        logits = drawing.path.steer(logits)
    noise = exponential_noise(logits, drawing.generator)
    token, has_ended = draw(logits, noise, drawing.sampling, model.config.eos)
    seen.scatter_(1, token[:, None], True)
    return token, has_ended


def allowed(
    model: Text2Semantic,
    logits: Tensor,
    seen: Tensor,
    may_end: Tensor | bool,
    sampling: SamplingParameters,
) -> Tensor:
    """Return logits [B, V] of a token that no path steers.

    Args:
        model: the GPT.
        logits: as it gave them, float32 [B, V].
        seen: bool [B, V], ids that occurred.
        may_end: whether the end may come; bool [1] where that is known on the device alone.
        sampling: the parameters.

    """
    logits = penalize_repetition(logits, seen, sampling.repetition_penalty)
    if may_end is True:  # known on the host, and so for nearly all tokens
        return logits
    is_end = torch.arange(logits.shape[-1], device=logits.device) == model.config.eos
    is_barred = is_end & ~torch.as_tensor(may_end, device=logits.device)
    return logits.masked_fill(is_barred, -torch.inf)


def seen_ids(model: Text2Semantic, prompt: Tensor) -> Tensor:
    """Return bool [B, V]: which ids the prompt [B, S] holds."""
    seen = torch.zeros(
        prompt.shape[0], model.config.vocab_size, dtype=torch.bool, device=prompt.device
    )
    return seen.scatter(1, prompt, True)


def _span(rows: int) -> int:
    """Return the least span that holds so many rows."""
    scale = 1
    while True:
        for span in SPANS:
            if rows <= span * scale:
                return span * scale
        scale *= 2
