"""Read the network that tells who speaks when (encoders.segmentation)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gptsovits_ros.checkpoint.archive import read_archive
from gptsovits_ros.checkpoint.load import fill
from gptsovits_ros.encoders.segmentation import SpeakerSegmentation
from gptsovits_ros.errors import CheckpointError


def load_segmentation(path: Path) -> SpeakerSegmentation:
    """Read the weights, a torch zip archive with a table `state_dict`, for use on the CPU.

    Raises:
        CheckpointError: the file is damaged, or is no such network.

    """
    content = read_archive(path)
    tensors = content.get('state_dict') if isinstance(content, dict) else None
    if not isinstance(tensors, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in tensors.items()
    ):
        raise CheckpointError(f'{path} is no speaker segmentation: it has no table "state_dict"')
    with torch.device('meta'):
        model = SpeakerSegmentation()
    return fill(model, tensors, path.name, str)
