"""The one place that imports torchaudio, and the reason where it cannot be used.

torchaudio is optional: its wheels are tied to one build of torch, and beside another build (CPU
torch, Jetson) the import fails. Then functions of this package with the same formulas are used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Backend:
    """What torchaudio offers here.

    Attributes:
        version: of torchaudio; empty where it cannot be used.
        reason: why it cannot be used; empty where it can.
        resample: torchaudio.transforms.Resample, or None. Not functional.resample: that one
            computes its filter in single precision; the official code uses the transform.
        fbank: torchaudio.compliance.kaldi.fbank, or None.

    """

    version: str = ''
    reason: str = ''
    resample: Callable | None = None
    fbank: Callable | None = None


@functools.cache
def backend() -> Backend:
    """Return what torchaudio offers in this process; the import is tried once."""
    try:
        import torchaudio
        from torchaudio.compliance import kaldi
    # OSError: a shared library is missing; RuntimeError: it was built for another CUDA than torch.
    except (ImportError, OSError, RuntimeError) as error:
        first_line = str(error).partition('\n')[0]
        return Backend(reason=f'{type(error).__name__}: {first_line}')
    return Backend(
        version=torchaudio.__version__, resample=torchaudio.transforms.Resample, fbank=kaldi.fbank
    )
