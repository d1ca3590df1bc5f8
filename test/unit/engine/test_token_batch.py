"""Texts that are said at once: each gets its tokens, whatever becomes of the others."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from gptsovits_ros.engine.token_batch import TokenBatch, TokenBatches
from gptsovits_ros.engine.turns import Turns
from gptsovits_ros.errors import CanceledError, OutOfMemoryError
from gptsovits_ros.semantic.batched_steps import BatchedSteps
from gptsovits_ros.semantic.config import SemanticConfig
from gptsovits_ros.semantic.generate import generate
from gptsovits_ros.semantic.model import Text2Semantic
from gptsovits_ros.types import SamplingParameters

from . import helpers
from .helpers import PATIENCE_S


@pytest.fixture(scope='module')
def model() -> Text2Semantic:
    torch.manual_seed(3)
    config = SemanticConfig(
        phoneme_vocab_size=40, vocab_size=33, eos=32, hidden_dim=16, head=2, n_layer=2, ffn_dim=32,
        bert_dim=8, max_sec=2.0,
    )  # fmt: skip
    return Text2Semantic(config).eval().requires_grad_(False)


@pytest.fixture
def batch(model) -> TokenBatch:
    return TokenBatch(model, 1, 2, Turns())


def inputs(seed: int):
    torch.manual_seed(seed)
    ids, prompt = torch.randint(40, (5 + seed,)), torch.randint(32, (seed,))
    generator = torch.Generator().manual_seed(seed)
    return ids, torch.randn(8, len(ids)), prompt, SamplingParameters(), generator


def in_threads(batch: TokenBatch, count: int, say) -> list:
    """Let so many threads say something, each in its turn; return what came of it."""

    def run(number: int):
        with batch._turns.taken():
            return say(number)

    return helpers.in_threads(count, run)


def has_ended(batch: TokenBatch) -> bool:
    """Tell whether the thread of the batch is gone, which takes it a moment."""
    deadline = time.monotonic() + PATIENCE_S
    while batch._thread is not None and time.monotonic() < deadline:
        time.sleep(0.001)
    return batch._thread is None and not batch._texts


def test_each_text_gets_the_tokens_that_it_gets_alone(model, batch):
    found = in_threads(batch, 6, lambda seed: list(batch.generate(*inputs(seed))))
    assert found == [list(generate(model, *inputs(seed))) for seed in range(6)]
    assert has_ended(batch)
    # Once more: a thread is started again.
    assert in_threads(batch, 1, lambda _: list(batch.generate(*inputs(2)))) == [found[2]]


def test_texts_are_bounded_by_what_the_caller_says(batch):
    found = in_threads(
        batch, 3, lambda seed: list(batch.generate(*inputs(seed), max_tokens=3 + seed))
    )
    assert [len(tokens) for tokens in found] == [3, 4, 5]


def test_a_text_that_nobody_wants_is_given_up_and_others_go_on(model, batch):
    def say(seed):
        if seed == 1:
            tokens = batch.generate(*inputs(seed))
            first = next(tokens)
            tokens.close()
            return first
        return list(batch.generate(*inputs(seed)))

    found = in_threads(batch, 3, say)
    alone = [list(generate(model, *inputs(seed))) for seed in range(3)]
    assert found == [alone[0], alone[1][0], alone[2]]
    assert has_ended(batch)


def test_cancel_is_seen_between_tokens(batch):
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > 2

    (found,) = in_threads(
        batch, 1, lambda seed: list(batch.generate(*inputs(seed), cancelled=cancelled))
    )
    assert isinstance(found, CanceledError) and len(asked) == 3
    assert has_ended(batch)


def test_what_fails_for_one_text_is_its_own_error(model, batch):
    class Bad:
        text_rows = 5
        place = 0

        def steer(self, logits):
            raise OutOfMemoryError('for this one')

    def say(seed):
        return list(batch.generate(*inputs(seed), path=Bad() if seed == 1 else None))

    found = in_threads(batch, 3, say)
    assert isinstance(found[1], OutOfMemoryError)
    alone = [list(generate(model, *inputs(seed))) for seed in range(3)]
    assert [found[0], found[2]] == [alone[0], alone[2]]


def test_what_fails_for_all_is_an_error_of_all_and_the_next_text_is_said(
    model, batch, monkeypatch
):
    def fail(*_):
        raise RuntimeError('CUDA error: lost')

    with monkeypatch.context() as patch:
        patch.setattr(BatchedSteps, 'advance', fail)
        found = in_threads(batch, 3, lambda seed: list(batch.generate(*inputs(seed))))
    assert [str(error) for error in found] == ['CUDA error: lost'] * 3
    assert has_ended(batch)
    assert in_threads(batch, 1, lambda seed: list(batch.generate(*inputs(0)))) == [
        list(generate(model, *inputs(0)))
    ]


def test_each_token_but_the_first_tells_how_long_it_took(batch):
    took = []
    (tokens,) = in_threads(
        batch, 1, lambda seed: list(batch.generate(*inputs(1), max_tokens=7, took=took.append))
    )
    assert len(took) == len(tokens) - 1 and min(took) > 0


def test_the_decoder_has_all_threads_while_nothing_is_drawn(batch, monkeypatch):
    may_go_on = threading.Event()
    advance = BatchedSteps.advance

    def wait(steps):
        assert may_go_on.wait(PATIENCE_S)
        advance(steps)

    monkeypatch.setattr(BatchedSteps, 'advance', wait)

    def say(seed):
        tokens = batch.generate(*inputs(seed))
        next(tokens)
        while_drawn = batch.decoder_threads
        may_go_on.set()
        return while_drawn, len(list(tokens))

    assert batch.decoder_threads == 3
    ((while_drawn, others),) = in_threads(batch, 1, say)
    assert while_drawn == 2 and others
    assert has_ended(batch) and batch.decoder_threads == 3


def test_voices_with_one_gpt_share_a_batch(model):
    batches = TokenBatches(1, 2, Turns())
    batch = batches.of(model)
    assert batches.of(model) is batch
    del batch
    assert not batches._batches
