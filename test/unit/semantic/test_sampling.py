"""The distribution that tokens are drawn from."""

from __future__ import annotations

import pytest
import torch

from gptsovits_ros.semantic.sampling import (
    choose,
    exponential_noise,
    penalize_repetition,
    probabilities,
)
from gptsovits_ros.types import SamplingParameters

LOGITS = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]]))
ALL = {'top_k': 4, 'top_p': 1.0, 'temperature': 1.0}


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        ({}, [0.5, 0.3, 0.15, 0.05]),
        ({'top_k': 2}, [0.625, 0.375, 0, 0]),
        ({'top_k': 1}, [1, 0, 0, 0]),
        ({'top_p': 0.8}, [0.625, 0.375, 0, 0]),
        # The token that crosses top_p is left out, but one is always kept.
        ({'top_p': 0.79}, [1, 0, 0, 0]),
        ({'top_p': 0.0}, [1, 0, 0, 0]),
        ({'temperature': 0.5}, [0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365]),
        ({'temperature': 0.0}, [1, 0, 0, 0]),
    ],
)
def test_filters_keep_what_they_say(change, expected):
    probs = probabilities(LOGITS, SamplingParameters(**{**ALL, **change}))
    torch.testing.assert_close(
        probs, torch.tensor([expected], dtype=torch.float32), atol=1e-6, rtol=1e-5
    )


def test_ties_at_the_kth_place_all_survive():
    probs = probabilities(
        torch.tensor([[2.0, 1.0, 1.0, 0.0]]), SamplingParameters(**{**ALL, 'top_k': 2})
    )
    assert (probs > 0).tolist() == [[True, True, True, False]]


def test_the_penalty_lowers_seen_tokens_whatever_their_sign():
    logits = torch.tensor([[2.0, -2.0, 3.0]])
    seen = torch.tensor([[True, True, False]])
    assert penalize_repetition(logits, seen, 2.0).tolist() == [[1.0, -4.0, 3.0]]
    assert penalize_repetition(logits, seen, 1.0).tolist() == logits.tolist()


def test_draws_follow_the_distribution():
    probs = torch.softmax(LOGITS, -1).expand(20000, -1)
    noise = exponential_noise(probs, torch.Generator().manual_seed(0))
    share = torch.bincount(choose(probs, noise), minlength=4) / 20000
    torch.testing.assert_close(share, probs[0], atol=0.015, rtol=0)


def test_a_token_of_probability_zero_is_never_drawn():
    probs = torch.tensor([[0.0, 1.0]]).expand(5000, -1)
    noise = exponential_noise(probs, torch.Generator().manual_seed(1))
    assert (choose(probs, noise) == 1).all()
