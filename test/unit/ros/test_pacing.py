"""When audio is sent, and in what pieces."""

from __future__ import annotations

import numpy as np
import pytest

from gptsovits_ros.ros.pacing import PlaybackClock, Rechunker


def test_audio_is_sent_ahead_of_its_playing_time_by_the_lead():
    clock = PlaybackClock(lead_s=0.2)
    sent_at = []
    now = 100.0
    for _ in range(6):
        now += clock.delay(now)
        sent_at.append(round(now - 100.0, 6))
        clock.sent(now, 0.1)
    # The first is heard at once; then each leaves 0.2 s before its playing time.
    assert sent_at == [0.0, 0.0, 0.0, 0.1, 0.2, 0.3]


def test_sound_ends_when_the_last_sample_is_heard():
    clock = PlaybackClock(lead_s=5.0)
    for _ in range(4):
        clock.sent(100.0, 0.25)
    assert clock.due_in(100.4) == pytest.approx(0.6)
    assert clock.due_in(102.0) == 0.0


def test_audio_that_comes_too_late_moves_the_rest():
    clock = PlaybackClock(lead_s=0.0)
    clock.sent(100.0, 0.1)
    clock.sent(101.0, 0.1)  # the player was silent from 100.1 on
    assert clock.due_in(101.0) == pytest.approx(0.1)


def test_pieces_have_one_length_and_nothing_is_lost():
    samples = np.arange(1050, dtype=np.int16)
    rechunker = Rechunker(chunk_ms=100)  # 100 samples at 1 kHz
    pieces = []
    for start, stop in ((0, 30), (30, 250), (250, 1050)):
        pieces += rechunker.pieces(samples[start:stop], 1000, is_segment_end=stop == 1050)
    assert [len(piece) for piece in pieces] == [100] * 10 + [50]
    assert np.array_equal(np.concatenate(pieces), samples)
    assert len(rechunker.flush()) == 0


def test_end_of_a_segment_is_sent_at_once():
    rechunker = Rechunker(chunk_ms=100)
    assert [len(p) for p in rechunker.pieces(np.zeros(130, np.int16), 1000, True)] == [100, 30]
    assert [len(p) for p in rechunker.pieces(np.zeros(130, np.int16), 1000, False)] == [100]


def test_rest_of_a_stream_that_ends_within_a_segment_is_not_lost():
    rechunker = Rechunker(chunk_ms=100)
    assert list(rechunker.pieces(np.ones(30, np.int16), 1000, False)) == []
    assert len(rechunker.flush()) == 30
    assert len(rechunker.flush()) == 0
