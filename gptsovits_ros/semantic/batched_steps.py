"""Several generations at once: the weights are read once for the next token of all of them.

Others may begin and end at any time. Each has its own text, prompt, length, randomness and way to
sample, and gets the tokens that it would get alone, but for what rounding does.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gptsovits_ros.semantic.config import SemanticConfig
from gptsovits_ros.semantic.decode_steps import Drawing, drawn, seen_ids
from gptsovits_ros.semantic.kv_cache import KVCache
from gptsovits_ros.semantic.model import Text2Semantic

# Rows are allocated in multiples of this.
ROWS = 128


class Generation:
    """One of several generations, and how far it is.

    Attributes:
        drawing: how its tokens are drawn.
        rows: filled in the cache.
        made: tokens drawn so far.
        seen: bool [1, V], ids that occurred.
        logits: float32 [1, V], of the next token.
        token: int64 [1], drawn last.

    """

    def __init__(self, drawing: Drawing, rows: int, prompt_rows: int, seen: Tensor) -> None:
        """Begin behind so many rows, so many of which are those of the prompt."""
        self.drawing = drawing
        self.rows = rows
        self.made = 0
        self.seen = seen
        self.logits = self.token = seen.new_empty(0)
        self._prompt_rows = prompt_rows

    @property
    def position(self) -> int:
        """That of the token drawn last, among semantic tokens."""
        return self._prompt_rows + self.made - 1


class BatchedSteps:
    """The generations of one GPT that are under way."""

    def __init__(self, model: Text2Semantic) -> None:
        """Take the GPT, on its device."""
        self._model = model
        self._generations: list[Generation] = []
        weight = model.token_embedding.weight
        self._cache = _Cache(model.config, weight.device, weight.dtype)

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._generations)

    @torch.inference_mode()
    def begin(self, h: Tensor, mask: Tensor, prompt: Tensor, drawing: Drawing) -> Generation:
        """Read a text and a prompt, and return their generation.

        Args:
            h: their rows, [1, T, d].
            mask: what each of them sees, bool [1, 1, T, T].
            prompt: int64 [S].
            drawing: how tokens are drawn.

        """
        rows, model = h.shape[1], self._model
        own = KVCache(model.config, 1, rows, h.device, h.dtype)
        last = model.hidden_states(h, mask, own)[:, -1]
        generation = Generation(drawing, rows, len(prompt), seen_ids(model, prompt[None]))
        generation.logits = model.logits(last).float()
        self._cache.put(len(self), own)
        self._generations.append(generation)
        return generation

    @torch.inference_mode()
    def draw(self, generation: Generation) -> tuple[int, bool]:
        """Return the next token of a generation, and whether it is the end, not to be spoken."""
        generation.token, has_ended = drawn(
            self._model, generation.logits, generation.seen, generation.made, generation.drawing
        )
        generation.made += 1
        return int(generation.token), bool(has_ended)

    @torch.inference_mode()
    def end(self, generation: Generation) -> None:
        """Forget a generation; the last one takes its place."""
        place = self._generations.index(generation)
        last = self._generations.pop()
        if last is not generation:
            self._cache.move(len(self._generations), place, last.rows)
            self._generations[place] = last

    @torch.inference_mode()
    def advance(self) -> None:
        """Read the token that was drawn last of each generation."""
        generations = self._generations
        mask = self._cache.begin([generation.rows for generation in generations])
        for row, generation in zip(mask, generations, strict=True):
            visible = generation.drawing.window.of_token()
            if visible is not None:
                row[: len(visible)] = visible
        tokens = torch.stack([generation.token for generation in generations])
        positions = torch.tensor([one.position for one in generations], device=tokens.device)
        h = self._model.embed_tokens(tokens, positions)
        last = self._model.hidden_states(h, mask[:, None, None], self._cache)[:, -1]
        for generation, logits in zip(
            generations, self._model.logits(last).float().split(1), strict=True
        ):
            generation.logits = logits
            generation.rows += 1


class _Cache:
    """Keys and values of several generations, each of which has filled other rows.

    Attributes:
        keys: [layers, generations, heads, rows, head_dim]; there is room for more of both.
        values: the same shape.

    """

    def __init__(self, config: SemanticConfig, device: torch.device, dtype: torch.dtype) -> None:
        self.keys = torch.zeros(
            config.n_layer, 0, config.head, 0, config.head_dim, device=device, dtype=dtype
        )
        self.values = self.keys.clone()
        self._rows = torch.zeros(0, dtype=torch.int64, device=device)
        self._numbers = self._rows
        self._span = 0

    def put(self, place: int, rows: KVCache) -> None:
        """Copy the rows of a generation."""
        self._make_room(place + 1, rows.length + 1)
        self.keys[:, place, :, : rows.length] = rows.keys[:, 0, :, : rows.length]
        self.values[:, place, :, : rows.length] = rows.values[:, 0, :, : rows.length]

    def move(self, source: int, place: int, rows: int) -> None:
        """Copy so many rows of a generation to the place of another."""
        self.keys[:, place, :, :rows] = self.keys[:, source, :, :rows]
        self.values[:, place, :, :rows] = self.values[:, source, :, :rows]

    def begin(self, rows: list[int]) -> Tensor:
        """Begin a step of the first generations, which have filled so many rows.

        Returns:
            Which rows each of them has, the new one included, bool [B, rows].

        """
        self._span = max(rows) + 1
        self._make_room(len(rows), self._span)
        self._rows = torch.tensor(rows, device=self.keys.device)
        self._numbers = torch.arange(len(rows), device=self.keys.device)
        return torch.arange(self._span, device=self.keys.device) <= self._rows[:, None]

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store a row of each generation [B, heads, 1, head_dim]; return what is read of all."""
        all_keys, all_values = self.keys[layer], self.values[layer]
        all_keys[self._numbers, :, self._rows] = keys[:, :, 0]
        all_values[self._numbers, :, self._rows] = values[:, :, 0]
        count = len(self._numbers)
        return all_keys[:count, :, : self._span], all_values[:count, :, : self._span]

    def advance(self, rows: int) -> None:
        """Nothing: the generations count their rows."""

    def _make_room(self, generations: int, rows: int) -> None:
        layers, have, heads, have_rows, width = self.keys.shape
        if generations <= have and rows <= have_rows:
            return
        if generations > have:
            generations = max(generations, 2 * have)
        rows = max(have_rows, -(-rows // ROWS) * ROWS)
        shape = (layers, max(have, generations), heads, rows, width)
        # What is not filled is multiplied by 0, so it must be a number.
        for name in ('keys', 'values'):
            before = getattr(self, name)
            after = before.new_zeros(shape)
            after[:, :have, :, :have_rows] = before
            setattr(self, name, after)
