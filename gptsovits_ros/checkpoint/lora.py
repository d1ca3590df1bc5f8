"""LoRA files of v3 and v4: low-rank differences to a base model, merged into its weights.

Hu et al. 2021 (LoRA); gptsovits-spec section 10.4. A file holds a pair (A, B) for some linear
layers of the transformer, W becomes W + B A, and whole tensors of the parts that were trained too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from gptsovits_ros.checkpoint.weights import WeightFile
from gptsovits_ros.errors import CheckpointError

# The library that trains such models wraps the flow matching module under this prefix.
WRAPPED, PLAIN = 'cfm.base_model.model.', 'cfm.'
_FACTOR = re.compile(r'^(?P<layer>.+)\.lora_(?P<factor>[AB])\.default\.weight$')


def merge_lora(base: WeightFile, lora: WeightFile) -> WeightFile:
    """Return the base model with a LoRA file merged into it; both arguments stay as they are.

    Raises:
        CheckpointError: the two do not belong together, or the LoRA file is damaged.

    """
    if not lora.kind.is_lora or base.kind.is_lora:
        raise CheckpointError('a LoRA file and a whole base model are needed to merge them')
    tensors = dict(base.tensors)
    factors: dict[str, dict[str, Tensor]] = {}
    for name, value in lora.tensors.items():
        plain = PLAIN + name[len(WRAPPED) :] if name.startswith(WRAPPED) else name
        match = _FACTOR.match(plain)
        if match:
            factors.setdefault(f'{match["layer"]}.weight', {})[match['factor']] = value
        else:
            _check_whole(tensors, plain, value)
            tensors[plain] = value
    if not factors:
        raise CheckpointError('the LoRA file holds no low-rank differences')
    for name, pair in factors.items():
        tensors[name] = tensors_merged(tensors, name, pair, lora.lora_rank)
    return replace(base, tensors=tensors, info=lora.info)


def tensors_merged(
    tensors: Mapping[str, Tensor], name: str, pair: Mapping[str, Tensor], rank: int | None
) -> Tensor:
    """Return W + B A in float32 for the weight of this name.

    Raises:
        CheckpointError: W, A or B is missing, or their shapes do not fit each other or the rank.

    """
    weight, down, up = tensors.get(name), pair.get('A'), pair.get('B')
    if weight is None or down is None or up is None:
        missing = 'the base model has no' if weight is None else 'the LoRA file has half of'
        raise CheckpointError(f'{missing} {name}; does it belong to another version?')
    if rank is None:
        rank = down.shape[0] if down.dim() else 0
    wanted = {'A': (rank, weight.shape[-1]), 'B': (weight.shape[0], rank)}
    found = {'A': tuple(down.shape), 'B': tuple(up.shape)}
    if weight.dim() != 2 or found != wanted:
        raise CheckpointError(
            f'the LoRA file has factors of shapes {found["A"]} and {found["B"]} for {name} '
            f'{tuple(weight.shape)}, where rank {rank} needs {wanted["A"]} and {wanted["B"]}'
        )
    return weight.float() + up.float() @ down.float()


def _check_whole(tensors: Mapping[str, Tensor], name: str, value: Tensor) -> None:
    base = tensors.get(name)
    if base is not None and base.shape != value.shape:
        raise CheckpointError(
            f'the LoRA file has {name} {list(value.shape)}, the base model '
            f'{list(base.shape)}; they do not belong together'
        )
