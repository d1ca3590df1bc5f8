"""The I/O thread of the client: own the socket and the process, and keep a worker alive."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import zmq

from gptsovits_ros.engine import protocol
from gptsovits_ros.engine.link import WorkerLink, WorkerLostError
from gptsovits_ros.engine.process import (
    KILL_WAIT_S,
    RuntimeDirectory,
    WorkerProcess,
    worker_environment,
)
from gptsovits_ros.engine.shared_engine import SharedWorker
from gptsovits_ros.engine.stream import SpeechStream
from gptsovits_ros.engine.voice_call import VoiceCall
from gptsovits_ros.engine.wakeup import WakeupQueue
from gptsovits_ros.errors import (
    ConfigurationError,
    EngineUnavailableError,
    GptsovitsError,
    InternalError,
    ProtocolError,
    error_from_code,
)

LOGGER = logging.getLogger(__name__)

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
HEALTHY_S = 60.0


class _Open(NamedTuple):
    """Hand a new stream or call over, with the frames that request it."""

    stream: SpeechStream | VoiceCall
    frames: list[bytes]


class Supervisor(threading.Thread):
    """Start a worker, carry messages, restart it when it is lost; until `stop` or final failure.

    The other methods may be called from any thread.
    """

    def __init__(
        self,
        command: Sequence[str],
        shared: Path | None,
        start_timeout_s: float,
        stall_timeout_s: float,
        publish: Callable[..., None],
    ) -> None:
        """Create the thread; `start()` begins.

        Args:
            command: starts a worker when "--address <socket>" is added; the first item is its
                Python.
            shared: socket of an engine that somebody else starts and ends; None: one is started.
            start_timeout_s: longest time for a worker to load its models [s].
            stall_timeout_s: longest time without progress or answer [s].
            publish: receives the fields of the status that change, as keywords, from this thread.

        """
        super().__init__(name='engine-io', daemon=True)
        self._command = tuple(command)
        self._shared = shared
        self._start_timeout_s = start_timeout_s
        self._stall_timeout_s = stall_timeout_s
        self._publish = publish
        self._commands: WakeupQueue[_Open | protocol.ClientMessage] = WakeupQueue()
        self._streams: dict[int, SpeechStream | VoiceCall] = {}
        self._stop_timeout_s: float | None = None  # not None: stop

    def open(self, stream: SpeechStream | VoiceCall, frames: list[bytes]) -> None:
        """Send the request of a new stream or call, and fill it from now on."""
        self._commands.put(_Open(stream, frames))

    def send(self, message: protocol.ClientMessage) -> None:
        """Send Credit or Cancel of a stream, unless it has ended meanwhile."""
        self._commands.put(message)

    def stop(self, timeout_s: float) -> None:
        """End the worker and this thread; the worker has so long to leave by itself [s]."""
        self._stop_timeout_s = timeout_s
        self._commands.wake()

    def join_stopped(self) -> None:
        """Wait for the end of the thread after `stop`."""
        self.join(self._stop_timeout_s + KILL_WAIT_S + 1.0)

    def run(self) -> None:
        """Supervise, and leave nothing behind: no process, no folder, no open stream."""
        self._publish(state='starting', pid=None, restarts=0, message='')
        state = 'failed'
        try:
            with RuntimeDirectory() as directory, zmq.Context() as context:
                self._supervise(directory, context)
            state, error = 'stopped', EngineUnavailableError('the engine was stopped')
        except WorkerLostError as lost:
            error = lost.error
        except GptsovitsError as failure:
            error = failure
        except Exception as defect:  # the edge of the thread: whoever waits must learn of it
            LOGGER.exception('defect in the engine client')
            error = InternalError(f'{type(defect).__name__}: {defect}')
        self._publish(state=state, pid=None, message=str(error) if state == 'failed' else '')
        self._fail_streams(error)
        self._commands.close()

    def _supervise(self, directory: RuntimeDirectory, context: zmq.Context) -> None:
        failures = restarts = 0
        while self._stop_timeout_s is None:
            link = self._start_worker(directory, context, generation=restarts)
            try:
                self._serve(link)
                return
            except WorkerLostError as lost:
                LOGGER.error('%s', lost)
                if lost.permanent:
                    raise
                failures = 1 if link.healthy_s() > HEALTHY_S else failures + 1
                delay_s = restart_delay_s(failures)
                restarts += 1
                message = f'{lost.error} (next start in {delay_s:g} s)'
                self._publish(state='restarting', pid=None, restarts=restarts, message=message)
                self._fail_streams(lost.error)
            finally:
                link.close()
            self._pause(delay_s)

    def _start_worker(
        self, directory: RuntimeDirectory, context: zmq.Context, generation: int
    ) -> WorkerLink:
        if self._shared is not None:
            return self._link(SharedWorker(self._shared), context, f'ipc://{self._shared}')
        address = directory.address(generation)
        try:
            process = WorkerProcess(
                [*self._command, '--address', address],
                worker_environment(self._command[0], directory.import_path, os.environ),
                directory.import_path,
                on_exit=self._commands.wake,
            )
        except OSError as error:
            raise ConfigurationError(f'cannot start {self._command[0]}: {error}') from error
        return self._link(process, context, address)

    def _link(
        self, process: WorkerProcess | SharedWorker, context: zmq.Context, address: str
    ) -> WorkerLink:
        self._publish(pid=process.pid)
        return WorkerLink(process, context, address, self._start_timeout_s, self._stall_timeout_s)

    def _serve(self, link: WorkerLink) -> None:
        """Carry messages until `stop`; raise WorkerLostError if the worker is lost before."""
        poller = zmq.Poller()
        poller.register(link.socket, zmq.POLLIN)
        poller.register(self._commands.fileno(), zmq.POLLIN)
        while self._stop_timeout_s is None:
            poller.poll(link.turn_s * 1000)
            for message in link.receive():
                self._take_message(link, message)
            self._run_commands(link)
            link.check()
        self._fail_streams(EngineUnavailableError('the engine was stopped'))
        link.shut_down(self._stop_timeout_s)

    def _take_message(self, link: WorkerLink, message: protocol.WorkerMessage) -> None:
        if isinstance(message, protocol.Ready):
            self._publish(
                state='ready', message='', voices=message.voices, device=message.device,
                load_s=message.load_s,
            )  # fmt: skip
            return
        if isinstance(message, protocol.VoicesChanged):
            self._publish(voices=message.voices)
            return
        stream = self._streams.get(message.id)
        if stream is None:
            return  # cancelled here, while this message was on its way
        try:
            if isinstance(message, protocol.Chunk):
                stream.deliver(message)
                return
            del self._streams[message.id]
            if isinstance(message, protocol.End):
                stream.finish(message.chunks)
            elif isinstance(message, protocol.VoiceDone):
                stream.finish(message)
            else:
                stream.fail(error_from_code(message.code, message.message))
        except ProtocolError as error:
            stream.fail(error)
            raise WorkerLostError(error) from error

    def _run_commands(self, link: WorkerLink) -> None:
        for command in self._commands.take():
            if isinstance(command, _Open):
                self._streams[command.stream.id] = command.stream
                link.send(command.frames)
            elif command.id in self._streams:
                link.send(protocol.encode(command))
                # A task tells whether it was done before it saw the cancel.
                is_call = isinstance(self._streams[command.id], VoiceCall)
                if isinstance(command, protocol.Cancel) and not is_call:
                    del self._streams[command.id]

    def _fail_streams(self, error: GptsovitsError) -> None:
        """End every stream, also those that were handed over and not requested yet."""
        for command in self._commands.take():
            if isinstance(command, _Open):
                command.stream.fail(error)
        for stream in self._streams.values():
            stream.fail(error)
        self._streams.clear()

    def _pause(self, seconds: float) -> None:
        """Wait before the next start, but not for `stop`."""
        poller = zmq.Poller()
        poller.register(self._commands.fileno(), zmq.POLLIN)
        deadline = time.monotonic() + seconds
        while self._stop_timeout_s is None and (left := deadline - time.monotonic()) > 0:
            poller.poll(left * 1000)
            self._fail_streams(EngineUnavailableError('the engine process is being restarted'))


def restart_delay_s(failures: int) -> float:
    """Return the pause before the next start after so many failures in a row [s]."""
    return min(FIRST_DELAY_S * 2 ** min(failures - 1, 10), LONGEST_DELAY_S)
