"""Weights in eight bits: what is lost, what is kept, what is refused."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from gptsovits_ros.checkpoint.compact import SCALE_SUFFIX, pack, unpack
from gptsovits_ros.checkpoint.detect import CheckpointKind
from gptsovits_ros.checkpoint.weights import (
    ACOUSTIC,
    FORMAT,
    WeightFile,
    read_weights,
    write_weights,
)
from gptsovits_ros.errors import CheckpointError


@pytest.fixture
def tensors():
    generator = torch.Generator().manual_seed(1)
    return {
        'kernel': torch.randn(32, 16, 7, generator=generator)
        * torch.logspace(-4, 2, 32)[:, None, None],
        'matrix': torch.randn(64, 64, generator=generator).half(),
        'bias': torch.randn(4096, generator=generator),
        'codebook.embed': torch.randn(128, 64, generator=generator),
    }


def test_each_weight_comes_back_within_half_a_step_of_its_row(tensors):
    again = unpack(pack(tensors))
    for name in ('kernel', 'matrix', 'codebook.embed'):
        rows = tensors[name].float().flatten(1)
        step = rows.abs().amax(dim=1) / 127
        error = (again[name].flatten(1) - rows).abs().amax(dim=1)
        assert (error <= 0.5001 * step).all(), name


def test_vectors_and_named_tensors_stay_as_they_are(tensors):
    packed = pack(tensors, keep=('codebook.',))
    assert packed['bias'] is tensors['bias']
    assert packed['codebook.embed'] is tensors['codebook.embed']
    assert packed['kernel'].dtype == torch.int8


def test_a_row_of_zeros_stays_zero():
    matrix = torch.randn(64, 64)
    matrix[3] = 0
    assert not unpack(pack({'m': matrix}))['m'][3].any()


def test_a_packed_file_holds_bytes_and_is_read_as_floats(tensors, tmp_path):
    weights = WeightFile(ACOUSTIC, CheckpointKind('v2', 'v2'), {}, 'test', tensors)
    write_weights(weights, tmp_path / 'a.safetensors', is_packed=True)
    again = read_weights(tmp_path / 'a.safetensors')
    assert again.shapes == weights.shapes
    assert all(tensor.is_floating_point() for tensor in again.tensors.values())
    stored = load_file(tmp_path / 'a.safetensors')
    assert stored['matrix'].dtype == torch.int8


def test_packed_tensors_and_scales_must_fit_together(tensors):
    packed = pack(tensors)
    without = {name: t for name, t in packed.items() if name != 'kernel' + SCALE_SUFFIX}
    with pytest.raises(CheckpointError, match='"kernel" has no scale'):
        unpack(without)
    wrong = packed | {'kernel' + SCALE_SUFFIX: torch.ones(5)}
    with pytest.raises(CheckpointError, match='"kernel" has no scale'):
        unpack(wrong)
    orphan = packed | {'nothing' + SCALE_SUFFIX: torch.ones(5)}
    with pytest.raises(CheckpointError, match='belongs to no packed tensor'):
        unpack(orphan)


def test_an_unknown_packing_is_refused(tmp_path):
    metadata = {'format': FORMAT, 'format_version': '1', 'packing': 'int3'}
    save_file({'a': torch.zeros(1)}, tmp_path / 'a.safetensors', metadata)
    with pytest.raises(CheckpointError, match='packed as "int3"'):
        read_weights(tmp_path / 'a.safetensors')
