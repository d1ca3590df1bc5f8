"""Samples as numbers."""

from __future__ import annotations

import numpy as np
import pytest

from gptsovits_ros.audio import pcm
from gptsovits_ros.errors import AudioInvalidError


@pytest.mark.parametrize(
    'sample, integer',
    [
        (0.0, 0),
        (1.0, 32767),
        (1.5, 32767),
        (-1.0, -32768),
        (-7.0, -32768),
        (0.6 / 32768, 1),
        (0.4 / 32768, 0),
        (-0.6 / 32768, -1),
    ],
)
def test_int16_is_rounded_and_clipped(sample, integer):
    assert pcm.to_int16(np.array([sample])).tolist() == [integer]


def test_every_int16_survives_the_way_through_float32():
    everything = np.arange(-32768, 32768, dtype=np.int16)
    assert np.array_equal(pcm.to_int16(pcm.from_int16(everything)), everything)


@pytest.mark.parametrize('sample', [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(sample):
    with pytest.raises(AudioInvalidError, match='NaN'):
        pcm.to_int16(np.array([0.0, sample]))


def test_s16le_is_little_endian_and_reads_back():
    data = pcm.to_s16le(np.array([1 / 32768, -1.0], dtype=np.float32))
    assert data == b'\x01\x00\x00\x80'
    assert pcm.from_s16le(data).tolist() == [1 / 32768, -1.0]


def test_half_a_sample_is_refused():
    with pytest.raises(AudioInvalidError, match='3 bytes'):
        pcm.from_s16le(b'\x00\x00\x00')


def test_chunks_hold_all_samples_in_order_and_only_the_last_is_short():
    samples = np.arange(1000, dtype=np.float32)
    found = list(pcm.chunks(samples, 32000, 10))
    assert [len(chunk) for chunk in found] == [320, 320, 320, 40]
    assert np.array_equal(np.concatenate(found), samples)


def test_a_chunk_of_less_than_a_sample_is_refused():
    with pytest.raises(ValueError, match='chunk_ms'):
        next(pcm.chunks(np.zeros(10), 32000, 0.001))


def test_silence_is_as_long_as_said():
    assert len(pcm.silence(0.3, 24000)) == 7200
    assert not pcm.silence(0.3, 24000).any()


def test_only_loud_audio_is_divided_by_its_peak():
    quiet = np.array([0.5, -0.9], dtype=np.float32)
    assert pcm.limit_peak(quiet) is quiet
    assert pcm.limit_peak(np.array([1.0, -2.0], dtype=np.float32)).tolist() == [0.5, -1.0]
    assert len(pcm.limit_peak(np.zeros(0, dtype=np.float32))) == 0
