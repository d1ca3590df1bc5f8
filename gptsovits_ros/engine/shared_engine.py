"""An engine process that several nodes share: where it is found, and whether it runs.

It is started by `gptsovits_ros serve` and not by a node. It holds a lock beside its socket as long
as it lives, so that there is one engine per socket, and a node sees at once when it is gone.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gptsovits_ros.engine.process import MAX_SOCKET_PATH_BYTES
from gptsovits_ros.errors import ConfigurationError

# A node that looks whether the engine runs has the lock for a moment.
LOCK_WAIT_S = 1.0


def default_socket() -> Path:
    """Return where an engine serves unless told otherwise."""
    runtime = os.environ.get('XDG_RUNTIME_DIR', '')
    if os.path.isabs(runtime):
        return Path(runtime) / 'gptsovits_ros' / 'engine.sock'
    return Path(tempfile.gettempdir()) / f'gptsovits_ros-{os.getuid()}' / 'engine.sock'


def socket_path(text: str) -> Path:
    """Return a path for a socket.

    Raises:
        ConfigurationError: it is too long for one.

    """
    path = Path(os.path.abspath(os.path.expanduser(text)))
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        raise ConfigurationError(
            f'the path of the socket {path} is longer than {MAX_SOCKET_PATH_BYTES} bytes; '
            'choose a shorter one'
        )
    return path


def check_private(folder: Path) -> None:
    """Raise ConfigurationError if others could put a socket into a folder, or reach one in it."""
    try:
        status = folder.stat()
    except FileNotFoundError:
        return
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigurationError(
            f'{folder} is open to other users, so it is no place for the socket of an engine; '
            f'run `chmod 700 {folder}`, or choose a folder of your own'
        )


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """Hold the lock of a socket; yield its address.

    Raises:
        ConfigurationError: another engine serves there, or its folder cannot be used.

    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f'no folder for the socket {path}: {error}') from error
    check_private(path.parent)
    descriptor = os.open(_lock_file(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + LOCK_WAIT_S
        while not _has_locked(descriptor):
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f'another engine serves at {path}; stop it, or choose another --socket'
                )
            time.sleep(0.02)
        try:
            yield f'ipc://{path}'
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


class SharedWorker:
    """An engine that somebody else starts and ends; what WorkerProcess is for one of our own."""

    pid = None
    is_ours = False
    if_stuck = 'it is shared, so it is left alone'

    def __init__(self, path: Path) -> None:
        """Take the path of its socket.

        Raises:
            ConfigurationError: others could have put a socket there.

        """
        check_private(path.parent)
        self.name = f'the engine at {path}'
        self._path = path

    @property
    def has_ended(self) -> bool:
        """Whether nobody serves there."""
        try:
            descriptor = os.open(_lock_file(self._path), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            return _has_locked(descriptor)
        finally:
            os.close(descriptor)  # and the lock is free again

    def describe_end(self) -> str:
        """Return why it is of no use, and what to do."""
        return f'is not running; start it: gptsovits_ros serve --socket {self._path}'

    def missing_module(self) -> str:
        """Return nothing: it tells that to whoever started it."""
        return ''

    def wait(self, timeout_s: float) -> bool:
        """Return whether it has ended; it is not waited for."""
        return self.has_ended

    def terminate(self) -> None:
        """Leave it alone."""

    def dump_stacks(self) -> None:
        """Leave it alone."""

    def close(self) -> None:
        """Leave it alone."""


def _lock_file(path: Path) -> Path:
    return path.with_name(f'{path.name}.lock')


def _has_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
