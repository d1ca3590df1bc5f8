"""Weight norm for training: what official trainers move is (g, v), what models use g * v / |v|."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import is_parametrized

from gptsovits_ros.checkpoint import keymap

_PAIR = re.compile(r'^(.*)parametrizations\.weight\.original([01])$')
_SUFFIXES = ('weight_g', 'weight_v')


def acoustic_has_weight_norm(name: str) -> bool:
    """Say whether official training splits this tensor of our SoVITS (gptsovits-spec 2.2)."""
    return keymap.has_weight_norm(keymap.acoustic_to_official(name))


def every_weight(name: str) -> bool:
    """Say that a tensor is split; so it is with every weight of the discriminators."""
    return name.endswith('weight')


def apply_weight_norm(model: nn.Module, is_split: Callable[[str], bool]) -> None:
    """Split the weights that is_split(name) accepts, in place; outputs stay the same."""
    chosen = [
        module
        for name, module in model.named_modules()
        if isinstance(getattr(module, 'weight', None), nn.Parameter) and is_split(f'{name}.weight')
    ]
    for module in chosen:
        weight_norm(module)


def pair_name(name: str) -> str:
    """Return the parameter name of torch as `...weight_g` or `...weight_v`; others stay."""
    match = _PAIR.match(name)
    return match[1] + _SUFFIXES[int(match[2])] if match else name


@torch.no_grad()
def load_pairs(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Take g and v of split weights from tensors named `...weight_g` and `...weight_v`.

    The weights stay what they are; how training goes on from them depends on the length of v.
    """
    for name, parameter in model.named_parameters():
        stored = tensors.get(pair_name(name))
        if stored is not None and _PAIR.match(name):
            parameter.copy_(stored)


@torch.no_grad()
def plain_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the state that a model has without weight norm."""
    state = {name: value for name, value in model.state_dict().items() if not _PAIR.match(name)}
    for name, module in model.named_modules():
        if is_parametrized(module, 'weight'):
            state[f'{name}.weight'] = module.weight
    return state
