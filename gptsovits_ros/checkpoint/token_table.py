"""Read and write a token table: one safetensors file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from gptsovits_ros.checkpoint.detect import CheckpointKind
from gptsovits_ros.checkpoint.weights import WeightFile, read_weights, write_weights
from gptsovits_ros.errors import CheckpointError
from gptsovits_ros.semantic.text_path import CodePhonemes
from gptsovits_ros.semantic.token_table import TokenTable

TOKEN_TABLE = 'token_table'
TOKEN_TABLE_FILE = 'token_table.safetensors'
# Names in the file of what each token says, and how long phonemes last.
LABELS, SAYABLE, ENDINGS, SILENCE = 'labels', 'sayable', 'endings', 'silence'


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
    settings = {'skip_limit': table.skip_limit, 'repeat_limit': table.repeat_limit}
    if table.codes is not None:
        settings[SILENCE] = table.codes.silence
        tensors |= {
            LABELS: torch.from_numpy(table.codes.labels),
            SAYABLE: torch.from_numpy(table.codes.phonemes),
            ENDINGS: torch.from_numpy(table.codes.endings),
        }
    write_weights(
        WeightFile(TOKEN_TABLE, CheckpointKind(symbols, symbols), settings, info, tensors), path
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
        _codes(weights, codebook_size, path),
    )


def _codes(weights: WeightFile, codebook_size: int, path: Path) -> CodePhonemes | None:
    if LABELS not in weights.tensors:
        return None
    silence = weights.settings.get(SILENCE)
    labels, sayable, endings = (weights.tensors.get(name) for name in (LABELS, SAYABLE, ENDINGS))
    fits = (
        type(silence) is int
        and sayable is not None
        and endings is not None
        and (labels.dtype, sayable.dtype) == (torch.int64, torch.int64)
        and labels.shape == (codebook_size,)
        and sayable.dim() == 1
        and len(sayable) > 0
        and bool((sayable.diff() > 0).all())
        and bool(torch.isin(labels, torch.cat([sayable, torch.tensor([silence, -1])])).all())
        and bool(torch.isin(sayable, labels).all())
        and endings.is_floating_point()
        and endings.dim() == 2
        and endings.shape[0] == len(sayable)
        and endings.shape[1] > 0
        and bool(((endings >= 0) & (endings <= 1)).all())
        and bool((endings[:, -1] == 1).all())
    )
    if not fits:
        raise CheckpointError(f'{path} is damaged: what its tokens say does not fit together')
    return CodePhonemes(labels.numpy(), silence, sayable.numpy(), endings.float().numpy())


def _limit(weights: WeightFile, name: str, path: Path) -> float:
    limit = weights.settings.get(name)
    if not isinstance(limit, int | float) or not math.isfinite(limit) or limit <= 0:
        raise CheckpointError(f'{path} is damaged: {name} is {limit!r}')
    return float(limit)
