"""The engine process: `python -m gptsovits_ros.engine.worker --address ipc://... --settings JSON`.

The main thread owns the socket and answers at once, whatever the models do; a second thread
(runner.EngineRunner) owns the engine. The process ends with its parent: a third thread waits for
the end of stdin.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import zmq

from gptsovits_ros.engine import protocol
from gptsovits_ros.engine.process import (
    DUMP_SIGNAL,
    EXIT_DEVICE_LOST,
    EXIT_LOAD_FAILED,
    remove_runtime_directory,
)
from gptsovits_ros.engine.runner import EngineFactory, EngineLike, EngineRunner, Job
from gptsovits_ros.engine.voice_tasks import VOICE_TASKS
from gptsovits_ros.engine.wakeup import WakeupQueue
from gptsovits_ros.errors import (
    CanceledError,
    ConfigurationError,
    EngineUnavailableError,
    GptsovitsError,
    ProtocolError,
)
from gptsovits_ros.settings import EngineSettings

LOGGER = logging.getLogger(__name__)

POLL_MS = 1000
CLIENT_SILENCE_S = 60.0  # clients ping each second; one that is silent so long is gone
LOAD_FAILED_LINGER_S = 10.0  # time for the client to fetch the reason and answer Shutdown
STOP_WAIT_S = 0.5  # for the running request, which asks every few tens of milliseconds
SEND_LINGER_MS = 200
# Audio is bounded by the window of each request, so this is reached only by a client that never
# reads.
SEND_QUEUE_LENGTH = 10_000
MESSAGES_PER_TURN = 100


def load_engine(settings: EngineSettings) -> EngineLike:
    """Load the real engine; torch is imported here, in the engine thread, and nowhere before."""
    from gptsovits_ros.engine.engine import Engine

    return Engine.load(settings)


class _Outgoing(NamedTuple):
    """A message from the engine thread; client None: to all, now and later."""

    client: bytes | None
    message: protocol.WorkerMessage
    frames: list[bytes]


class Worker:
    """The socket side of the process: checks messages, routes jobs, reports life."""

    def __init__(
        self,
        address: str,
        settings: EngineSettings,
        engine_factory: EngineFactory,
        is_shared: bool = False,
    ) -> None:
        """Bind the socket; `run` does the work.

        Args:
            address: ipc://<path>; the folder must be closed to other users.
            settings: handed to `engine_factory`.
            engine_factory: builds the engine, in the engine thread.
            is_shared: no client may end it.

        Raises:
            ConfigurationError: if the address is of another kind or cannot be bound.

        """
        if not address.startswith('ipc:///'):
            raise ConfigurationError(
                f'address {address!r} is not ipc:///...; only local sockets are served, because '
                'they are closed to other users and machines'
            )
        self._is_shared = is_shared
        self._exit_code = 0
        self._leave_at: float | None = None
        self._clients: dict[bytes, float] = {}  # routing id: when it was last heard
        self._jobs: dict[tuple[bytes, int], Job] = {}
        self._state: protocol.Ready | protocol.LoadFailed | None = None
        self._outbox: WakeupQueue[_Outgoing] = WakeupQueue()
        self._runner = EngineRunner(
            engine_factory, settings, send=self._post, device_lost=self._leave_for_lost_device
        )
        self._context = zmq.Context()
        self._socket = self._bind(address)

    def _bind(self, address: str) -> zmq.Socket:
        bound = self._context.socket(zmq.ROUTER)
        bound.setsockopt(zmq.LINGER, SEND_LINGER_MS)
        bound.setsockopt(zmq.MAXMSGSIZE, protocol.MAX_AUDIO_BYTES)
        bound.setsockopt(zmq.SNDHWM, SEND_QUEUE_LENGTH)
        bound.setsockopt(zmq.ROUTER_MANDATORY, 1)  # tell when a client is gone
        try:
            bound.bind(address)
        except zmq.ZMQError as error:
            bound.close()
            self._context.term()
            raise ConfigurationError(f'cannot listen on {address}: {error}') from error
        return bound

    def leave(self, exit_code: int = 0) -> None:
        """End `run` soon; callable from any thread and from a signal handler."""
        self._exit_code = exit_code
        self._leave_at = time.monotonic()
        self._outbox.wake()

    def run(self) -> int:
        """Serve until told to leave; return the exit code of the process."""
        self._runner.start()
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._outbox.fileno(), zmq.POLLIN)
        while self._leave_at is None or time.monotonic() < self._leave_at:
            poller.poll(POLL_MS)
            self._send_outbox()
            self._receive()
            self._forget_silent_clients()
        self._close()
        return self._exit_code

    def _close(self) -> None:
        self._runner.stop()
        for job in self._jobs.values():
            job.cancel()
        if self._state is not None:  # loading cannot be interrupted
            self._runner.join(STOP_WAIT_S)
        self._send_outbox()
        self._socket.close()
        self._context.term()

    def is_engine_busy(self) -> bool:
        """Tell whether the engine thread still runs; Python cannot be shut down in order then."""
        return self._runner.is_alive()

    # From the engine thread.

    def _post(self, client: bytes | None, message: protocol.WorkerMessage) -> None:
        # Encoded here, so that audio that cannot travel is an error of the request that made it.
        self._outbox.put(_Outgoing(client, message, protocol.encode(message)))

    def _leave_for_lost_device(self) -> None:
        LOGGER.error('the device refuses all further work; leaving, to be started again')
        self.leave(EXIT_DEVICE_LOST)

    # From the engine thread to the clients.

    def _send_outbox(self) -> None:
        for client, message, frames in self._outbox.take():
            if client is None:
                self._set_state(message)
                continue
            if isinstance(message, (protocol.End, protocol.Error, protocol.VoiceDone)):
                self._jobs.pop((client, message.id), None)
            self._send_frames(client, frames)

    def _set_state(
        self, news: protocol.Ready | protocol.LoadFailed | protocol.VoicesChanged
    ) -> None:
        """Tell all clients, and keep it for those that come later."""
        if isinstance(news, protocol.VoicesChanged):
            self._state = replace(self._state, voices=news.voices)
        else:
            self._state = news
        for client in list(self._clients):
            self._send(client, news)
        if isinstance(news, protocol.LoadFailed):
            LOGGER.error('the engine cannot be loaded: %s', news.message)
            self._exit_code = EXIT_LOAD_FAILED
            self._leave_at = time.monotonic() + LOAD_FAILED_LINGER_S

    def _send(self, client: bytes, message: protocol.WorkerMessage) -> None:
        self._send_frames(client, protocol.encode(message))

    def _send_frames(self, client: bytes, frames: list[bytes]) -> None:
        try:
            self._socket.send_multipart([client, *frames], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise
            self._forget(client, 'it is gone or does not read')

    # From the clients.

    def _receive(self) -> None:
        for _ in range(MESSAGES_PER_TURN):
            try:
                client, *frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                self._handle(client, protocol.decode_from_client(frames))
            except GptsovitsError as error:
                LOGGER.warning('message refused: %s', error)
                self._send(client, protocol.error_message(None, error))

    def _handle(self, client: bytes, message: protocol.ClientMessage) -> None:
        if isinstance(message, protocol.Hello):
            self._welcome(client, message)
            return
        if client not in self._clients:
            raise ProtocolError(f'{type(message).__name__} before Hello')
        self._clients[client] = time.monotonic()
        if isinstance(message, protocol.Synthesize):
            self._submit(Job(client, message.id, message.window, message.request))
        elif isinstance(message, VOICE_TASKS):
            self._submit(Job(client, message.id, 0, message))
        elif isinstance(message, protocol.Cancel):
            self._cancel(client, message.id)
        elif isinstance(message, protocol.Credit):
            job = self._jobs.get((client, message.id))
            if job is not None:  # else it has ended meanwhile
                job.grant(message.amount)
        elif isinstance(message, protocol.Ping):
            self._send(client, protocol.Pong(message.number, self._runner.progress_age_s()))
        elif isinstance(message, protocol.Shutdown) and not self._is_shared:
            self.leave(self._exit_code)

    def _welcome(self, client: bytes, hello: protocol.Hello) -> None:
        protocol.check_version(hello.version, 'client')
        self._clients[client] = time.monotonic()
        self._send(client, protocol.Welcome(protocol.PROTOCOL_VERSION, os.getpid()))
        if self._state is not None:
            self._send(client, self._state)

    def _submit(self, job: Job) -> None:
        key = (job.client, job.id)
        if key in self._jobs:
            raise ProtocolError(f'request id {job.id} is in use')
        try:
            if not isinstance(self._state, protocol.Ready):
                raise EngineUnavailableError('the engine is not loaded')
            self._runner.submit(job)
        except GptsovitsError as error:
            self._send(job.client, protocol.error_message(job.id, error))
            return
        self._jobs[key] = job

    def _cancel(self, client: bytes, request_id: int) -> None:
        if self._drop_job(client, request_id):
            error = CanceledError('the request was cancelled before its turn')
            self._send(client, protocol.error_message(request_id, error))

    def _drop_job(self, client: bytes, request_id: int) -> bool:
        """Cancel a job; True, and it is forgotten, if the engine had not begun it."""
        job = self._jobs.get((client, request_id))
        if job is None or not self._runner.withdraw(job):
            return False
        del self._jobs[client, request_id]
        return True

    def _forget_silent_clients(self) -> None:
        oldest = time.monotonic() - CLIENT_SILENCE_S
        for client in [client for client, heard in self._clients.items() if heard < oldest]:
            self._forget(client, f'nothing was heard of it for {CLIENT_SILENCE_S:.0f} s')

    def _forget(self, client: bytes, reason: str) -> None:
        if self._clients.pop(client, None) is None:
            return
        LOGGER.warning('a client is dropped: %s', reason)
        for owner, request_id in list(self._jobs):
            if owner == client:
                self._drop_job(client, request_id)


def serve(
    address: str,
    settings: EngineSettings,
    engine_factory: EngineFactory = load_engine,
    is_shared: bool = False,
) -> int:
    """Be the engine process from here on: signals, logging, stdin, socket; return the exit code.

    Args:
        address: ipc://<path> to listen on.
        settings: handed to `engine_factory`.
        engine_factory: builds the engine, in the engine thread.
        is_shared: it serves several clients and ends by a signal, SIGINT too; else it is that of
            one client, and ends with the process that holds the other end of its stdin.

    """
    _configure_logging()
    faulthandler.enable()
    faulthandler.register(DUMP_SIGNAL, all_threads=True)
    # Ctrl-C is for the node, which stops us in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not is_shared:
        _end_with_parent(address)
    worker = Worker(address, settings, engine_factory, is_shared)
    for number in (signal.SIGTERM, signal.SIGINT) if is_shared else (signal.SIGTERM,):
        signal.signal(number, lambda *_: worker.leave())
    exit_code = worker.run()
    if worker.is_engine_busy():
        # Python cannot be shut down below a thread that is inside torch: it would abort or hang.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(exit_code)
    return exit_code


def main(
    arguments: Sequence[str] | None = None, engine_factory: EngineFactory = load_engine
) -> int:
    """Read the command line and serve; return the exit code of the process."""
    parser = argparse.ArgumentParser(prog='gptsovits_ros.engine.worker', description=__doc__)
    parser.add_argument('--address', required=True, help='socket to listen on: ipc:///<path>')
    parser.add_argument('--settings', required=True, help='EngineSettings as a JSON object')
    options = parser.parse_args(arguments)
    try:
        settings = protocol.settings_from_json(options.settings)
        return serve(options.address, settings, engine_factory)
    except (ConfigurationError, ProtocolError) as error:
        parser.error(str(error))


def _end_with_parent(address: str) -> None:
    """End at once, with all that was started from here, when the other end of stdin is closed.

    A parent that was killed could not remove the folder of the socket, so it is removed here.
    """
    pipe = os.dup(0)  # not inheritable
    with open(os.devnull, 'rb') as nothing:
        os.dup2(nothing.fileno(), 0)  # no library or child can take the pipe's end from us

    def wait() -> None:
        while os.read(pipe, 1024):
            pass
        remove_runtime_directory(address)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, name='parent', daemon=True).start()


class _EveryLineFormatter(logging.Formatter):
    """Put level and logger before every line, so that the client can tell the level of each."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = f'{record.levelname} {record.name}: '
        return '\n'.join(prefix + line for line in super().format(record).splitlines())


def _configure_logging() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_EveryLineFormatter('%(message)s'))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


if __name__ == '__main__':
    sys.exit(main())
