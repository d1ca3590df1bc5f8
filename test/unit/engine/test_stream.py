"""A stream gives its chunks in order, then its end or its error, to whoever reads it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from gptsovits_ros.engine import protocol
from gptsovits_ros.engine import stream as stream_module
from gptsovits_ros.engine.stream import WINDOW_BYTES, SpeechStream
from gptsovits_ros.errors import CanceledError, EngineCrashedError, ProtocolError
from gptsovits_ros.types import AudioChunk


@pytest.fixture
def sent():
    """Return the messages that the stream has sent to the worker."""
    return []


@pytest.fixture
def stream(sent):
    """Return an open stream."""
    return SpeechStream(7, sent.append)


def deliver(stream, index, length=4):
    """Put a chunk into the stream, as the I/O thread does."""
    audio = AudioChunk(np.full(length, index, np.float32), 32000, index)
    stream.deliver(protocol.Chunk(stream.id, index, audio))


def test_chunks_come_in_order_and_then_the_end_stays(stream):
    deliver(stream, 0)
    deliver(stream, 1)
    stream.finish(2)
    assert [chunk.segment_index for chunk in stream] == [0, 1]
    assert stream.next_chunk(0) is None
    assert list(stream) == []


def test_an_error_comes_after_the_chunks_before_it_and_stays(stream):
    deliver(stream, 0)
    stream.fail(EngineCrashedError('gone'))
    assert stream.next_chunk(0).segment_index == 0
    caught = []
    for _ in range(2):
        with pytest.raises(EngineCrashedError, match='gone') as error:
            stream.next_chunk(0)
        caught.append(error.value)
    assert caught[0] is not caught[1]


def test_only_the_first_end_counts(stream):
    stream.finish(0)
    stream.fail(EngineCrashedError('gone'))
    assert stream.next_chunk(0) is None


def test_waiting_has_a_timeout_and_leaves_the_stream_open(stream):
    with pytest.raises(TimeoutError, match='request 7'):
        stream.next_chunk(0.01)
    deliver(stream, 0)
    assert stream.next_chunk(0.01).segment_index == 0


def test_a_reader_that_waits_is_woken_by_cancel(stream, sent):
    result = []

    def read():
        try:
            stream.next_chunk(10)
        except CanceledError as error:
            result.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    stream.cancel()
    reader.join(10)
    assert len(result) == 1
    assert sent == [protocol.Cancel(7)]


def test_cancel_drops_what_is_unread_and_ignores_what_comes_late(stream, sent):
    deliver(stream, 0)
    stream.cancel()
    deliver(stream, 1)
    stream.finish(2)
    stream.cancel()
    with pytest.raises(CanceledError):
        stream.next_chunk(0)
    assert sent == [protocol.Cancel(7)]


def test_cancel_after_the_worker_has_ended_drops_what_is_unread_and_sends_nothing(stream, sent):
    deliver(stream, 0)
    stream.finish(1)
    stream.cancel()
    with pytest.raises(CanceledError):
        stream.next_chunk(0)
    assert sent == []


def test_cancel_of_a_stream_that_was_read_to_its_end_changes_nothing(stream, sent):
    stream.finish(0)
    stream.cancel()
    assert stream.next_chunk(0) is None
    assert sent == []


def test_leaving_the_context_cancels_what_is_not_read(stream, sent):
    with stream as entered:
        assert entered is stream
    assert sent == [protocol.Cancel(7)]


def test_a_missing_chunk_is_a_protocol_error(stream):
    deliver(stream, 0)
    with pytest.raises(ProtocolError, match='chunk 2 of request 7 came, 1 was due'):
        deliver(stream, 2)


def test_an_end_that_counts_other_chunks_is_a_protocol_error(stream):
    deliver(stream, 0)
    with pytest.raises(ProtocolError, match='has 2 chunks, 1 have come'):
        stream.finish(2)


def test_a_reader_gives_credit_for_what_it_has_read_once_it_is_worth_a_message(stream, sent):
    length = WINDOW_BYTES // 4 // 4 // 2  # half of what is worth a message
    for index in range(5):
        deliver(stream, index, length)
    for _ in range(5):
        stream.next_chunk(0)
    assert sent == [protocol.Credit(7, 2 * protocol.chunk_cost(length))] * 2
    unanswered = WINDOW_BYTES - protocol.chunk_cost(length)
    assert unanswered > 0  # the worker can always go on when all is read


def test_the_real_time_factor_counts_from_the_request_to_the_last_chunk(monkeypatch):
    times = iter([10.0, 10.5, 11.0])
    monkeypatch.setattr(stream_module.time, 'monotonic', lambda: next(times))
    stream = SpeechStream(1, lambda message: None)
    assert stream.real_time_factor is None
    for index in range(2):
        samples = np.zeros(1000, np.float32)
        stream.deliver(protocol.Chunk(1, index, AudioChunk(samples, 1000, index)))
    assert stream.real_time_factor == pytest.approx(0.5)
