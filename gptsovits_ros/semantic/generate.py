"""The token loop: prefill once, then one token at a time, asking for cancel before each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from gptsovits_ros.errors import CanceledError
from gptsovits_ros.semantic.kv_cache import KVCache
from gptsovits_ros.semantic.model import Text2Semantic, prefix_mask
from gptsovits_ros.semantic.sampling import (
    choose,
    exponential_noise,
    penalize_repetition,
    probabilities,
)
from gptsovits_ros.semantic.text_path import TextPath
from gptsovits_ros.semantic.text_places import window_mask
from gptsovits_ros.types import SamplingParameters


def never() -> bool:
    """Answer "cancelled?" with no."""
    return False


@torch.inference_mode()
def generate(
    model: Text2Semantic,
    phoneme_ids: Tensor,
    bert: Tensor,
    prompt: Tensor,
    sampling: SamplingParameters,
    generator: torch.Generator,
    *,
    max_tokens: int | None = None,
    path: TextPath | None = None,
    cancelled: Callable[[], bool] = never,
) -> Iterator[int]:
    """Yield semantic tokens for one text until the model ends it or max_tokens were made.

    Args:
        model: the GPT, on its device.
        phoneme_ids: int64 [P], prompt text and target text (target only without a prompt).
        bert: [bert_dim, P].
        prompt: int64 [S], tokens of the reference clip; S may be 0.
        sampling: how tokens are drawn.
        generator: source of all randomness, on the model's device.
        max_tokens: most tokens to make; None: as many as the model was trained for.
        path: keeps to the text, so that nothing can be repeated, and no token is made less likely
            for having occurred. None: any may come.
        cancelled: asked before each token.

    Raises:
        CanceledError: cancelled() said yes.

    """
    limit = max_tokens or model.config.token_limit
    rows = len(phoneme_ids) + len(prompt)
    cache = KVCache(model.config, 1, rows + limit, phoneme_ids.device, bert.dtype)
    h = model.embed_text(phoneme_ids[None], bert[None])
    if len(prompt):
        h = torch.cat([h, model.embed_tokens(prompt[None])], dim=1)
    window = TextWindow(model.config.text_ahead, phoneme_ids, prompt, path)
    seen = _seen(model, prompt[None])
    last = model.hidden_states(h, window.of_prompt(), cache)[:, -1]
    for step in range(limit):
        if cancelled():
            raise CanceledError('the utterance was cancelled')
        token, ended = _next_token(model, last, seen, step, sampling, generator, path)
        if bool(ended):
            return
        if path is not None:
            path.take(int(token))
        yield int(token)
        if step + 1 < limit:
            last = model.hidden_states(
                model.embed_tokens(token[None], len(prompt) + step),
                window.of_token(cache.length),
                cache,
            )[:, -1]


class TextWindow:
    """What tokens see, where that is not all that came before them (text_places.py)."""

    def __init__(
        self, ahead: int, phoneme_ids: Tensor, prompt: Tensor, path: TextPath | None
    ) -> None:
        """Take config.text_ahead and the inputs of `generate`; without a path, all is seen."""
        self._ahead = ahead if path is not None else 0
        self._phoneme_ids = phoneme_ids
        self._prompt = prompt
        self._path = path

    def of_prompt(self) -> Tensor:
        """Return what the rows of text and prompt see, bool [1, 1, T, T]."""
        rows, device = len(self._phoneme_ids), self._phoneme_ids.device
        mask = prefix_mask(rows, len(self._prompt), device)
        if self._ahead and len(self._prompt):
            text = self._phoneme_ids[: rows - self._path.text_rows]
            places = self._path.places_of(text, self._prompt).to(device)
            mask[..., rows:, :rows] = window_mask(places[None], rows, self._ahead)
        return mask

    def of_token(self, before: int) -> Tensor | None:
        """Return what the row of the token drawn last sees, bool [1, 1, 1, before + 1]."""
        if not self._ahead:
            return None
        rows, device = len(self._phoneme_ids), self._phoneme_ids.device
        place = torch.tensor([[rows - self._path.text_rows + self._path.place]], device=device)
        others = torch.ones(1, 1, 1, before + 1 - rows, dtype=torch.bool, device=device)
        return torch.cat([window_mask(place, rows, self._ahead), others], dim=-1)


@torch.inference_mode()
def generate_batch(
    model: Text2Semantic,
    texts: Sequence[tuple[Tensor, Tensor]],
    prompt: Tensor,
    sampling: SamplingParameters,
    generator: torch.Generator,
    *,
    max_tokens: int | None = None,
    cancelled: Callable[[], bool] = never,
) -> list[list[int]]:
    """Make the tokens of several texts with one prompt at once; equal to `generate` one by one.

    Texts are padded on the left, so that every row ends at the same position. A row that has ended
    is computed on, and ignored, until the last one ends.

    Args:
        model: the GPT, on its device.
        texts: (phoneme_ids int64 [P], bert [bert_dim, P]) per text.
        prompt: int64 [S], shared by all; S may be 0.
        sampling: how tokens are drawn.
        generator: source of all randomness.
        max_tokens: most tokens per text; None: as many as the model was trained for.
        cancelled: asked before each step.

    """
    limit = max_tokens or model.config.token_limit
    device, batch = prompt.device, len(texts)
    longest = max(len(ids) for ids, _ in texts)
    h = torch.zeros(
        batch,
        longest + len(prompt),
        model.config.hidden_dim,
        device=device,
        dtype=texts[0][1].dtype,
    )
    visible = torch.ones(batch, longest + len(prompt) + limit, dtype=torch.bool, device=device)
    for row, (ids, bert) in enumerate(texts):
        h[row, longest - len(ids) : longest] = model.embed_text(ids[None], bert[None])[0]
        visible[row, : longest - len(ids)] = False
    if len(prompt):
        h[:, longest:] = model.embed_tokens(prompt[None])
    rows = h.shape[1]
    mask = prefix_mask(longest, len(prompt), device) & visible[:, None, None, :rows]
    # A padding row that sees nothing would be NaN; let it see itself.
    mask = mask | torch.eye(rows, dtype=torch.bool, device=device)
    cache = KVCache(model.config, batch, rows + limit, device, h.dtype)
    seen = _seen(model, prompt[None].expand(batch, -1))
    last = model.hidden_states(h, mask, cache)[:, -1]
    made: list[list[int]] = [[] for _ in range(batch)]
    running = torch.ones(batch, dtype=torch.bool, device=device)
    for step in range(limit):
        if cancelled():
            raise CanceledError('the utterance was cancelled')
        tokens, ended = _next_token(model, last, seen, step, sampling, generator)
        running &= ~ended
        for row, (alive, token) in enumerate(zip(running.tolist(), tokens.tolist(), strict=True)):
            if alive:
                made[row].append(token)
        if not bool(running.any()) or step + 1 == limit:
            break
        h = model.embed_tokens(tokens[:, None], len(prompt) + step)
        last = model.hidden_states(h, visible[:, None, None, : cache.length + 1], cache)[:, -1]
    return made


def _seen(model: Text2Semantic, prompt: Tensor) -> Tensor:
    """Return bool [B, V]: which ids the prompt [B, S] holds."""
    seen = torch.zeros(
        prompt.shape[0], model.config.vocab_size, dtype=torch.bool, device=prompt.device
    )
    return seen.scatter(1, prompt, True)


def _next_token(
    model: Text2Semantic,
    last: Tensor,
    seen: Tensor,
    step: int,
    sampling: SamplingParameters,
    generator: torch.Generator,
    path: TextPath | None = None,
) -> tuple[Tensor, Tensor]:
    """Return ids [B] drawn after hidden states last [B, d], and which rows have ended [B].

    The ids are marked in `seen`. A row ends when the end token is drawn, and also when it is the
    most likely one (both as upstream).
    """
    eos = model.config.eos
    logits = model.logits(last).float()
    if path is None:
        logits = penalize_repetition(logits, seen, sampling.repetition_penalty)
        if step < model.config.min_tokens:
            logits[:, eos] = -torch.inf
    else:
        # It cannot end too soon, and short answers may be shorter.
        logits = path.steer(logits)
    probs = probabilities(logits, sampling)
    tokens = choose(probs, exponential_noise(probs, generator))
    seen.scatter_(1, tokens[:, None], True)
    return tokens, (tokens == eos) | (logits.argmax(dim=-1) == eos)
