"""Speech, since networks that listen hear none in tones; the files tell where it is from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

FOLDER = Path(__file__).parent / 'speech'


def read(name: str) -> tuple[np.ndarray, int]:
    return soundfile.read(FOLDER / name, dtype='float32')


@pytest.fixture(scope='session')
def woman() -> tuple[np.ndarray, int]:
    """Return 8.7 s of a woman (samples, rate); do not change them."""
    return read('woman.opus')


@pytest.fixture(scope='session')
def man() -> tuple[np.ndarray, int]:
    """Return 4.4 s of a man (samples, rate); do not change them."""
    return read('man.opus')
