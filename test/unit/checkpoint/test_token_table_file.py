"""The file of a token table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gptsovits_ros.checkpoint.content import KIND
from gptsovits_ros.checkpoint.token_table import TOKEN_TABLE, load_token_table, save_token_table
from gptsovits_ros.checkpoint.weights import WeightFile, read_weights, write_weights
from gptsovits_ros.errors import CheckpointError
from gptsovits_ros.semantic.text_path import CodePhonemes
from gptsovits_ros.semantic.token_table import TokenTable

TABLE = TokenTable(
    np.array([3, 7, 11]), np.linspace(-2, 2, 4 * 8, dtype=np.float32).reshape(4, 8), 7.5, 15.25
)


@pytest.fixture
def path(tmp_path):
    save_token_table(TABLE, 'v2', 'a test', tmp_path / 'token_table.safetensors')
    return tmp_path / 'token_table.safetensors'


CODES = CodePhonemes(
    np.array([0, 0, 3, 3, 7, 11, 11, -1]),
    0,
    np.array([3, 7, 11]),
    np.array([[0.25, 1.0], [0.5, 1.0], [0.0, 1.0]], dtype=np.float32),
)


@pytest.fixture
def path_with_codes(tmp_path):
    table = replace(TABLE, codes=CODES)
    save_token_table(table, 'v2', 'a test', tmp_path / 'token_table.safetensors')
    return tmp_path / 'token_table.safetensors'


def changed(path, tensors=None, settings=None, role=TOKEN_TABLE):
    """Write the file anew with other content."""
    weights = read_weights(path)
    write_weights(
        WeightFile(
            role,
            KIND,
            weights.settings | (settings or {}),
            '',
            weights.tensors | (tensors or {}),
        ),
        path,
    )


def test_what_is_written_is_read(path):
    table = load_token_table(path, 'v2', 8)
    assert table.phonemes.tolist() == [3, 7, 11]
    assert np.abs(table.odds - TABLE.odds).max() < 1e-3
    assert (table.skip_limit, table.repeat_limit) == (7.5, 15.25)
    assert table.emission([7], [5]).shape == (1, 3)


@pytest.mark.parametrize('symbols, codebook', [('v1', 8), ('v2', 1024)])
def test_the_table_of_another_kind_of_model_is_refused(path, symbols, codebook):
    with pytest.raises(CheckpointError, match='phonemes'):
        load_token_table(path, symbols, codebook)


@pytest.mark.parametrize(
    'change',
    [
        {'settings': {'skip_limit': float('nan')}},
        {'settings': {'repeat_limit': -1}},
        {'settings': {'repeat_limit': '3'}},
        {'role': 'content'},
    ],
)
def test_a_damaged_file_is_refused(path, change):
    changed(path, **change)
    with pytest.raises(CheckpointError, match='damaged|not a token table'):
        load_token_table(path, 'v2', 8)


def test_phonemes_that_are_not_in_order_are_refused(path):
    save_token_table(replace(TABLE, phonemes=np.array([3, 11, 7])), 'v2', '', path)
    with pytest.raises(CheckpointError, match='does not fit'):
        load_token_table(path, 'v2', 8)


def test_odds_that_are_no_numbers_are_refused(path):
    odds = TABLE.odds.copy()
    odds[1, 1] = np.inf
    save_token_table(replace(TABLE, odds=odds), 'v2', '', path)
    with pytest.raises(CheckpointError, match='does not fit'):
        load_token_table(path, 'v2', 8)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(CheckpointError, match='cannot read'):
        load_token_table(tmp_path / 'none.safetensors', 'v2', 8)


def test_what_tokens_say_is_written_and_read(path, path_with_codes):
    codes = load_token_table(path_with_codes, 'v2', 8).codes
    for name, value in vars(CODES).items():
        assert np.array_equal(getattr(codes, name), value), name


def test_a_table_without_it_has_none(path):
    assert load_token_table(path, 'v2', 8).codes is None


@pytest.mark.parametrize(
    'change',
    [
        {'settings': {'silence': 'much'}},
        {'tensors': {'labels': torch.tensor([0, 0, 3, 3, 7, 11, 11])}},
        {'tensors': {'labels': torch.tensor([0, 0, 3, 3, 7, 11, 11, 5])}},
        {'tensors': {'labels': torch.tensor([0, 0, 3, 3, 3, 11, 11, -1])}},
        {'tensors': {'labels': torch.rand(8)}},
        {'tensors': {'sayable': torch.tensor([7, 3, 11])}},
        {'tensors': {'endings': torch.full((3, 2), 0.5)}},
        {'tensors': {'endings': torch.full((3, 2), float('nan'))}},
        {'tensors': {'endings': torch.ones(2, 2)}},
        {'tensors': {'endings': torch.ones(3, 0)}},
    ],
)
def test_what_tokens_say_must_fit_together(path_with_codes, change):
    changed(path_with_codes, **change)
    with pytest.raises(CheckpointError, match='what its tokens say'):
        load_token_table(path_with_codes, 'v2', 8)
