"""Rebuild the weights and inputs of goldens from their recipes, bit by bit.

A recipe names tensors by shape, mean and spread; the numbers come from SplitMix64 (Steele et al.
2014) started from the SHA-256 of "seed:name". The goldens' README states the formula.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def uniform(seed: str, name: str, count: int) -> np.ndarray:
    """Return float64 [count] in [0, 1), a function of seed and name alone."""
    start = np.frombuffer(hashlib.sha256(f'{seed}:{name}'.encode()).digest()[:8], '<u8')[0]
    z = start + np.arange(1, count + 1, dtype=np.uint64) * _GAMMA
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def noise(seed: str, name: str, shape: tuple[int, ...], spread: float) -> Tensor:
    """Return float32 of the shape, uniform in [-spread, spread]."""
    values = (2 * uniform(seed, name, int(np.prod(shape))) - 1) * spread
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def synth_wave(seed: str, name: str, count: int, sample_rate: int) -> Tensor:
    """Return a speech-like wave, float32 [count]: five shaped, swept partials and noise."""
    t = np.arange(count, dtype=np.float64) / sample_rate
    p = uniform(seed, f'{name}:par', 24)
    base = 110.0 + 120.0 * p[0]
    wave = np.zeros(count)
    for k in range(5):
        frequency = base * (k + 1) * (1.0 + 0.05 * np.sin(2 * np.pi * (0.7 + p[1 + k]) * t))
        phase = 2 * np.pi * np.cumsum(frequency) / sample_rate + 2 * np.pi * p[6 + k]
        wave += 0.6**k * np.sin(phase)
    envelope = 0.55 + 0.45 * np.sin(2 * np.pi * (1.3 + p[12]) * t + 6.0 * p[13])
    hiss = 2 * uniform(seed, f'{name}:noise', count) - 1
    return torch.from_numpy((0.22 * wave * envelope + 0.01 * hiss).astype(np.float32))


def weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a recipe file as they would be stored: halves, and integers."""
    tree = json.loads(path.read_text(encoding='utf-8'))
    return {name: _tensor(tree['seed'], name, entry) for name, entry in tree['tensors'].items()}


def _tensor(seed: str, name: str, entry: list[Any]) -> Tensor:
    shape, dtype, mean, spread = entry[:4]
    options = entry[4] if len(entry) > 4 else {}
    if dtype == 'int64':
        return torch.full(shape, round(mean), dtype=torch.int64)
    if 'values' in options:
        return torch.tensor(options['values'], dtype=torch.float32).reshape(shape)
    values = mean + (2 * uniform(seed, name, int(np.prod(shape))) - 1) * spread
    values = np.maximum(values, options.get('clip_min', -np.inf))
    return torch.from_numpy(values.astype(np.float32).astype(np.float16).reshape(shape))
