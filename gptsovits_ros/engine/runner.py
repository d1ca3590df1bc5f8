"""The thread of the worker that owns the engine: load it, then speak request after request."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Protocol

from gptsovits_ros.engine import protocol
from gptsovits_ros.engine.voice_tasks import EnrollVoice, VoiceDone, VoiceTask
from gptsovits_ros.errors import (
    CanceledError,
    DependencyMissingError,
    GptsovitsError,
    InternalError,
    OutOfMemoryError,
    QueueFullError,
)
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import AudioChunk, SpeechRequest, VoiceInfo

LOGGER = logging.getLogger(__name__)

MAX_QUEUED_REQUESTS = 64
# A task with voices tells nothing of its progress; it is stuck if it takes so much longer than the
# longest pause that is allowed. The longest of them writes several GB. [s]
VOICE_TASK_S = 600.0


class EngineLike(Protocol):
    """What the worker needs of an engine.

    It is used by one thread only, but for `synthesize`, and what that returns, with
    settings.parallel above 1.
    """

    device: str

    def voices(self) -> list[VoiceInfo]:
        """Return the voices that can speak."""

    def synthesize(
        self, request: SpeechRequest, cancelled: Callable[[], bool]
    ) -> Iterator[AudioChunk]:
        """Yield the audio (a generator); ask `cancelled` often, and raise CanceledError then."""

    def unload(self) -> None:
        """Give up what can be loaded again, since nobody has asked for anything for a while."""

    def do_voice_task(self, task: VoiceTask, cancelled: Callable[[], bool]) -> VoiceDone:
        """Do what is asked of the voice store; raise CanceledError if it is to be left undone.

        An enrolment asks `cancelled` between its steps, where it must be able to bear that it
        speaks (`synthesize`) before it answers.
        """


EngineFactory = Callable[[EngineSettings], EngineLike]


class Job:
    """One request of one client, with its cancel flag and its window for audio.

    Attributes:
        client: routing id of the client.
        id: number of the request at that client.
        request: what to speak, or what to do with the voices.
        cancelled: set once nobody wants it any more.

    """

    def __init__(
        self, client: bytes, id: int, window: int, request: SpeechRequest | VoiceTask
    ) -> None:
        """Create a job that may send `window` bytes before it needs credit."""
        self.client = client
        self.id = id
        self.request = request
        self.cancelled = threading.Event()
        self._window = window
        self._changed = threading.Condition()

    def grant(self, amount: int) -> None:
        """Let `amount` more bytes be sent."""
        with self._changed:
            self._window += amount
            self._changed.notify_all()

    def cancel(self) -> None:
        """Stop it at its next step."""
        self.cancelled.set()
        with self._changed:
            self._changed.notify_all()

    def take_window(self, amount: int) -> None:
        """Wait until the window is open, then use `amount` of it; the last chunk may overdraw it.

        Raises:
            CanceledError: if the job is cancelled meanwhile.

        """
        with self._changed:
            self._changed.wait_for(lambda: self._window > 0 or self.cancelled.is_set())
            self._window -= amount
        self.raise_if_cancelled()

    def raise_if_cancelled(self) -> None:
        """Raise CanceledError if the job is cancelled."""
        if self.cancelled.is_set():
            raise CanceledError('the request was cancelled')


class EngineRunner(threading.Thread):
    """Load the engine and work through a bounded queue; results go to `send` as (client, message).

    The client is None for what concerns all: Ready, LoadFailed, VoicesChanged. An error of one
    request never ends the thread, unless the device is lost for the whole process: then
    `device_lost` is called.
    """

    def __init__(
        self,
        factory: EngineFactory,
        settings: EngineSettings,
        send: Callable[[bytes | None, protocol.WorkerMessage], None],
        device_lost: Callable[[], None],
    ) -> None:
        """Create the thread; `start()` begins to load."""
        super().__init__(name='engine', daemon=True)
        self._factory = factory
        self._settings = settings
        self._send = send
        self._device_lost = device_lost
        self._changed = threading.Condition()
        self._queue: deque[Job] = deque()
        self._speakers: set[threading.Thread] = set()  # with settings.parallel above 1
        self._stopping = False
        self._progress_at: float | None = None  # None: idle, or waiting for the client

    def submit(self, job: Job) -> None:
        """Append a job; raise QueueFullError when MAX_QUEUED_REQUESTS wait."""
        with self._changed:
            if len(self._queue) >= MAX_QUEUED_REQUESTS:
                raise QueueFullError(
                    f'{MAX_QUEUED_REQUESTS} requests wait for the engine already; try again later'
                )
            self._queue.append(job)
            self._changed.notify_all()

    def withdraw(self, job: Job) -> bool:
        """Cancel a job; True if it was still waiting, and then nothing will be sent for it."""
        with self._changed:
            waiting = job in self._queue
            if waiting:
                self._queue.remove(job)
        job.cancel()
        return waiting

    def stop(self) -> None:
        """Let the thread end after the present job, which the caller cancels; drop the rest."""
        with self._changed:
            self._stopping = True
            self._queue.clear()
            self._changed.notify_all()

    def progress_age_s(self) -> float | None:
        """Return seconds since the last sign of progress [s]; None while nothing is to be done."""
        at = self._progress_at
        return None if at is None else max(0.0, time.monotonic() - at)

    def run(self) -> None:
        """Load, then speak until `stop`."""
        engine = self._load()
        while engine is not None:
            if not self._has_work(self._settings.idle_unload_s):
                engine.unload()
            job = self._next_job()
            if job is None:
                break
            if self._settings.parallel > 1 and isinstance(job.request, SpeechRequest):
                self._begin(engine, job)
            else:
                # What is done with the voices is done by itself.
                self._wait_for_speakers(0)
                self._do(engine, job)
        self._wait_for_speakers(0)

    def _load(self) -> EngineLike | None:
        started = time.monotonic()
        try:
            engine = self._factory(self._settings)
            ready = protocol.Ready(
                tuple(engine.voices()), str(engine.device), time.monotonic() - started
            )
            self._send(None, ready)
        except Exception as error:  # the edge of the process: every failure is reported
            self._send(None, _load_failure(error))
            return None
        LOGGER.info('ready on %s, loaded in %.1f s', ready.device, ready.load_s)
        return engine

    def _has_work(self, patience_s: float) -> bool:
        """Return whether there is anything to do within so long; 0: True, whenever it comes."""
        if not patience_s:
            return True
        with self._changed:
            while not self._changed.wait_for(lambda: self._queue or self._stopping, patience_s):
                if not self._speakers:
                    return False
            return True

    def _begin(self, engine: EngineLike, job: Job) -> None:
        """Speak in a thread of its own, once fewer than may do so at once are speaking."""
        self._wait_for_speakers(self._settings.parallel - 1)

        def speak() -> None:
            self._do(engine, job)
            with self._changed:
                self._speakers.remove(speaker)
                self._changed.notify_all()

        speaker = threading.Thread(target=speak, name=f'speaker-{job.id}', daemon=True)
        with self._changed:
            self._speakers.add(speaker)
        speaker.start()

    def _wait_for_speakers(self, most: int) -> None:
        """Wait until at most so many utterances are spoken."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._speakers) <= most)

    def _next_job(self) -> Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._stopping)
            if self._stopping:
                return None
            self._progress_at = time.monotonic()
            return self._queue.popleft()

    def _next_speech(self, new_voice: str) -> Job | None:
        """Return what may be spoken while a voice is made: the next job, if it is speech.

        Whoever names the new voice waits for it, and keeps those behind in their order.
        """
        with self._changed:
            request = self._queue[0].request if self._queue and not self._stopping else None
            if not isinstance(request, SpeechRequest) or request.voice == new_voice:
                return None
            return self._queue.popleft()

    def _do(self, engine: EngineLike, job: Job) -> None:
        """Do one job, whatever becomes of it."""
        try:
            if isinstance(job.request, SpeechRequest):
                self._speak(engine, job)
            else:
                self._do_voice_task(engine, job)
        except Exception as error:  # the edge of the process: every failure is reported
            self._send(job.client, protocol.error_message(job.id, as_gptsovits_error(error)))
            if is_device_lost(error):
                self._device_lost()
        finally:
            self._progress_at = None

    def _speak(self, engine: EngineLike, job: Job) -> None:
        started, num_samples, index = time.monotonic(), 0, 0

        def cancelled() -> bool:
            self._progress_at = time.monotonic()
            return job.cancelled.is_set()

        with closing(engine.synthesize(job.request, cancelled)) as chunks:
            for index, chunk in enumerate(chunks, start=1):
                self._send_chunk(job, index - 1, chunk)
                num_samples += len(chunk.samples)
        self._send(job.client, protocol.End(job.id, chunks=index))
        LOGGER.debug(
            'request %d: %d samples in %.2f s', job.id, num_samples, time.monotonic() - started
        )

    def _do_voice_task(self, engine: EngineLike, job: Job) -> None:
        task = job.request

        def cancelled() -> bool:
            # Nobody shall wait for a whole enrolment until the robot answers.
            while isinstance(task, EnrollVoice) and not job.cancelled.is_set():
                speech = self._next_speech(task.name)
                if speech is None:
                    break
                self._do(engine, speech)
            self._progress_at = time.monotonic() + VOICE_TASK_S
            return job.cancelled.is_set()

        self._progress_at = time.monotonic() + VOICE_TASK_S
        before = engine.voices()
        done = engine.do_voice_task(task, cancelled)
        voices = engine.voices()
        if voices != before:
            self._send(None, protocol.VoicesChanged(tuple(voices)))
        self._send(job.client, done)

    def _send_chunk(self, job: Job, index: int, chunk: AudioChunk) -> None:
        self._progress_at = None  # a client that does not read is no fault of the engine
        job.take_window(protocol.chunk_cost(len(chunk.samples)))
        self._progress_at = time.monotonic()
        self._send(job.client, protocol.Chunk(job.id, index, chunk))


def as_gptsovits_error(error: Exception) -> GptsovitsError:
    """Return the error to report for any exception; log the traceback of an unexpected one."""
    if isinstance(error, GptsovitsError):
        return error
    if isinstance(error, MemoryError) or _is_torch_out_of_memory(error):
        return OutOfMemoryError(
            f'not enough memory for this request ({str(error)[:300] or "MemoryError"}); '
            'use a shorter text, free memory, or set another device'
        )
    LOGGER.error('unexpected %s', type(error).__name__, exc_info=error)
    return InternalError(f'{type(error).__name__}: {error}')


def is_device_lost(error: Exception) -> bool:
    """Tell whether CUDA refuses all further work of this process (a kernel has failed)."""
    return (
        isinstance(error, RuntimeError)
        and 'CUDA error:' in str(error)
        and not _is_torch_out_of_memory(error)
    )


def _is_torch_out_of_memory(error: Exception) -> bool:
    """Recognise torch's error by name, without loading torch."""
    if any(cls.__name__ == 'OutOfMemoryError' for cls in type(error).__mro__):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        'out of memory' in text or "can't allocate memory" in text
    )


def _load_failure(error: Exception) -> protocol.LoadFailed:
    if isinstance(error, ImportError):
        error = DependencyMissingError(
            f'the engine needs a Python module that its interpreter does not have ({error}); '
            'install gptsovits_ros with its engine dependencies there, or set engine.python'
        )
    known = as_gptsovits_error(error)
    return protocol.LoadFailed(known.code, protocol.travel_text(str(known)))
