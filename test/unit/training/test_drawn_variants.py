"""Tokens that a GPT draws in place of those of the recordings."""

from __future__ import annotations

import pytest
import torch

from gptsovits_ros.checkpoint.weights import SEMANTIC
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.training.content_codes import read_code_labels
from gptsovits_ros.training.drawn_variants import DrawnVariants
from gptsovits_ros.training.state import save_state

CPU = torch.device('cpu')


@pytest.fixture
def corpus_with_pairs(corpus_with_codes):
    """Return a corpus in which two codes say each phoneme, of which it has only the first."""
    path = corpus_with_codes / 'codes.tsv'
    lines = [line.split('\t') for line in path.read_text('utf-8').splitlines()]
    pairs = [(int(code) + more, symbol) for code, symbol in lines for more in (0, 1)]
    path.write_text(''.join(f'{code}\t{symbol}\n' for code, symbol in pairs), 'utf-8')
    return corpus_with_codes


@pytest.fixture
def gpt_run(make_trainer, corpus_with_pairs, tmp_path):
    """Return a function (changes, bias) -> run of a GPT that likes the second codes."""

    def make(changes=None, bias=30.0):
        trainer = make_trainer('semantic', changes, corpus_with_pairs)
        state = trainer.state()
        # No code depends on anything but itself: those of odd numbers are likelier.
        output = state['average']['output.weight'].zero_()
        last = max(name for name in state['average'] if name.endswith('norm2.bias'))
        state['average'][last].fill_(1.0)
        state['average'][last.replace('bias', 'weight')].zero_()
        output[1::2] = bias / output.shape[1]
        run = tmp_path / 'gpt'
        run.mkdir(exist_ok=True)
        save_state(run, {'role': SEMANTIC, 'step': 1, 'settings': trainer.plain, 'trainer': state})
        return run

    return make


def drawn(trainer, run, corpus, share):
    """Return a batch, and its tokens as a GPT draws them."""
    config = trainer._settings.model
    labels = read_code_labels(corpus / 'codes.tsv', config.codebook_size)
    variants = DrawnVariants(run, labels, share, config.token_stride, CPU)
    batch = trainer._collator.batch(trainer.batches(0, 0).next())
    torch.manual_seed(1)
    return batch, variants.replaced(batch, batch.tokens), labels


@pytest.mark.parametrize('changes', [{}, {'model': {'text_ahead': 2}}])
def test_what_the_gpt_likes_is_drawn_and_says_the_same(
    make_trainer, gpt_run, corpus_with_pairs, changes
):
    trainer = make_trainer('acoustic', {'parts': 'prior'}, corpus_with_pairs)
    batch, tokens, labels = drawn(trainer, gpt_run(changes), corpus_with_pairs, 1.0)
    stride = trainer._settings.model.token_stride
    is_token = batch.mask[:, 0, ::stride] > 0
    assert torch.equal(tokens[is_token], batch.tokens[is_token] + 1)
    assert torch.equal(labels[tokens], labels[batch.tokens])
    assert torch.equal(tokens[~is_token], batch.tokens[~is_token])


def test_a_share_of_the_clips_is_drawn_as_a_whole(make_trainer, gpt_run, corpus_with_pairs):
    trainer = make_trainer('acoustic', {'parts': 'prior'}, corpus_with_pairs)
    run = gpt_run()
    batch, tokens, _ = drawn(trainer, run, corpus_with_pairs, 0.5)
    changed = (tokens != batch.tokens).any(1)
    assert changed.any() and not changed.all()
    batch, tokens, _ = drawn(trainer, run, corpus_with_pairs, 0.0)
    assert torch.equal(tokens, batch.tokens)


def test_prior_learns_from_drawn_tokens(make_trainer, run_steps, gpt_run, corpus_with_pairs):
    changes = {'parts': 'prior', 'gpt_run': str(gpt_run(bias=0.0)), 'drawn_share': 1.0}
    trainer = make_trainer('acoustic', changes, corpus_with_pairs)
    losses = [step['kl'] for step in run_steps(trainer, 30)]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    again = run_steps(make_trainer('acoustic', changes, corpus_with_pairs), 30)
    assert [step['kl'] for step in again] == pytest.approx(losses)


def test_a_run_of_other_tokens_is_refused(make_trainer, gpt_run, corpus_with_pairs):
    trainer = make_trainer('acoustic', {'parts': 'prior'}, corpus_with_pairs)
    labels = read_code_labels(
        corpus_with_pairs / 'codes.tsv', trainer._settings.model.codebook_size
    )
    with pytest.raises(ConfigurationError, match='draws'):
        DrawnVariants(gpt_run(), labels[:-1], 0.5, 2, CPU)


def test_a_folder_without_a_run_is_refused(make_trainer, corpus_with_pairs, tmp_path):
    with pytest.raises(ConfigurationError, match='holds no run'):
        make_trainer('acoustic', {'gpt_run': str(tmp_path)}, corpus_with_pairs)
