"""The token loop: prefill once, then one token at a time, asking for cancel before each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from gptsovits_ros.errors import CanceledError
from gptsovits_ros.semantic.batched_steps import BatchedSteps
from gptsovits_ros.semantic.decode_steps import CapturedSteps, DecodeSteps, Drawing, PlainSteps
from gptsovits_ros.semantic.model import Text2Semantic
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
    h, mask, prompt, drawing = prefix(model, phoneme_ids, bert, prompt, sampling, generator, path)
    capacity = h.shape[1] + limit
    steps: DecodeSteps
    if captured is not None and captured.fits(len(prompt), limit):
        steps = captured.begin(prompt, capacity, drawing)
    else:
        steps = PlainSteps(model, prompt, capacity, drawing)
    steps.read(h, mask)
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
def prefix(
    model: Text2Semantic,
    phoneme_ids: Tensor,
    bert: Tensor,
    prompt: Tensor,
    sampling: SamplingParameters,
    generator: torch.Generator,
    path: TextPath | None,
) -> tuple[Tensor, Tensor, Tensor, Drawing]:
    """Return what a generation begins with; arguments are those of `generate`.

    Returns:
        The rows of text and prompt [1, T, d], what each of them sees, bool [1, 1, T, T], the
        prompt, and how tokens are drawn.

    """
    h = model.embed_text(phoneme_ids[None], bert[None])
    if len(prompt):
        h = torch.cat([h, model.embed_tokens(prompt[None])], dim=1)
    window = TextWindow(model.config.text_ahead, phoneme_ids, prompt, path)
    return h, window.of_prompt(), prompt, Drawing(sampling, generator, path, window)


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

    Args:
        model: the GPT, on its device.
        texts: (phoneme_ids int64 [P], bert [bert_dim, P]) per text.
        prompt: int64 [S], shared by all; S may be 0.
        sampling: how tokens are drawn.
        generator: source of all randomness.
        max_tokens: most tokens per text; None: as many as the model was trained for.
        cancelled: asked before each step.

    Raises:
        CanceledError: cancelled() said yes.

    """
    limit = max_tokens or model.config.token_limit
    steps = BatchedSteps(model)
    running = {
        number: steps.begin(*prefix(model, ids, bert, prompt, sampling, generator, None))
        for number, (ids, bert) in enumerate(texts)
    }
    made: list[list[int]] = [[] for _ in texts]
    while running:
        if cancelled():
            raise CanceledError('the utterance was cancelled')
        for number, generation in list(running.items()):
            token, has_ended = steps.draw(generation)
            if not has_ended:
                made[number].append(token)
            if has_ended or len(made[number]) == limit:
                steps.end(running.pop(number))
        if running:
            steps.advance()
    return made
