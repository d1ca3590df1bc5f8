"""The token loop: prefill once, then one token at a time, asking for cancel before each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from gptsovits_ros.errors import CanceledError
from gptsovits_ros.semantic.decode_steps import (
    CapturedSteps,
    DecodeSteps,
    Drawing,
    PlainSteps,
    allowed,
    seen_ids,
)
from gptsovits_ros.semantic.kv_cache import KVCache
from gptsovits_ros.semantic.model import Text2Semantic, prefix_mask
from gptsovits_ros.semantic.sampling import draw, exponential_noise
from gptsovits_ros.semantic.text_path import TextPath
from gptsovits_ros.semantic.text_window import TextWindow
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
    captured: CapturedSteps | None = None,
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
        captured: of this model; steps are replayed instead of computed one operation after
            another. It serves one generation at a time. None: they are not.
        cancelled: asked before each token.

    Raises:
        CanceledError: cancelled() said yes.

    """
    limit = max_tokens or model.config.token_limit
    h = model.embed_text(phoneme_ids[None], bert[None])
    if len(prompt):
        h = torch.cat([h, model.embed_tokens(prompt[None])], dim=1)
    window = TextWindow(model.config.text_ahead, phoneme_ids, prompt, path)
    drawing = Drawing(sampling, generator, path, window)
    capacity = h.shape[1] + limit
    steps: DecodeSteps
    if captured is not None and captured.fits(len(prompt), limit):
        steps = captured.begin(prompt, capacity, drawing)
    else:
        steps = PlainSteps(model, prompt, capacity, drawing)
    steps.read(h, window.of_prompt())
    for _ in range(limit):
        if cancelled():
            raise CanceledError('the utterance was cancelled')
        token, has_ended = steps.next()
        if has_ended:
            return
        if path is not None:
            path.take(token)
        yield token


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
    seen = seen_ids(model, prompt[None].expand(batch, -1))
    last = model.hidden_states(h, mask, cache)[:, -1]
    made: list[list[int]] = [[] for _ in range(batch)]
    running = torch.ones(batch, dtype=torch.bool, device=device)
    for step in range(limit):
        if cancelled():
            raise CanceledError('the utterance was cancelled')
        may_end = step >= model.config.min_tokens
        logits = allowed(model, model.logits(last).float(), seen, may_end, sampling)
        noise = exponential_noise(logits, generator)
        tokens, ended = draw(logits, noise, sampling, model.config.eos)
        seen.scatter_(1, tokens[:, None], True)
        running &= ~ended
        for row, (alive, token) in enumerate(zip(running.tolist(), tokens.tolist(), strict=True)):
            if alive:
                made[row].append(token)
        if not bool(running.any()) or step + 1 == limit:
            break
        h = model.embed_tokens(tokens[:, None], len(prompt) + step)
        last = model.hidden_states(h, visible[:, None, None, : cache.length + 1], cache)[:, -1]
    return made
