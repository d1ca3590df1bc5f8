"""The engine thread reports every failure, and keeps to queue and window."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from gptsovits_ros.engine import protocol, runner
from gptsovits_ros.engine.runner import EngineRunner, Job, as_gptsovits_error, is_device_lost
from gptsovits_ros.errors import (
    CanceledError,
    InternalError,
    OutOfMemoryError,
    QueueFullError,
    VoiceNotFoundError,
)
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest


class TorchOutOfMemoryError(RuntimeError):
    """Stands for torch.OutOfMemoryError, which is recognised by its name."""


TorchOutOfMemoryError.__name__ = 'OutOfMemoryError'


def make_job(id=1, window=1):
    """Return a job of one client."""
    return Job(b'client', id, window, SpeechRequest('hi'))


@pytest.mark.parametrize(
    'error, kind, said',
    [
        (VoiceNotFoundError('no ann'), VoiceNotFoundError, '^no ann$'),
        (KeyError('lost'), InternalError, "^KeyError: 'lost'$"),
        (RuntimeError('shape mismatch'), InternalError, '^RuntimeError: shape mismatch$'),
        (MemoryError(), OutOfMemoryError, 'MemoryError'),
        (TorchOutOfMemoryError('tried 2 GiB'), OutOfMemoryError, 'tried 2 GiB'),
        (RuntimeError('CUDA error: out of memory'), OutOfMemoryError, 'out of memory'),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), OutOfMemoryError, 'CPU'),
    ],
)
def test_every_exception_becomes_an_error_with_a_code(error, kind, said):
    made = as_gptsovits_error(error)
    assert type(made) is kind
    with pytest.raises(kind, match=said):
        raise made


@pytest.mark.parametrize(
    'error, lost',
    [
        (RuntimeError('CUDA error: an illegal memory access was encountered'), True),
        (RuntimeError('CUDA error: out of memory'), False),
        (TorchOutOfMemoryError('CUDA error: x'), False),
        (RuntimeError('shape mismatch'), False),
        (KeyError('CUDA error: x'), False),
    ],
)
def test_a_lost_device_is_told_from_errors_that_pass(error, lost):
    assert is_device_lost(error) is lost


def test_the_window_lets_the_last_chunk_overdraw_it_and_then_holds():
    job = make_job(window=10)
    job.take_window(25)
    waiting = threading.Thread(target=job.take_window, args=(1,))
    waiting.start()
    job.grant(15)  # zero is not open yet
    waiting.join(0.05)
    assert waiting.is_alive()
    job.grant(1)
    waiting.join(10)
    assert not waiting.is_alive()


def test_cancel_frees_an_engine_that_waits_for_the_window():
    job = make_job(window=1)
    job.take_window(100)
    job.cancel()
    with pytest.raises(CanceledError):
        job.take_window(1)


def test_the_queue_is_bounded_and_withdrawing_makes_room():
    def load(_):
        raise AssertionError('the thread is never started')

    engine = EngineRunner(load, EngineSettings(), lambda *_: None, lambda: None)
    jobs = [make_job(id) for id in range(runner.MAX_QUEUED_REQUESTS)]
    for job in jobs:
        engine.submit(job)
    with pytest.raises(QueueFullError, match='64 requests wait'):
        engine.submit(make_job(99))
    assert engine.withdraw(jobs[3])
    assert jobs[3].cancelled.is_set()
    assert not engine.withdraw(jobs[3])
    engine.submit(make_job(99))


def test_an_engine_that_ignores_cancel_is_closed_at_its_next_chunk():
    closed = threading.Event()
    sent = []
    ended = threading.Event()

    class Deaf:
        device = 'fake'

        def voices(self):
            return []

        def synthesize(self, request, cancelled):
            try:
                while True:
                    yield protocol.AudioChunk(np.zeros(1, np.float32), 32000)
            finally:
                closed.set()

    def send(client, message):
        sent.append(message)
        if isinstance(message, protocol.Chunk) and message.index == 2:
            job.cancel()
        if isinstance(message, protocol.Error):
            ended.set()

    job = make_job(window=2**40)
    engine = EngineRunner(lambda _: Deaf(), EngineSettings(), send, lambda: None)
    engine.submit(job)
    engine.start()
    assert ended.wait(10)
    engine.stop()
    engine.join(10)
    assert not engine.is_alive()
    assert closed.is_set()
    assert [type(message).__name__ for message in sent] == [
        'Ready', 'Chunk', 'Chunk', 'Chunk', 'Error',
    ]  # fmt: skip
    assert sent[-1].code == CanceledError.code


def test_an_engine_without_work_unloads_once_and_speaks_again():
    log = []
    unloaded, spoken = threading.Event(), threading.Event()

    class Idle:
        device = 'fake'

        def voices(self):
            return []

        def unload(self):
            log.append('unload')
            unloaded.set()

        def synthesize(self, request, cancelled):
            log.append('speak')
            yield protocol.AudioChunk(np.zeros(1, np.float32), 32000)

    def send(client, message):
        if isinstance(message, protocol.End):
            spoken.set()

    engine = EngineRunner(lambda _: Idle(), EngineSettings(idle_unload_s=0.05), send, lambda: None)
    engine.start()
    for count in (1, 2):
        assert unloaded.wait(10)
        unloaded.clear()
        assert not unloaded.wait(0.2)  # nothing is left to unload
        assert log.count('unload') == count
        engine.submit(make_job(count, window=2**40))
        assert spoken.wait(10)
        spoken.clear()
    engine.stop()
    engine.join(10)
    assert not engine.is_alive() and log[:3] == ['unload', 'speak', 'unload']
