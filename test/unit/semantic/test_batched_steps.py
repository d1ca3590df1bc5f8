"""Generations at once: the tokens that each gets alone, whoever begins and ends meanwhile."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from gptsovits_ros.semantic import batched_steps
from gptsovits_ros.semantic.batched_steps import BatchedSteps
from gptsovits_ros.semantic.generate import generate, prefix
from gptsovits_ros.semantic.model import Text2Semantic
from gptsovits_ros.semantic.text_path import PAUSE, TextPath

from .small_gpt import CODES, SAMPLINGS, gpt


class Text:
    """A text with a prompt of its own, and how it is drawn."""

    def __init__(self, seed: int, steered: bool = False) -> None:
        rng = np.random.default_rng(seed)
        words = [3, 4, 5] * 3
        self._words = words[: 2 + seed % 5] if steered else None
        ids = [*words[: 2 + seed % 5], 90] if steered else rng.integers(100, size=4 + 3 * seed)
        before = [] if seed % 3 == 0 else [5, 3, 90]
        self.ids = torch.tensor([*before, *ids])
        self.bert = torch.from_numpy(rng.normal(size=(4, len(self.ids)))).float()
        self.prompt = torch.from_numpy(rng.integers(32, size=5 if before else 0))
        self.sampling = SAMPLINGS[seed % 3]
        self.seed = seed

    @property
    def arguments(self):
        generator = torch.Generator().manual_seed(self.seed)
        return self.ids, self.bert, self.prompt, self.sampling, generator

    @property
    def path(self) -> TextPath | None:
        if self._words is None:
            return None
        return TextPath(CODES, [*self._words, PAUSE])

    def alone(self, model: Text2Semantic) -> list[int]:
        return list(generate(model, *self.arguments, path=self.path, max_tokens=30))


def together(model: Text2Semantic, texts: list[Text], begin_at) -> list[list[int]]:
    """Return the tokens of texts that begin at these steps."""
    steps = BatchedSteps(model)
    made: list[list[int]] = [[] for _ in texts]
    running = {}
    waiting = sorted(zip(begin_at, range(len(texts)), strict=True))
    for step in itertools.count():
        while waiting and waiting[0][0] <= step:
            number = waiting.pop(0)[1]
            text = texts[number]
            running[number] = steps.begin(*prefix(model, *text.arguments, text.path))
        for number, generation in list(running.items()):
            token, has_ended = steps.draw(generation)
            if not has_ended:
                made[number].append(token)
                if generation.drawing.path is not None:
                    generation.drawing.path.take(token)
            if has_ended or len(made[number]) == 30:
                steps.end(running.pop(number))
        assert len(steps) == len(running)
        if running:
            steps.advance()
        elif not waiting:
            return made


@pytest.mark.parametrize(
    'begin_at', [(0, 0, 0, 0, 0, 0), (0, 3, 3, 9, 1, 40), (50, 8, 4, 2, 1, 0)]
)
@pytest.mark.parametrize(('steered', 'ahead'), [(False, 0), (True, 0), (True, 2)])
def test_each_gets_the_tokens_that_it_gets_alone(monkeypatch, begin_at, steered, ahead):
    monkeypatch.setattr(batched_steps, 'ROWS', 8)
    model = gpt(ahead)
    texts = [Text(seed, steered) for seed in range(6)]
    made = together(model, texts, begin_at)
    assert made == [text.alone(model) for text in texts]
    assert len({len(tokens) for tokens in made}) > 1


def test_what_others_left_in_the_cache_is_not_seen():
    model = gpt()
    texts = [Text(seed) for seed in (5, 1)]
    made = together(model, texts, (0, 60))
    assert made == [text.alone(model) for text in texts]
