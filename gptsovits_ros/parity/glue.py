"""Compare batching, joining and the final conversion with the golden case "pipeline_glue"."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, takewhile
from pathlib import Path

import numpy as np
import torch

from gptsovits_ros.audio import join
from gptsovits_ros.parity.golden import Golden
from gptsovits_ros.parity.report import Row, compared

# The official code counts pauses at this rate whatever the rate of the output is.
OFFICIAL_PAUSE_RATE = 32000


def run(folder: Path) -> Iterator[Row]:
    """Compare every quantity of the case in this folder."""
    golden = Golden(folder)
    for number, case in enumerate(golden.meta['batching']):
        yield _batching(golden, f'batching_{number}', case)
    yield _joining(golden)
    yield from _post_processing(golden)


def official_int16(samples: np.ndarray) -> np.ndarray:
    """Return int16 as the official code does: towards zero, and +1.0 wraps around to -32768.

    The product rounds and clips instead (audio.pcm.to_int16).
    """
    return np.trunc(samples * 32768.0).astype(np.int32).astype(np.int16)


def _batching(golden: Golden, name: str, case: dict) -> Row:
    """Compare one grouping of segments: which ones, in which order."""
    found = join.to_batches(
        case['norm_text_lens'], case['batch_size'], case['threshold'], case['split_bucket']
    )
    note = f'{len(case["batches"])} batches'
    return compared(golden.name, name, float(found != case['batches']), 0, note)


def _joining(golden: Golden) -> Row:
    """Compare the joining of overlapping pieces."""
    names = takewhile(lambda name: name in golden, (f'sola_in_{i}' for i in count()))
    pieces = [golden.tensor(name).numpy() for name in names]
    found = join.join_aligned(pieces, golden.meta['sola_overlap'], golden.meta['sola_search'])
    return golden.audio('sola_out', torch.from_numpy(found))


def _post_processing(golden: Golden) -> Iterator[Row]:
    """Compare peak rule, pauses, order and conversion, on batched and on plain segments."""
    segments = [golden.tensor(name).numpy() for name in ('pp_in0', 'pp_in1')]
    # In the batched case the batch held the second segment of the text first.
    ordered = join.in_text_order([[1, 0]], segments)
    pause_s = golden.meta['pp']['fragment_interval']
    for name, in_order in (('pp_bucket_out', ordered), ('pp_24k_out', segments)):
        samples = join.join_segments(in_order, 24000, pause_s, OFFICIAL_PAUSE_RATE)
        yield golden.equal(name, official_int16(samples), golden.tensor(name))
