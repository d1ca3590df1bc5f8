"""Samples as numbers: float32 in [-1, 1] <-> 16-bit integers, chunks, silence, the peak rule."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gptsovits_ros.errors import AudioInvalidError

# One scale for both directions (that of libsndfile): int16 -> float32 -> int16 changes nothing.
INT16_SCALE = 32768.0


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Return float samples as 16-bit integers.

    Rounds to the nearest integer and clips to [-32768, 32767]: +1.0 becomes 32767, never -32768.

    Args:
        samples: float [...], nominally within [-1, 1].

    Returns:
        int16 [...].

    Raises:
        AudioInvalidError: if a sample is NaN or infinite.

    """
    scaled = np.asarray(samples, dtype=np.float32) * np.float32(INT16_SCALE)
    if not np.isfinite(scaled).all():
        raise AudioInvalidError('the samples hold NaN or infinite values; they cannot be played')
    return np.clip(np.rint(scaled), -32768, 32767).astype(np.int16)


def from_int16(samples: np.ndarray) -> np.ndarray:
    """Return int16 samples as float32 in [-1, 1)."""
    return samples.astype(np.float32) / np.float32(INT16_SCALE)


def to_s16le(samples: np.ndarray) -> bytes:
    """Return float samples as raw PCM: signed 16 bit, little endian, two bytes per sample."""
    return to_int16(samples).astype('<i2', copy=False).tobytes()


def from_s16le(data: bytes) -> np.ndarray:
    """Return raw PCM (signed 16 bit, little endian) as float32 samples.

    Raises:
        AudioInvalidError: if the number of bytes is odd.

    """
    if len(data) % 2:
        raise AudioInvalidError(
            f'{len(data)} bytes are no whole number of 16-bit samples; the data is cut short'
        )
    return from_int16(np.frombuffer(data, dtype='<i2'))


def chunks(samples: np.ndarray, sample_rate: int, chunk_ms: float) -> Iterator[np.ndarray]:
    """Cut samples into chunks of chunk_ms milliseconds; the last one may be shorter.

    Args:
        samples: [T]; the chunks are views of it.

    Raises:
        ValueError: if a chunk would hold no sample.

    """
    size = int(sample_rate * chunk_ms / 1000)
    if size < 1:
        raise ValueError(f'chunk_ms {chunk_ms} is less than one sample at {sample_rate} Hz')
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


def silence(duration_s: float, sample_rate: int) -> np.ndarray:
    """Return zeros, float32 [int(duration_s * sample_rate)]."""
    return np.zeros(int(duration_s * sample_rate), dtype=np.float32)


def limit_peak(samples: np.ndarray) -> np.ndarray:
    """Return the samples, divided by their peak where it exceeds 1; quiet audio stays as it is.

    Source: gptsovits-spec section 9.2 (per sentence).
    """
    peak = np.abs(samples).max(initial=0.0)
    return samples / peak if peak > 1.0 else samples
