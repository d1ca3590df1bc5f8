"""Compare batching, joining and the final conversion with the golden case "pipeline_glue"."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gptsovits_ros.audio import join
from gptsovits_ros.parity.report import Row, compared

CASE = 'pipeline_glue'
# The official code counts pauses at this rate whatever the rate of the output is.
OFFICIAL_PAUSE_RATE = 32000


def run(folder: Path) -> Iterator[Row]:
    """Compare every quantity of the case.

    :param folder: of the case; holds data.npz and meta.json.
    """
    meta = json.loads((folder / 'meta.json').read_text(encoding='utf-8'))
    with np.load(folder / 'data.npz', allow_pickle=False) as data:
        golden = {name: data[name] for name in data.files}
    for number, case in enumerate(meta['batching']):
        yield _batching(f'batching_{number}', case)
    yield _joining(golden, meta)
    yield from _post_processing(golden, meta)


def official_int16(samples: np.ndarray) -> np.ndarray:
    """Return int16 as the official code does: towards zero, and +1.0 wraps around to -32768.

    The product rounds and clips instead (audio.pcm.to_int16).
    """
    return np.trunc(samples * 32768.0).astype(np.int32).astype(np.int16)


def _batching(name: str, case: dict) -> Row:
    """Compare one grouping of segments; the error is the number of batches that differ."""
    found = join.to_batches(
        case['norm_text_lens'], case['batch_size'], case['threshold'], case['split_bucket'])
    expected = case['batches']
    error = sum(a != b for a, b in zip(found, expected, strict=False))
    error += abs(len(found) - len(expected))
    return compared(CASE, name, error, 0, f'{len(expected)} batches')


def _joining(golden: dict[str, np.ndarray], meta: dict) -> Row:
    """Compare the joining of overlapping pieces."""
    pieces = [golden[name] for name in sorted(golden) if name.startswith('sola_in_')]
    found = join.join_aligned(pieces, meta['sola_overlap'], meta['sola_search'])
    expected = golden['sola_out']
    rms = float(np.sqrt(np.mean(expected ** 2)))
    return compared(CASE, 'sola_out', _largest_difference(found, expected), 1e-4 * rms)


def _post_processing(golden: dict[str, np.ndarray], meta: dict) -> Iterator[Row]:
    """Compare peak rule, pauses, order and conversion, on batched and on plain segments."""
    segments = [golden['pp_in0'], golden['pp_in1']]
    # In the batched case the batch held the second segment of the text first.
    ordered = join.in_text_order([[1, 0]], segments)
    for name, in_order in (('pp_bucket_out', ordered), ('pp_24k_out', segments)):
        found = official_int16(join.join_segments(
            in_order, 24000, meta['pp']['fragment_interval'], OFFICIAL_PAUSE_RATE))
        yield compared(
            CASE, name, _largest_difference(found.astype(np.int32), golden[name]), 0, 'int16')


def _largest_difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference; infinite if the shapes differ."""
    return float(np.abs(found - expected).max()) if found.shape == expected.shape else np.inf
