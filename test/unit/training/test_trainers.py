"""Both trainers: they learn, are deterministic, add up gradients, and export what they average."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gptsovits_ros.checkpoint.load import load_acoustic, load_semantic
from gptsovits_ros.checkpoint.weights import write_weights
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.training.batching import BatchStream

ROLES = ('acoustic', 'semantic')
# Nothing random but the data, so that one step can be compared with another way to make it.
NO_DROPOUT = {
    'acoustic': {'model': {'p_dropout': 0.0}, 'other_reference': 0.0},
    'semantic': {'dropout': 0.0},
}


@pytest.mark.parametrize('role, name', [('acoustic', 'mel'), ('semantic', 'loss')])
def test_loss_falls_in_30_steps(make_trainer, run_steps, role, name):
    losses = [step[name] for step in run_steps(make_trainer(role), 30)]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


@pytest.mark.parametrize('role', ROLES)
def test_equal_seeds_give_equal_weights(make_trainer, run_steps, role):
    first, second = make_trainer(role), make_trainer(role)
    assert run_steps(first, 6) == run_steps(second, 6)
    for name, value in first.state()['model'].items():
        assert torch.equal(value, second.state()['model'][name]), name


@pytest.mark.parametrize('role', ROLES)
def test_another_seed_gives_other_weights(make_trainer, run_steps, role):
    first, second = make_trainer(role), make_trainer(role, {'run': {'seed': 2}})
    assert run_steps(first, 2) != run_steps(second, 2)


@pytest.mark.parametrize('role', ROLES)
def test_gradients_of_two_batches_add_up_to_those_of_one(make_trainer, role, monkeypatch):
    """Two clips of equal length, as one batch and as two: the optimizer sees the same gradient."""
    monkeypatch.setattr('gptsovits_ros.acoustic.style_encoder.DROPOUT', 0.0)
    whole, halves = (make_trainer(role, NO_DROPOUT[role]) for _ in range(2))
    monkeypatch.setattr(torch, 'randn', torch.zeros)  # the noise of the posterior
    examples = [item for batch in whole.batches(0, 0)._batches for item in batch]
    length = len(whole._train[0].tokens)
    examples = [item for item in examples if len(whole._train[item.target].tokens) == length][:2]
    if role == 'semantic':
        examples = [replace(item, prompt=None) for item in examples]
    assert len(examples) == 2
    step = 10  # beyond the warm-up
    one, two = whole.step([examples], step), halves.step([[item] for item in examples], step)
    for name in one:
        assert float(one[name]) == pytest.approx(float(two[name]), rel=1e-3), name
    gradients = [
        [state['exp_avg'] for state in trainer.state()['optimizer']['state'].values()]
        for trainer in (whole, halves)
    ]
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second, atol=1e-4 * one['gradient_norm'], rtol=1e-3)


def test_exported_gpt_gives_what_the_average_gives(make_trainer, run_steps, tmp_path):
    trainer = make_trainer('semantic')
    run_steps(trainer, 3)
    write_weights(trainer.weights('step 3'), tmp_path / 'semantic.safetensors')
    loaded = load_semantic(tmp_path / 'semantic.safetensors')
    average = trainer._averaged()
    ids, tokens = torch.tensor([[5, 9, 12]]), torch.tensor([[1, 2, 3, 4]])
    bert = torch.zeros(1, 4, 3)
    torch.testing.assert_close(
        loaded.teacher_forced(ids, bert, tokens),
        average.teacher_forced(ids, bert, tokens),
        atol=2e-2,  # half precision in the file
        rtol=1e-2,
    )
    assert loaded.config == average.config


def test_exported_sovits_gives_what_the_average_gives(make_trainer, run_steps, tmp_path):
    trainer = make_trainer('acoustic')
    run_steps(trainer, 6)
    write_weights(trainer.weights('step 6'), tmp_path / 'acoustic.safetensors')
    loaded = load_acoustic(tmp_path / 'acoustic.safetensors')
    average = trainer._averaged()
    tokens, ids = torch.tensor([[1, 5, 2, 7]]), torch.tensor([[5, 9, 12]])
    style = torch.randn(1, 16, 1, generator=torch.Generator().manual_seed(0))
    wanted = average.decode(tokens, ids, style)
    assert wanted.std() > 0
    torch.testing.assert_close(loaded.decode(tokens, ids, style), wanted, atol=5e-3, rtol=1e-2)
    assert loaded.config == average.config


@pytest.mark.parametrize('role', ROLES)
def test_average_follows_the_weights_slowly(make_trainer, run_steps, role):
    trainer = make_trainer(role, {'run': {'ema_decay': 0.999}})
    before = {name: value.clone() for name, value in trainer.state()['average'].items()}
    run_steps(trainer, 3)
    moved = [
        name
        for name, value in trainer.state()['average'].items()
        if not torch.equal(value, before[name])
    ]
    assert moved
    assert 'quantizer.codebook' not in moved


@pytest.mark.parametrize('role, name', [('acoustic', 'mel'), ('semantic', 'loss')])
def test_both_dev_splits_are_evaluated(make_trainer, role, name):
    values = make_trainer(role).evaluate()
    assert values[f'dev-text/{name}'] > 0 and values[f'dev-speaker/{name}'] > 0


def test_tokenizer_is_not_trained(make_trainer, run_steps):
    trainer = make_trainer('acoustic')
    names = ('quantizer.codebook', 'ssl_projection.weight', 'ssl_projection.bias')
    before = {name: trainer.state()['model'][name].clone() for name in names}
    run_steps(trainer, 6)
    for name, value in before.items():
        assert torch.equal(trainer.state()['model'][name], value)


def test_discriminators_rest_in_the_warm_up(make_trainer, run_steps):
    trainer = make_trainer('acoustic')
    before = {name: value.clone() for name, value in trainer.state()['judges'].items()}
    losses = run_steps(trainer, 4)
    assert all('stft' in step and 'judges' not in step for step in losses)
    for name, value in before.items():
        assert torch.equal(trainer.state()['judges'][name], value), name
    assert 'judges' in run_steps(trainer, 6)[-1]
    assert any(
        not torch.equal(trainer.state()['judges'][name], value) for name, value in before.items()
    )


@pytest.mark.parametrize('warmup_steps', [0, 9])
def test_spectra_are_compared_with_and_without_discriminators(
    make_trainer, run_steps, warmup_steps
):
    changes = {'warmup_steps': warmup_steps}
    (without,) = run_steps(make_trainer('acoustic', changes | {'stft_weight': 0.0}), 1)
    (losses,) = run_steps(make_trainer('acoustic', changes), 1)
    assert losses['stft'] > 0 and 'stft' not in without
    assert losses['gradient_norm'] != without['gradient_norm']


def test_text_side_can_learn_more_slowly(make_trainer):
    trainer = make_trainer('acoustic', {'text_rate': 0.25})
    trainer.step([trainer.batches(0, 0).next()], 0)
    rates = sorted(group['lr'] for group in trainer._optimizer.param_groups)
    assert rates == pytest.approx([0.0005, 0.002])


def test_training_goes_on_from_an_exported_checkpoint(make_trainer, run_steps, tmp_path):
    first = make_trainer('acoustic')
    run_steps(first, 3)
    path = tmp_path / 'acoustic.safetensors'
    write_weights(first.weights(''), path)
    second = make_trainer('acoustic', {'start': str(path), 'tokenizer': ''})
    for name, value in first._averaged().state_dict().items():
        torch.testing.assert_close(
            second._averaged().state_dict()[name], value, atol=2e-3, rtol=2e-3
        )
    assert np.isfinite(run_steps(second, 5)[-1]['mel'])


@pytest.mark.parametrize('role', ROLES)
def test_checkpoint_of_other_sizes_is_refused(make_trainer, role, tmp_path):
    path = tmp_path / 'start.safetensors'
    write_weights(make_trainer(role).weights(''), path)
    wider = {'acoustic': {'filter_channels': 24}, 'semantic': {'ffn_dim': 40}}[role]
    with pytest.raises(ConfigurationError, match='other sizes'):
        make_trainer(role, {'start': str(path), 'model': wider})


def test_acoustic_training_without_a_codebook_is_refused(make_trainer):
    with pytest.raises(ConfigurationError, match='tokenizer'):
        make_trainer('acoustic', {'tokenizer': ''})


@pytest.mark.parametrize('role', ROLES)
def test_mixed_precision_learns_too(make_trainer, run_steps, role):
    losses = run_steps(make_trainer(role, {'run': {'precision': 'bfloat16'}}), 6)
    assert all(np.isfinite(list(step.values())).all() for step in losses)


def test_every_utterance_is_learned_once_per_epoch(make_trainer):
    for role in ROLES:
        trainer = make_trainer(role)
        for epoch in (0, 1):
            stream = BatchStream(trainer._plan, epoch)
            targets = sorted(item.target for batch in stream._batches for item in batch)
            assert targets == list(range(len(trainer._train)))
