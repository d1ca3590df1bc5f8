"""Read and write a token table: one safetensors file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from gptsovits_ros.checkpoint.detect import CheckpointKind
from gptsovits_ros.checkpoint.weights import WeightFile, read_weights, write_weights
from gptsovits_ros.errors import CheckpointError
from gptsovits_ros.semantic.token_table import TokenTable

TOKEN_TABLE = 'token_table'
TOKEN_TABLE_FILE = 'token_table.safetensors'


def save_token_table(table: TokenTable, symbols: str, info: str, path: Path) -> None:
    """Write a table, in half precision.

    Args:
        table: what to write.
        symbols: version of the phoneme table that its ids are of, "v1" or "v2".
        info: where it comes from, for people.
        path: the file.

    Raises:
        CheckpointError: it cannot be written.

    """
    tensors = {
        'phonemes': torch.from_numpy(table.phonemes),
        'odds': torch.from_numpy(table.odds).half(),
    }
    limits = {'skip_limit': table.skip_limit, 'repeat_limit': table.repeat_limit}
    write_weights(
        WeightFile(TOKEN_TABLE, CheckpointKind(symbols, symbols), limits, info, tensors), path
    )


def load_token_table(path: Path, symbols: str, codebook_size: int) -> TokenTable:
    """Read the table of a voice.

    Args:
        path: the file.
        symbols: version of the voice's phoneme table.
        codebook_size: number of its semantic tokens.

    Raises:
        CheckpointError: missing, damaged, or the table of another kind of model.

    """
    weights = read_weights(path)
    if weights.role != TOKEN_TABLE:
        raise CheckpointError(f'{path} is a {weights.role} model, not a token table')
    if weights.kind.symbols != symbols:
        raise CheckpointError(
            f'{path} is for the phonemes of {weights.kind.symbols}, but the voice has those of '
            f'{symbols}; learn one from tokens of this model'
        )
    phonemes, odds = weights.tensors.get('phonemes'), weights.tensors.get('odds')
    if phonemes is None or odds is None:
        raise CheckpointError(f'{path} is damaged: it has no phonemes or no odds')
    fits = (
        phonemes.dtype == torch.int64
        and phonemes.dim() == 1
        and len(phonemes) > 0
        and bool((phonemes.diff() > 0).all())
        and odds.is_floating_point()
        and bool(odds.isfinite().all())
    )
    if not fits or odds.shape != (len(phonemes) + 1, codebook_size):
        raise CheckpointError(
            f'{path} does not fit: odds of {tuple(odds.shape)} for {tuple(phonemes.shape)} '
            f'phonemes and {codebook_size} tokens'
        )
    return TokenTable(
        phonemes.numpy(),
        odds.float().numpy().astype(np.float32, copy=False),
        _limit(weights, 'skip_limit', path),
        _limit(weights, 'repeat_limit', path),
    )


def _limit(weights: WeightFile, name: str, path: Path) -> float:
    limit = weights.settings.get(name)
    if not isinstance(limit, int | float) or not math.isfinite(limit) or limit <= 0:
        raise CheckpointError(f'{path} is damaged: {name} is {limit!r}')
    return float(limit)
