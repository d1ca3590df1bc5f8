"""Tokens give way to others of the same phoneme only, and as often as told."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.training.content_codes import LABELS_FILE
from gptsovits_ros.training.variants import Variants

# Codes 0 to 2 say one phoneme, 3 and 4 another; 5 has no other, and 6 says none.
LABELS = torch.tensor([7, 7, 7, 8, 8, 9, -1])
CLIPS = [np.array([0, 0, 0, 1, 3, 3]), np.array([4, 5, 6, 0])]
CPU = torch.device('cpu')


def test_a_token_gives_way_to_those_of_its_phoneme_as_often_as_they_occur():
    torch.manual_seed(0)
    tokens = torch.arange(7).repeat(400, 1)
    found = Variants(LABELS, CLIPS, 0.5, CPU).replaced(tokens)
    assert torch.equal(LABELS[found], LABELS[tokens])
    assert torch.equal(found[:, 5:], tokens[:, 5:])
    # Half of them are drawn: code 0 occurs four times, code 1 once, code 2 never.
    shares = [(found[:, 1] == code).float().mean().item() for code in (0, 1, 2)]
    assert shares == pytest.approx([0.4, 0.6, 0.0], abs=0.07)


def test_clips_lose_none_to_twice_as_many_as_told():
    torch.manual_seed(0)
    labels = torch.zeros(200, dtype=torch.int64)
    clips = [np.arange(200)]
    tokens = torch.arange(200).repeat(300, 1)
    changed = (Variants(labels, clips, 0.25, CPU).replaced(tokens) != tokens).float().mean(1)
    assert changed.mean().item() == pytest.approx(0.25, abs=0.02)
    assert changed.min() < 0.05 and 0.4 < changed.max() < 0.6


def test_equal_generators_draw_equal_tokens():
    tokens = torch.arange(7).repeat(20, 1)
    variants = Variants(LABELS, CLIPS, 0.5, CPU)
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(variants.replaced(tokens))
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_prior_learns_with_variants(make_trainer, run_steps, corpus_with_codes):
    changes = {'parts': 'prior', 'variant_share': 0.5}
    trainer = make_trainer('acoustic', changes, corpus_with_codes)
    losses = [step['kl'] for step in run_steps(trainer, 30)]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_gpt_learns_from_a_history_of_variants_and_is_judged_by_the_true_ones(
    make_trainer, run_steps, corpus_with_codes
):
    losses = {}
    for share in (0.0, 0.5):
        trainer = make_trainer('semantic', {'variant_share': share}, corpus_with_codes)
        losses[share] = [step['loss'] for step in run_steps(trainer, 30)]
    assert sum(losses[0.5][-5:]) < 0.8 * sum(losses[0.5][:5])
    assert losses[0.5] != losses[0.0]


@pytest.mark.parametrize(
    'role, changes',
    [
        ('acoustic', {'parts': 'prior', 'variant_share': 0.5}),
        ('semantic', {'variant_share': 0.5}),
        ('semantic', {'model': {'text_ahead': 2}}),
    ],
)
def test_a_corpus_without_labels_has_no_variants_and_no_places(make_trainer, role, changes):
    with pytest.raises(ConfigurationError, match=f'{LABELS_FILE} is missing'):
        make_trainer(role, changes)
