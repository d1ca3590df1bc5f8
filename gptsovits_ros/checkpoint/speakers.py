"""Read the networks that tell who speaks: encoders.segmentation and encoders.voiceprint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from gptsovits_ros.checkpoint.archive import read_archive
from gptsovits_ros.checkpoint.load import fill
from gptsovits_ros.encoders.segmentation import SpeakerSegmentation
from gptsovits_ros.encoders.voiceprint import VoiceprintEncoder
from gptsovits_ros.errors import CheckpointError

Model = TypeVar('Model', bound=nn.Module)


def load_segmentation(path: Path) -> SpeakerSegmentation:
    """Read a torch zip archive with the weights in its table `state_dict`, for use on the CPU.

    Raises:
        CheckpointError: the file is damaged, or is no such network.

    """
    content = read_archive(path)
    tensors = content.get('state_dict') if isinstance(content, dict) else None
    return _filled(SpeakerSegmentation, tensors, path)


def load_voiceprint(path: Path) -> VoiceprintEncoder:
    """Read a torch zip archive that is a table of the weights, for use on the CPU.

    Raises:
        CheckpointError: the file is damaged, or is no such network.

    """
    return _filled(VoiceprintEncoder, read_archive(path), path)


def _filled(make: Callable[[], Model], tensors: Any, path: Path) -> Model:
    if not isinstance(tensors, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in tensors.items()
    ):
        raise CheckpointError(f'{path} is no {make.__name__}: a table of tensors is needed')
    with torch.device('meta'):
        model = make()
    return fill(model, tensors, path.name, str).eval()
