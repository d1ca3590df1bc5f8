"""One worker process and the socket to it: from its start until it is lost or told to leave."""

from __future__ import annotations

import time
from collections.abc import Iterator

import zmq

from gptsovits_ros.engine import protocol
from gptsovits_ros.engine.process import WorkerProcess
from gptsovits_ros.engine.shared_engine import SharedWorker
from gptsovits_ros.errors import (
    DependencyMissingError,
    DownloadError,
    EngineCrashedError,
    EngineStalledError,
    GptsovitsError,
    InternalError,
    OutOfMemoryError,
    ProtocolError,
    error_from_code,
)

PING_INTERVAL_S = 1.0
STACK_DUMP_S = 0.2  # faulthandler needs a few milliseconds to write the stacks
SEND_QUEUE_LENGTH = 10_000
MESSAGES_PER_TURN = 100

# What a fresh process may not meet again; every other failure to load stays until somebody acts.
_CURED_BY_RESTART = (InternalError, OutOfMemoryError, DownloadError)


class WorkerLostError(Exception):
    """The worker is of no more use.

    Attributes:
        error: what its requests shall fail with.
        permanent: True if another start would end in the same way.

    """

    def __init__(self, error: GptsovitsError, permanent: bool = False) -> None:
        """Keep the reason."""
        super().__init__(str(error))
        self.error = error
        self.permanent = permanent


class WorkerLink:
    """Talk to one worker and judge whether it lives; used by the I/O thread only.

    Attributes:
        process: the worker.
        socket: to be polled for reading.
        ready_at: when it had loaded its models [s, monotonic clock]; None before.

    """

    def __init__(
        self,
        process: WorkerProcess | SharedWorker,
        context: zmq.Context,
        address: str,
        start_timeout_s: float,
        stall_timeout_s: float,
    ) -> None:
        """Connect to a worker that has just been started and greet it."""
        self.process = process
        self.ready_at: float | None = None
        self._start_timeout_s = start_timeout_s
        self._stall_timeout_s = stall_timeout_s
        self._started_at = self._last_check = time.monotonic()
        self._welcomed = False
        self._pings = 0
        self._last_ping = 0.0
        self._unanswered_since: float | None = None  # there is never more than one such ping
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDHWM, SEND_QUEUE_LENGTH)
        self.socket.setsockopt(zmq.MAXMSGSIZE, protocol.MAX_AUDIO_BYTES)
        # The worker binds only after Python has started.
        self.socket.setsockopt(zmq.RECONNECT_IVL, 20)
        self.socket.connect(address)
        self.send(protocol.encode(protocol.Hello()))

    @property
    def turn_s(self) -> float:
        """Longest time between two calls of `check` [s]."""
        return min(PING_INTERVAL_S, self._stall_timeout_s / 4, self._start_timeout_s / 4)

    def healthy_s(self) -> float:
        """Return for how long it has been ready [s]."""
        return 0.0 if self.ready_at is None else time.monotonic() - self.ready_at

    def send(self, frames: list[bytes]) -> None:
        """Send a message; raise WorkerLostError if the worker has not read for very long."""
        try:
            self.socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again as error:
            raise self._stalled('it does not read its messages') from error

    def receive(self) -> Iterator[protocol.WorkerMessage]:
        """Yield the messages that came in and concern requests or readiness.

        Raises:
            WorkerLostError: if the worker reports that it cannot work, or breaks the protocol.

        """
        for _ in range(MESSAGES_PER_TURN):
            try:
                frames = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                message = protocol.decode_from_worker(frames)
            except ProtocolError as error:
                raise WorkerLostError(error) from error
            if self._is_for_caller(message):
                yield message

    def check(self) -> None:
        """Ping when it is time, and raise WorkerLostError if the worker has died or stalled."""
        if self.process.has_ended:
            raise self._crashed()
        now = time.monotonic()
        held_up = now - self._last_check > 5 * self.turn_s
        self._last_check = now
        if held_up:
            return  # this process was suspended: answers may be on their way
        if self.ready_at is None:
            # Imports and loaders may hold Python for long, so that no answer proves nothing yet.
            if now - self._started_at > self._start_timeout_s:
                raise self._stalled(f'it is not ready after {self._start_timeout_s:g} s')
        elif self._unanswered_since is not None:
            silent_s = now - self._unanswered_since
            if silent_s > self._stall_timeout_s:
                raise self._stalled(f'it has not answered for {silent_s:.1f} s')
        is_due = now - self._last_ping >= self.turn_s
        if self._welcomed and self._unanswered_since is None and is_due:
            self._ping(now)

    def shut_down(self, timeout_s: float) -> None:
        """Ask the worker to leave, first kindly, then by SIGTERM, at last by SIGKILL."""
        if self._welcomed and self.process.is_ours:
            self.send(protocol.encode(protocol.Shutdown()))
            self.process.wait(timeout_s * 0.6)
        self.process.terminate()
        self.process.wait(timeout_s * 0.3)

    def close(self) -> None:
        """Kill what is left of the worker and close the socket."""
        self.process.close()
        self.socket.close()

    def _ping(self, now: float) -> None:
        self._pings += 1
        self._last_ping = self._unanswered_since = now
        self.send(protocol.encode(protocol.Ping(self._pings)))

    def _is_for_caller(self, message: protocol.WorkerMessage) -> bool:
        if isinstance(message, protocol.Welcome):
            self._take_welcome(message)
        elif isinstance(message, protocol.LoadFailed):
            failure = error_from_code(message.code, message.message)
            raise WorkerLostError(failure, permanent=not isinstance(failure, _CURED_BY_RESTART))
        elif isinstance(message, protocol.Pong):
            self._take_pong(message)
        elif isinstance(message, protocol.Error) and message.id is None:
            refusal = error_from_code(message.code, message.message)
            raise WorkerLostError(refusal, permanent=not self._welcomed)
        else:
            if isinstance(message, protocol.Ready):
                self._take_ready()
            return True
        return False

    def _take_welcome(self, message: protocol.Welcome) -> None:
        try:
            protocol.check_version(message.version, 'engine')
        except ProtocolError as error:
            raise WorkerLostError(error, permanent=True) from error
        self._welcomed = True

    def _take_ready(self) -> None:
        self.ready_at = time.monotonic()
        if self._unanswered_since is not None:
            self._unanswered_since = self.ready_at  # silence counts from now on

    def _take_pong(self, message: protocol.Pong) -> None:
        if message.number == self._pings:
            self._unanswered_since = None
        age = message.progress_age_s
        if age is not None and age > self._stall_timeout_s:
            raise self._stalled(f'it has made no progress for {age:.1f} s')

    def _stalled(self, how: str) -> WorkerLostError:
        self.process.dump_stacks()
        self.process.wait(STACK_DUMP_S)
        return WorkerLostError(
            EngineStalledError(f'{self.process.name} is stuck: {how}; {self.process.if_stuck}')
        )

    def _crashed(self) -> WorkerLostError:
        module = self.process.missing_module()
        if module and not self._welcomed:
            error = DependencyMissingError(
                f'the interpreter of the engine has no module {module!r}; install gptsovits_ros '
                'with its engine dependencies there, or set engine.python to another one'
            )
            return WorkerLostError(error, permanent=True)
        end = self.process.describe_end()
        return WorkerLostError(EngineCrashedError(f'{self.process.name} {end}'))
