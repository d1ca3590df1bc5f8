"""Batches of segments, and the joining of their audio."""

from __future__ import annotations

import numpy as np
import pytest

from gptsovits_ros.audio import join


@pytest.mark.parametrize(
    'lengths, batch_size, threshold, batches',
    [
        ([], 4, 0.75, []),
        ([5], 4, 0.75, [[0]]),
        ([9, 1, 5], 1, 0.75, [[1], [2], [0]]),
        ([10, 10, 10], 2, 0.75, [[0, 1], [2]]),
        # Mean 40, middle 10: the long one would make the others wait, so it goes alone.
        ([10, 100, 10], 3, 0.75, [[0, 2], [1]]),
        ([10, 100, 10], 3, 0.0, [[0, 2, 1]]),
    ],
)
def test_batches_hold_segments_of_similar_length(lengths, batch_size, threshold, batches):
    assert join.to_batches(lengths, batch_size, threshold) == batches


def test_batches_can_keep_the_order_of_the_text():
    assert join.to_batches([9, 1, 5], 2, by_length=False) == [[0, 1], [2]]


def test_results_of_batches_return_to_the_order_of_the_text():
    lengths = [7, 3, 9, 1, 4]
    batches = join.to_batches(lengths, 2)
    results = [lengths[i] for batch in batches for i in batch]
    assert results != lengths
    assert join.in_text_order(batches, results) == lengths


def test_a_missing_result_is_noticed():
    with pytest.raises(ValueError):
        join.in_text_order([[0, 1]], ['only one'])


def test_each_segment_is_limited_and_followed_by_a_pause():
    loud, quiet = np.full(3, 2.0, dtype=np.float32), np.full(2, 0.5, dtype=np.float32)
    joined = join.join_segments([loud, quiet], sample_rate=1000, pause_s=0.002)
    assert joined.tolist() == [1, 1, 1, 0, 0, 0.5, 0.5, 0, 0]


def test_pauses_are_counted_at_the_real_rate_unless_asked_otherwise():
    segment = np.zeros(10, dtype=np.float32)
    assert len(join.join_segments([segment], 24000, 0.1)) == 10 + 2400
    assert len(join.join_segments([segment], 24000, 0.1, pause_rate=32000)) == 10 + 3200


def test_no_segments_give_no_audio():
    assert len(join.join_segments([], 32000, 0.3)) == 0


def test_aligned_pieces_give_back_the_sound_they_were_cut_from():
    rng = np.random.default_rng(1)
    sound = rng.standard_normal(4000).astype(np.float32)
    # The second piece starts 25 samples too early; the search has to find that.
    pieces = [sound[:2000], sound[2000 - 200 - 25 :]]
    joined = join.join_aligned(pieces, overlap=200, search=50)
    assert joined.shape == sound.shape
    np.testing.assert_allclose(joined, sound, atol=1e-6)


def test_one_piece_stays_as_it_is():
    piece = np.ones(100, dtype=np.float32)
    assert np.array_equal(join.join_aligned([piece], overlap=640), piece)


@pytest.mark.parametrize('sizes', [(100, 1000), (1000, 100)])
def test_pieces_that_are_too_short_are_refused(sizes):
    pieces = [np.zeros(size, dtype=np.float32) for size in sizes]
    with pytest.raises(ValueError, match='too short'):
        join.join_aligned(pieces, overlap=200, search=50)


def test_no_pieces_are_refused():
    with pytest.raises(ValueError, match='no audio'):
        join.join_aligned([], overlap=200)
