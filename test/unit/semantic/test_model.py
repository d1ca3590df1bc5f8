"""The GPT: what the cache, the mask and the batch must not change."""

from __future__ import annotations

import pytest
import torch

from gptsovits_ros.errors import CanceledError
from gptsovits_ros.semantic.config import SemanticConfig
from gptsovits_ros.semantic.generate import generate, generate_batch
from gptsovits_ros.semantic.kv_cache import KVCache
from gptsovits_ros.semantic.model import Text2Semantic, prefix_mask
from gptsovits_ros.types import SamplingParameters

CONFIG = SemanticConfig(
    phoneme_vocab_size=40,
    vocab_size=33,
    eos=32,
    hidden_dim=16,
    head=2,
    n_layer=2,
    ffn_dim=32,
    bert_dim=8,
    max_sec=2.0,
)
PHONEMES, PROMPT = 9, 6


@pytest.fixture
def model() -> Text2Semantic:
    torch.manual_seed(3)
    return Text2Semantic(CONFIG).eval()


@pytest.fixture
def text() -> tuple[torch.Tensor, torch.Tensor]:
    """Return phoneme ids and BERT features."""
    torch.manual_seed(4)
    return torch.randint(40, (PHONEMES,)), torch.randn(8, PHONEMES)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tokens_of(model, text, prompt, seed=0, **options):
    return list(generate(model, *text, prompt, SamplingParameters(), rng(seed), **options))


@torch.inference_mode()
def test_rows_fed_one_by_one_with_a_cache_equal_one_pass_without(model, text):
    tokens = torch.randint(32, (1, 12))
    ids, bert = text
    whole = model.teacher_forced(ids[None], bert[None], tokens)
    cache = KVCache(CONFIG, 1, PHONEMES + 12)
    hidden = model.hidden_states(
        model.embed_text(ids[None], bert[None]), prefix_mask(PHONEMES, 0, 'cpu'), cache
    )
    steps = [model.logits(hidden[:, -1])]
    for place in range(12):
        row = model.embed_tokens(tokens[:, place : place + 1], place)
        steps.append(model.logits(model.hidden_states(row, None, cache)[:, -1]))
    torch.testing.assert_close(torch.stack(steps, dim=1), whole, atol=1e-5, rtol=1e-5)


def test_a_token_sees_the_text_and_what_came_before_it_and_the_text_sees_no_token():
    mask = prefix_mask(2, 3, 'cpu')[0, 0]
    assert mask.int().tolist() == [
        [1, 1, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1],
    ]


def test_texts_in_a_batch_get_the_tokens_that_they_get_alone(model):
    torch.manual_seed(5)
    prompt = torch.randint(32, (PROMPT,))
    texts = [(torch.randint(40, (n,)), torch.randn(8, n)) for n in (4, 11, 7)]
    greedy = SamplingParameters(top_k=1)
    alone = [list(generate(model, *text, prompt, greedy, rng())) for text in texts]
    assert generate_batch(model, texts, prompt, greedy, rng()) == alone
    assert len(alone[0]) >= CONFIG.min_tokens


def test_equal_seeds_give_equal_tokens_and_other_seeds_others(model, text):
    prompt = torch.randint(32, (PROMPT,), generator=rng(8))
    assert tokens_of(model, text, prompt, 1) == tokens_of(model, text, prompt, 1)
    assert tokens_of(model, text, prompt, 1) != tokens_of(model, text, prompt, 2)


def test_tokens_stop_at_the_limit_of_the_model_or_of_the_caller(model, text):
    model.output.weight.data[CONFIG.eos] = -100 * model.output.weight.data.abs().mean()
    never_ends = tokens_of(model, text, torch.zeros(0, dtype=torch.int64))
    assert len(never_ends) <= CONFIG.token_limit == 50
    assert len(tokens_of(model, text, torch.zeros(0, dtype=torch.int64), max_tokens=3)) == 3


def test_the_end_token_is_never_given_out_and_not_drawn_too_early(model, text):
    # A model that always wants to end: it ends as soon as it may.
    model.output.weight.data.zero_()
    model.layers[-1].norm2.bias.data.fill_(1.0)
    model.output.weight.data[CONFIG.eos] = 50.0
    tokens = tokens_of(model, text, torch.zeros(0, dtype=torch.int64))
    assert len(tokens) == CONFIG.min_tokens
    assert CONFIG.eos not in tokens


@pytest.mark.parametrize('after', [0, 1, 5])
def test_cancel_is_seen_before_the_next_token(model, text, after):
    made = []
    stream = generate(
        model,
        *text,
        torch.zeros(0, dtype=torch.int64),
        SamplingParameters(),
        rng(),
        cancelled=lambda: len(made) >= after,
    )
    with pytest.raises(CanceledError):
        made.extend(token for token in iterate_into(stream, made))
    assert len(made) == after


def iterate_into(stream, made):
    """Pass tokens on one by one, so that `made` grows between two of them."""
    for token in stream:
        made.append(token)
    return ()


def test_positions_beyond_the_table_are_computed(model):
    far = model.positions.shape[0] + 5
    tokens = torch.zeros(1, 2, dtype=torch.int64)
    assert torch.isfinite(model.embed_tokens(tokens, far)).all()


@pytest.mark.parametrize('field', [{'head': 3}, {'eos': 33}])
def test_sizes_that_do_not_fit_together_are_refused(field):
    with pytest.raises(ValueError, match='head|eos'):
        SemanticConfig(**{'hidden_dim': 16, 'vocab_size': 33, 'eos': 32, 'head': 2, **field})
