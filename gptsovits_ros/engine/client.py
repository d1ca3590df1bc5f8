"""The engine as seen from another process: start it, ask it to speak, know how it is.

Loads neither torch nor rclpy, so that a node with the system's Python can use it.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gptsovits_ros.engine import protocol
from gptsovits_ros.engine.process import find_interpreter
from gptsovits_ros.engine.shared_engine import socket_path
from gptsovits_ros.engine.stream import WINDOW_BYTES, SpeechStream
from gptsovits_ros.engine.supervisor import Supervisor
from gptsovits_ros.engine.voice_call import VoiceCall
from gptsovits_ros.engine.voice_tasks import VoiceTask
from gptsovits_ros.errors import EngineUnavailableError
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest, VoiceInfo, check_request

__all__ = ['EngineClient', 'EngineStatus', 'SpeechStream', 'VoiceCall']

LOGGER = logging.getLogger(__name__)

WORKER_MODULE = 'gptsovits_ros.engine.worker'
_RUNNING = ('starting', 'ready', 'restarting')


@dataclass(frozen=True)
class EngineStatus:
    """How the engine process is.

    Attributes:
        state: "stopped", "starting", "ready" (requests are accepted), "restarting" (after a crash
        or
            stall), or "failed" (another start would fail in the same way; `start()` tries again).
        pid: of the process; None while there is none.
        restarts: how often it was lost since `start()`.
        message: why it is not ready, for people; empty when all is well.
        voices: that it can speak with, as of the last time it was ready.
        device: that the models run on, as of then.
        load_s: time that loading took then [s].

    """

    state: str = 'stopped'
    pid: int | None = None
    restarts: int = 0
    message: str = ''
    voices: tuple[VoiceInfo, ...] = ()
    device: str = ''
    load_s: float = 0.0


class EngineClient:
    """Own one engine process, or share one; a context manager that starts and stops it.

    Thread-safe.
    """

    def __init__(
        self,
        settings: EngineSettings,
        *,
        python: str = '',
        command: Sequence[str] | None = None,
        socket: str = '',
        start_timeout_s: float = 120.0,
        stall_timeout_s: float = 30.0,
        on_status: Callable[[EngineStatus], None] | None = None,
    ) -> None:
        """Prepare the client; nothing is started yet.

        Args:
            settings: of the engine; relative folders are relative to the present folder.
            python: interpreter of the engine process, path or name; empty: the running one.
            command: starts another worker program than the one of this package; "--settings" and
                "--address" are added; its first item is the interpreter.
            socket: path of the socket of an engine that is shared with others (`gptsovits_ros
                serve`), and has settings of its own; it is neither started nor ended by this
                client. Empty: the client has one of its own.
            start_timeout_s: longest time for loading the models [s].
            stall_timeout_s: longest time without progress or answer [s]; then it is killed.
            on_status: called by the I/O thread after every change, in order; it must return soon
                and must not call `stop`.

        """
        self._settings = with_absolute_folders(settings)
        self._python = python
        self._given_command = command
        self._socket = socket
        self._start_timeout_s = start_timeout_s
        self._stall_timeout_s = stall_timeout_s
        self._on_status = on_status
        self._ids = itertools.count(1)
        self._changed = threading.Condition(threading.RLock())
        self._status = EngineStatus()
        self._supervisor: Supervisor | None = None
        self._latest: SpeechStream | None = None

    def __enter__(self) -> EngineClient:
        """Start the engine; return this client at once."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the engine."""
        self.stop()

    @property
    def status(self) -> EngineStatus:
        """The present status."""
        with self._changed:
            return self._status

    @property
    def real_time_factor(self) -> float | None:
        """Time that the latest request took so far per second of audio; None: no audio yet."""
        with self._changed:
            stream = self._latest
        return None if stream is None else stream.real_time_factor

    def start(self) -> None:
        """Start the engine process and return at once; without effect while it runs.

        Raises:
            ConfigurationError: if there is no such interpreter, or no such socket can be.

        """
        with self._changed:
            if self._status.state in _RUNNING:
                return
            shared = socket_path(self._socket) if self._socket else None
            self._supervisor = Supervisor(
                self._command() if shared is None else (),
                shared,
                self._start_timeout_s,
                self._stall_timeout_s,
                self._publish,
            )
            self._status = dataclasses.replace(self._status, state='starting')
            self._supervisor.start()

    def wait_ready(self, timeout_s: float) -> EngineStatus:
        """Wait until requests are accepted and return the status.

        Raises:
            EngineUnavailableError: if the engine is stopped or failed, or not ready in time.

        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._status.state not in ('starting', 'restarting'), timeout_s
            )
            if self._status.state != 'ready':
                raise _unavailable(self._status)
            return self._status

    def synthesize(self, request: SpeechRequest) -> SpeechStream:
        """Ask for the audio of a request; never blocks.

        The worker speaks requests one after another, in the order of these calls. What it finds
        wrong comes out of the stream.

        Raises:
            EngineUnavailableError: if the engine is not ready.
            GptsovitsError: if the request is refused by `types.check_request`.
            ProtocolError: if a field has the wrong type, or the request is too large to send.

        """
        with self._changed:
            if self._status.state != 'ready' or self._supervisor is None:
                raise _unavailable(self._status)
            check_request(request, self._settings.max_text_length)
            supervisor = self._supervisor
            request_id = next(self._ids)
            frames = protocol.encode(protocol.Synthesize(request_id, WINDOW_BYTES, request))
            stream = SpeechStream(request_id, supervisor.send)
            supervisor.open(stream, frames)
            self._latest = stream
        return stream

    def do_voice_task(self, task: VoiceTask) -> VoiceCall:
        """Ask for something to be done with the voices; never blocks.

        Tasks and utterances take turns in the order of these calls. `status.voices` tells what has
        changed before the future of the call does.

        Args:
            task: what to do; its id is chosen here.

        Raises:
            EngineUnavailableError: if the engine is not ready.
            ProtocolError: if a field has the wrong type, or the task is too large to send.

        """
        with self._changed:
            if self._status.state != 'ready' or self._supervisor is None:
                raise _unavailable(self._status)
            supervisor = self._supervisor
            task = dataclasses.replace(task, id=next(self._ids))
            call = VoiceCall(task.id, supervisor.send)
            supervisor.open(call, protocol.encode(task))
        return call

    def stop(self, timeout_s: float = 5.0) -> None:
        """End all threads, and the engine process unless it is shared.

        Open streams end with EngineUnavailableError.

        Args:
            timeout_s: how long the process may take to leave before it is killed [s].

        """
        with self._changed:
            supervisor = self._supervisor
        if supervisor is not None:
            supervisor.stop(timeout_s)
            supervisor.join_stopped()

    def _command(self) -> list[str]:
        if self._given_command is not None:
            command = [find_interpreter(self._given_command[0]), *self._given_command[1:]]
        else:
            command = [find_interpreter(self._python), '-m', WORKER_MODULE]
        return [*command, '--settings', protocol.settings_to_json(self._settings)]

    def _publish(self, **changes: object) -> None:
        with self._changed:
            self._status = status = dataclasses.replace(self._status, **changes)
            self._changed.notify_all()
        if self._on_status is None:
            return
        try:
            self._on_status(status)
        except Exception:  # a listener's defect must not end the thread that supervises the engine
            LOGGER.exception('on_status failed for %s', status.state)


def with_absolute_folders(settings: EngineSettings) -> EngineSettings:
    """Return settings for a worker, whose folder is another one, so that paths mean the same."""
    folders = {
        name: os.path.abspath(os.path.expanduser(getattr(settings, name)))
        for name in ('voice_root', 'model_root', 'lexicon', 'cache_root')
        if getattr(settings, name)
    }
    return dataclasses.replace(settings, **folders)


def _unavailable(status: EngineStatus) -> EngineUnavailableError:
    what = 'has failed to start' if status.state == 'failed' else f'is {status.state}'
    reason = f': {status.message}' if status.message else ''
    return EngineUnavailableError(f'the engine {what}{reason}')
