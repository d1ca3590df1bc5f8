"""Where the weights of the watermark come from: resemble-perth, whose code is not run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from torch import Tensor

from gptsovits_ros.audio.watermark import Watermark
from gptsovits_ros.checkpoint.archive import read_archive
from gptsovits_ros.errors import CheckpointError, DependencyMissingError

PACKAGE = 'perth'
WEIGHTS = Path('perth_net', 'pretrained', 'implicit', 'perth_net_250000.pth.tar')


def load_watermark() -> Watermark:
    """Return the watermark, ready for use on the CPU.

    Raises:
        DependencyMissingError: the package is not installed.
        CheckpointError: its file is damaged, or that of another release.

    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DependencyMissingError(
            'the watermark needs resemble-perth, which has its weights: '
            "`pip install 'gptsovits_ros[watermark]'`"
        )
    path = Path(spec.submodule_search_locations[0]) / WEIGHTS
    content = read_archive(path)
    tensors = content.get('model') if isinstance(content, dict) else None
    if not isinstance(tensors, dict) or not all(isinstance(t, Tensor) for t in tensors.values()):
        raise CheckpointError(f'{path} holds no weights of the watermark')
    return Watermark(tensors)
