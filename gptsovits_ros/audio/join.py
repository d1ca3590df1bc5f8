"""Which segments are spoken together, and how their audio is joined again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from gptsovits_ros.audio import pcm

T = TypeVar('T')


def to_batches(
    lengths: Sequence[int],
    batch_size: int,
    threshold: float = 0.75,
    by_length: bool = True,
) -> list[list[int]]:
    """Group segments into batches of similar length.

    A batch takes the next segments, shortest first, and shrinks from its long end while its middle
    length is less than `threshold` times its mean (few long ones would make all others wait).

    Source: gptsovits-spec section 9.2.

    Args:
        lengths: length of the spoken text of each segment [characters], all above 0.
        batch_size: most segments in a batch, at least 1.
        threshold: see above; 0 never shrinks a batch.
        by_length: False keeps the order of the text and fills every batch.

    Returns:
        indices into lengths, each exactly once.

    """
    order = list(range(len(lengths)))
    if not by_length:
        return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    order.sort(key=lambda i: lengths[i])  # stable: equal lengths keep the order of the text
    batches = []
    start = 0
    while start < len(order):
        end = min(start + batch_size, len(order))
        while end - start > 1 and not _is_even([lengths[i] for i in order[start:end]], threshold):
            end -= 1
        batches.append(order[start:end])
        start = end
    return batches


def _is_even(lengths: list[int], threshold: float) -> bool:
    """Say whether the middle length is at least `threshold` times the mean."""
    return lengths[len(lengths) // 2] >= threshold * sum(lengths) / len(lengths)


def in_text_order(batches: Sequence[Sequence[int]], results: Sequence[T]) -> list[T]:
    """Put results that were made batch by batch back into the order of the text.

    Args:
        batches: what to_batches returned.
        results: one per segment, in the order of the batches.

    """
    places = [index for batch in batches for index in batch]
    return [result for _, result in sorted(zip(places, results, strict=True), key=lambda p: p[0])]


def join_segments(
    segments: Sequence[np.ndarray],
    sample_rate: int,
    pause_s: float,
    pause_rate: int | None = None,
) -> np.ndarray:
    """Join the audio of segments, a pause after each of them, the last one included.

    Each segment is divided by its own peak where that exceeds 1.

    Source: gptsovits-spec section 9.2.

    Args:
        segments: float32 [T] each, at sample_rate Hz.
        pause_s: silence after each segment [s].
        pause_rate: rate that the pause is counted at [Hz]; None: sample_rate. The official
            implementation always counts at 32000, so that its pauses at other rates have the wrong
            length.

    Returns:
        float32 [T].

    """
    pause = pcm.silence(pause_s, pause_rate or sample_rate)
    parts = [part for segment in segments for part in (pcm.limit_peak(segment), pause)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


def join_aligned(pieces: Sequence[np.ndarray], overlap: int, search: int = 320) -> np.ndarray:
    """Join pieces whose ends overlap, without clicks (synchronised overlap-add).

    The head of each piece is shifted to where it fits the tail before it best (highest normalised
    correlation), then both are cross-faded with the halves of a Hann window.

    Source: gptsovits-spec sections 9.3 and 11.

    Args:
        pieces: float32 [T] each; all but the first hold at least overlap + search samples.
        overlap: length of the cross-fade [samples].
        search: largest shift tried [samples]; up to so many samples are dropped per joint.

    Returns:
        float32 [T].

    Raises:
        ValueError: if there is no piece or one is too short.

    """
    if not pieces:
        raise ValueError('there is no audio to join')
    # The rising half of a periodic Hann window; the falling half is one minus this.
    fade_in = np.hanning(2 * overlap + 1)[:overlap].astype(np.float32)
    parts = []
    tail = pieces[0]
    for piece in pieces[1:]:
        if len(tail) < overlap or len(piece) < overlap + search:
            raise ValueError(
                f'pieces of {len(tail)} and {len(piece)} samples are too short to be joined with '
                f'an overlap of {overlap} and a search of {search} samples'
            )
        end = tail[len(tail) - overlap :]
        shift = best_shift(end, piece[: overlap + search])
        head = piece[shift : shift + overlap]
        parts += [tail[: len(tail) - overlap], head * fade_in + end * (1 - fade_in)]
        tail = piece[shift + overlap :]
    return np.concatenate([*parts, tail])


def best_shift(end: np.ndarray, head: np.ndarray) -> int:
    """Return the shift into head at which it resembles end most.

    Args:
        end: float32 [N].
        head: float32 [N + search].

    """
    correlation = np.correlate(head, end, mode='valid')  # [search + 1]
    energy = np.convolve(head * head, np.ones(len(end), dtype=head.dtype), mode='valid')
    return int(np.argmax(correlation / np.sqrt(energy + 1e-8)))
