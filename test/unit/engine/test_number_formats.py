"""Quick layers beside the plain ones: how far apart they may be."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from gptsovits_ros.acoustic.hifigan import ResidualBlock
from gptsovits_ros.engine.model_cache import size_bytes
from gptsovits_ros.engine.number_formats import (
    BFLOAT16,
    FLOAT32,
    INT8,
    Bfloat16Convolutions,
    Int8Linear,
    convert_linears,
    int8_exists,
)
from gptsovits_ros.engine.precision import INT8_FLAGS, cpu_flags

needs_int8 = pytest.mark.skipif(not int8_exists(), reason='this torch has no int8 layers')
# Largest error of one layer relative to its output, both as root mean square.
# A CPU that adds products up in 16 bits must be given one bit less, as ModelFormats does.
HALF_RANGE = not cpu_flags() & INT8_FLAGS
BOUNDS = {BFLOAT16: 0.004, INT8: 0.024 if HALF_RANGE else 0.012}


def relative_error(value: torch.Tensor, exact: torch.Tensor) -> float:
    return float((value - exact).norm() / exact.norm())


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(96, 200), nn.Sequential(nn.Linear(200, 64, bias=False)))


@needs_int8
@pytest.mark.parametrize('number_format', [BFLOAT16, INT8])
@pytest.mark.parametrize('rows', [1, 40])
@torch.inference_mode()
def test_a_layer_is_close_to_the_plain_one(number_format, rows):
    torch.manual_seed(2)
    layers = nn.Sequential(nn.Linear(512, 96))
    x = torch.randn(2, rows, 512) * 3 + 0.5
    exact = layers(x)
    convert_linears(layers, number_format, HALF_RANGE)
    value = layers(x)
    assert value.dtype == torch.float32 and value.shape == exact.shape
    assert 0 < relative_error(value, exact) < BOUNDS[number_format]


@needs_int8
@torch.inference_mode()
def test_seven_bits_of_input_cost_at_most_twice_the_error():
    torch.manual_seed(2)
    linear, x = nn.Linear(512, 96), torch.randn(40, 512)
    exact = linear(x)
    value = Int8Linear(linear, half_range=True)(x)
    assert 0 < relative_error(value, exact) < 0.024


@needs_int8
@torch.inference_mode()
def test_outputs_of_very_different_size_keep_their_own_scale():
    torch.manual_seed(3)
    linear, x = nn.Linear(64, 3), torch.randn(5, 64)
    linear.weight.data *= torch.tensor([[1.0], [1e-6], [0.0]])
    linear.bias.data.zero_()
    exact, value = linear(x), Int8Linear(linear, HALF_RANGE)(x)
    for column in (0, 1):
        assert relative_error(value[:, column], exact[:, column]) < 2 * BOUNDS[INT8]
    assert not value[:, 2].any()


@needs_int8
@pytest.mark.parametrize(
    ('number_format', 'part'), [(FLOAT32, 1), (BFLOAT16, 1 / 2), (INT8, 1 / 4)]
)
def test_the_float_weights_are_not_kept(network, number_format, part):
    before = size_bytes([network])
    convert_linears(network, number_format, HALF_RANGE)
    assert size_bytes([network]) == pytest.approx(before * part, rel=0.1)
    plain = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert bool(plain) == (number_format == FLOAT32)


@torch.inference_mode()
@pytest.mark.parametrize('length', [1, 7, 64])
def test_convolutions_in_bfloat16_are_close_to_the_plain_ones(length):
    torch.manual_seed(4)
    block = ResidualBlock(64, 7, (1, 3, 5)).eval().requires_grad_(False)
    x = torch.randn(1, 64, length)
    exact = block(x)
    value = Bfloat16Convolutions(copy.deepcopy(block))(x)
    assert value.dtype == torch.float32 and value.is_contiguous()
    assert 0 < relative_error(value, exact) < 0.01
