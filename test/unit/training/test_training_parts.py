"""Settings, batches, averages, optimizers: the small parts of the training room."""

from __future__ import annotations

import math
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.training.batching import BatchStream, make_batches, pad
from gptsovits_ros.training.ema import MovingAverage
from gptsovits_ros.training.scaled_adam import ScaledAdam
from gptsovits_ros.training.settings import (
    AcousticSettings,
    BatchSettings,
    OptimizerSettings,
    SemanticSettings,
    build_settings,
    plain_settings,
    read_settings,
)


@pytest.mark.parametrize('cls', [AcousticSettings, SemanticSettings])
def test_settings_survive_being_plain_values(cls):
    assert build_settings(cls, plain_settings(cls()), 'test') == cls()


@pytest.mark.parametrize(
    'name, cls',
    [
        ('autoencoder_small', AcousticSettings),
        ('prior_small', AcousticSettings),
        ('semantic_small', SemanticSettings),
    ],
)
def test_shipped_settings_are_valid(name, cls, pytestconfig):
    settings = read_settings(pytestconfig.rootpath / f'config/training/{name}.yaml', cls)
    # Which every machine has.
    assert settings.run.precision == 'float32'


def test_shipped_settings_of_both_parts_are_of_one_model(pytestconfig):
    folder = pytestconfig.rootpath / 'config/training'
    autoencoder, prior = (
        read_settings(folder / f'{name}.yaml', AcousticSettings)
        for name in ('autoencoder_small', 'prior_small')
    )
    assert autoencoder.model == prior.model


@pytest.mark.parametrize(
    'tree, message',
    [
        ({'slice_frame': 3}, 'unknown setting "slice_frame"'),
        ({'run': {'speed': 1}}, 'test: run: unknown setting "speed"'),
        ({'model': {'spectrogram': {'hops': 1}}}, 'unknown setting "hops"'),
        ({'run': 3}, 'a table of settings is needed'),
        ({'run': {'steps': 'many'}}, 'steps must be of type int'),
        ({'run': {'steps': True}}, 'steps must be of type int'),
        ({'run': {'steps': 0}}, 'steps is 0'),
        ({'optimizer': {'learning_rate': 'fast'}}, 'must be a number'),
        ({'optimizer': {'learning_rate': float('nan')}}, 'must be a finite number'),
        ({'optimizer': {'decay': 'linear'}}, 'known are constant, exponential, cosine'),
        ({'optimizer': {'betas': [0.9]}}, 'betas are two numbers'),
        ({'discriminators': {'periods': 3}}, 'periods must be a list'),
        ({'discriminators': {'width_divisor': 3}}, 'is not 1, 2, 4, 8 or 16'),
        ({'discriminators': {'periods': [], 'scale': False}}, 'at least one'),
        ({'model': {'n_heads': 5}}, 'cannot be shared'),
        ({'other_reference': 1.5}, 'the range is 0 to 1'),
        ({'variant_share': 0.6}, 'the range is 0 to 0.5'),
        ({'run': {'ema_decay': 1.0}}, r'not in \[0, 1\)'),
    ],
)
def test_wrong_setting_is_refused_by_name(tree, message):
    with pytest.raises(ConfigurationError, match=message):
        build_settings(AcousticSettings, tree, 'test')


def test_yaml_that_is_none_is_refused(tmp_path):
    path = tmp_path / 'settings.yaml'
    for content in ('a: [', '!!python/object:os.system {}', '- 1'):
        path.write_text(content)
        with pytest.raises(ConfigurationError):
            read_settings(path, AcousticSettings)
    with pytest.raises(ConfigurationError, match='cannot read'):
        read_settings(tmp_path / 'missing.yaml', AcousticSettings)


def test_exponents_without_a_point_are_numbers(tmp_path):
    path = tmp_path / 'settings.yaml'
    path.write_text('optimizer: {learning_rate: 1e-4, eps: 1}')
    assert read_settings(path, AcousticSettings).optimizer.learning_rate == 1e-4


@pytest.mark.parametrize(
    'changes, rates',
    [
        ({}, {0: 1.0, 500: 1.0}),
        ({'ramp_steps': 10}, {0: 0.1, 4: 0.5, 9: 1.0, 100: 1.0}),
        (
            {'decay': 'exponential', 'decay_steps': 10, 'decay_factor': 0.5},
            {0: 1, 10: 0.5, 20: 0.25},
        ),
        (
            {'decay': 'cosine', 'decay_steps': 10, 'decay_factor': 0.1},
            {0: 1, 5: 0.55, 10: 0.1, 99: 0.1},
        ),
    ],
)
def test_learning_rate_follows_its_schedule(changes, rates):
    settings = OptimizerSettings(learning_rate=1.0, **changes)
    assert {step: settings.rate(step) for step in rates} == pytest.approx(rates)


@pytest.mark.parametrize('batch_size, max_positions', [(1, 0), (4, 0), (8, 60), (7, 5)])
def test_batches_hold_everything_once_and_keep_the_limits(batch_size, max_positions):
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 40, 101).tolist()
    settings = BatchSettings(batch_size, max_positions, pool_batches=4)
    batches = make_batches(lengths, settings, rng)
    assert sorted(index for batch in batches for index in batch) == list(range(101))
    for batch in batches:
        longest = max(lengths[index] for index in batch)
        assert len(batch) <= batch_size
        assert not max_positions or len(batch) == 1 or longest * len(batch) <= max_positions


def test_batches_pad_little():
    lengths = np.random.default_rng(1).integers(20, 400, 640).tolist()
    batches = make_batches(lengths, BatchSettings(16), np.random.default_rng(2))
    padded = sum(max(lengths[index] for index in batch) * len(batch) for batch in batches)
    assert padded < 1.1 * sum(lengths)


def test_stream_can_be_taken_up_anywhere():
    def plan(epoch: int) -> list[list[int]]:
        rng = np.random.default_rng([7, epoch])
        return make_batches([5] * 10, BatchSettings(3), rng)

    stream = BatchStream(plan)
    positions, batches = [], []
    for _ in range(9):
        positions.append((stream.epoch, stream.index))
        batches.append(stream.next())
    for number, (epoch, index) in enumerate(positions):
        again = BatchStream(plan, epoch, index)
        assert [again.next() for _ in range(9 - number)] == batches[number:]
    assert stream.epoch == 2
    assert batches[:4] != batches[4:8]


def test_rows_are_padded_on_the_right():
    padded, lengths = pad([np.array([1, 2, 3]), np.array([4])], value=9)
    assert padded.tolist() == [[1, 2, 3], [4, 9, 9]]
    assert lengths.tolist() == [3, 1]


def test_moving_average_follows_its_formula():
    average = MovingAverage({'w': torch.tensor([1.0]), 'count': torch.tensor(3)}, decay=0.5)
    expected = 1.0
    for count, value in enumerate((2.0, 4.0, -1.0, 0.0, 7.0)):
        average.update({'w': torch.tensor([value]), 'count': torch.tensor(3)}, count)
        decay = min(0.5, (1 + count) / (10 + count))
        expected = decay * expected + (1 - decay) * value
        assert average.tensors['w'].item() == pytest.approx(expected)
    average.load({'w': torch.tensor([8.0]), 'count': torch.tensor(3)})
    assert average.tensors['w'].item() == 8.0


def quadratic(parameters: list[nn.Parameter]) -> torch.Tensor:
    """Return a loss whose least is at ones."""
    return sum((p - 1).pow(2).sum() for p in parameters)


def test_scaled_adam_finds_a_minimum():
    torch.manual_seed(0)
    parameters = [nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.randn(1))]
    optimizer = ScaledAdam(parameters, lr=0.03, scalar_lr_scale=1.0)
    start = quadratic(parameters).item()
    for _ in range(300):
        optimizer.zero_grad()
        quadratic(parameters).backward()
        optimizer.step()
    assert quadratic(parameters).item() < 0.01 * start


def test_scaled_adam_steps_are_relative_to_the_size():
    """The same gradient moves a tensor that is 100 times as large 100 times as far."""
    torch.manual_seed(0)
    values, gradient = torch.randn(5, 5), torch.randn(5, 5)
    small, large = nn.Parameter(values * 0.01), nn.Parameter(values.clone())
    optimizer = ScaledAdam([small, large])
    small.grad = large.grad = gradient
    optimizer.step()
    moved = [(small.detach() - values * 0.01) * 100, large.detach() - values]
    torch.testing.assert_close(moved[0], moved[1], atol=1e-7, rtol=1e-3)


def test_scaled_adam_goes_on_from_its_state():
    torch.manual_seed(0)
    gradients = torch.randn(12, 6, 4)

    def make(values: torch.Tensor) -> tuple[nn.Parameter, ScaledAdam]:
        parameter = nn.Parameter(values.clone())
        return parameter, ScaledAdam([parameter], clipping_update_period=4)

    whole, optimizer = make(torch.ones(6, 4))
    for number, gradient in enumerate(gradients):
        if number == 7:
            broken, other = make(whole.detach())
            other.load_state_dict(deepcopy(optimizer.state_dict()))
        if number >= 7:
            broken.grad = gradient
            other.step()
        whole.grad = gradient
        optimizer.step()
    assert torch.equal(whole, broken)


def test_scaled_adam_ignores_what_has_no_gradient():
    used, unused = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    optimizer = ScaledAdam([unused, used])
    used.grad = torch.ones(3)
    optimizer.step()
    assert torch.equal(unused, torch.ones(3))
    assert not math.isclose(used[0].item(), 1.0)
