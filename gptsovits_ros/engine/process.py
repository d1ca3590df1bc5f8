"""Start, watch and end the worker process; its output becomes log records of this process."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import gptsovits_ros
from gptsovits_ros.errors import ConfigurationError

RUNTIME_PREFIX = 'gptsovits_ros-'
LOGGER = logging.getLogger('gptsovits_ros.engine')

# Exit codes of the worker, in the range that neither Python nor the shell uses.
EXIT_LOAD_FAILED = 70
EXIT_DEVICE_LOST = 71

# Makes every thread of the worker write its stack to stderr (faulthandler), before a stalled one
# is killed.
DUMP_SIGNAL = signal.SIGUSR1

MAX_SOCKET_PATH_BYTES = 107  # of sockaddr_un on Linux, without the closing zero
MAX_LINE_BYTES = 8192
KEPT_LINES = 50
KILL_WAIT_S = 5.0  # a process that waits inside a device driver cannot be killed

_LEVEL_LINE = re.compile(r'(DEBUG|INFO|WARNING|ERROR|CRITICAL) (.*)', re.DOTALL)
_MISSING_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]{1,80})'")

# The ROS wheels of PyPI re-start every Python of their venv once, with their own libraries first.
# The marker is inherited, so another interpreter would neither get its own libraries nor be rid of
# these.
_WHEELS_MARKER = '_ROS_WHEELS_BOOTSTRAP_COMPLETE'


class RuntimeDirectory:
    """A fresh folder that only this user can enter, for the sockets of one client.

    It also holds `import/gptsovits_ros`, a link to the running package. The worker finds that very
    package first by it, and nothing else: the folder that the package is installed in may hold
    numpy and the like for another interpreter.
    """

    def __init__(self) -> None:
        """Create the folder under $XDG_RUNTIME_DIR, or where temporary files go.

        Raises:
            ConfigurationError: if no such place is writable with a path short enough for a socket.

        """
        self.path = _make_private_directory()
        self.import_path = self.path / 'import'
        self.import_path.mkdir()
        package = Path(gptsovits_ros.__file__).resolve().parent
        (self.import_path / package.name).symlink_to(package, target_is_directory=True)

    def __enter__(self) -> RuntimeDirectory:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the folder."""
        self.remove()

    def address(self, generation: int) -> str:
        """Return the socket address of the n-th worker; a new one, free of old mail."""
        return f'ipc://{self.path}/engine-{generation}'

    def remove(self) -> None:
        """Delete the folder and what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def remove_runtime_directory(address: str) -> None:
    """Delete the runtime folder that an address lies in; what is no such folder is left alone."""
    folder = Path(address.removeprefix('ipc://')).parent
    if folder.name.startswith(RUNTIME_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)


def _make_private_directory() -> Path:
    places = (os.environ.get('XDG_RUNTIME_DIR', ''), tempfile.gettempdir(), '/tmp')
    for place in places:
        longest = os.fsencode(place) + b'/gptsovits_ros-12345678/engine-123456'
        if not os.path.isabs(place) or len(longest) > MAX_SOCKET_PATH_BYTES:
            continue
        try:
            return Path(tempfile.mkdtemp(prefix=RUNTIME_PREFIX, dir=place))  # mode 0700
        except OSError as error:
            LOGGER.debug('no runtime folder in %s: %s', place, error)
    raise ConfigurationError(
        f'no folder for the engine socket: none of {[place for place in places if place]} is '
        f'writable with a path of at most {MAX_SOCKET_PATH_BYTES} bytes; set XDG_RUNTIME_DIR'
    )


def find_interpreter(python: str) -> str:
    """Return the absolute path of an interpreter; symbolic links stay, because a venv is one.

    Args:
        python: path or name of a program; empty: the running interpreter.

    Raises:
        ConfigurationError: if there is no such program.

    """
    found = shutil.which(os.path.expanduser(python) if python else sys.executable)
    if found is None:
        raise ConfigurationError(
            f'the engine interpreter {python or sys.executable!r} is not an executable file; '
            'set engine.python to the python of the environment that has torch'
        )
    return os.path.abspath(found)


def worker_environment(
    interpreter: str, import_path: Path, environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment for a worker.

    PYTHONPATH starts with `import_path`. What was set up for this interpreter only (its
    PYTHONPATH, the libraries of the ROS wheels) is left out if the worker runs with another one.

    Args:
        interpreter: absolute path of the worker's Python.
        import_path: folder with (a link to) this package and nothing else.
        environment: to start from, not changed.

    """
    result = dict(environment)
    inherited = result.get('PYTHONPATH', '')
    if not _is_this_interpreter(interpreter):
        inherited = ''
        result.pop('PYTHONHOME', None)
        if result.pop(_WHEELS_MARKER, None):
            _drop_wheel_libraries(result)
    result['PYTHONPATH'] = os.pathsep.join(filter(None, (str(import_path), inherited)))
    return result


def _is_this_interpreter(interpreter: str) -> bool:
    """Tell whether it is the same binary in the same folder: two venvs share only the binary."""
    same_folder = os.path.samefile(os.path.dirname(interpreter), os.path.dirname(sys.executable))
    return same_folder and os.path.samefile(interpreter, sys.executable)


def _drop_wheel_libraries(environment: dict[str, str]) -> None:
    """Take the entries of the ROS wheels out of LD_LIBRARY_PATH; those of CUDA stay."""
    entries = environment.pop('LD_LIBRARY_PATH', '').split(os.pathsep)
    own = os.path.join(sys.prefix, 'lib')
    wheel = re.compile(r'ros_.*\.libs')
    kept = [entry for entry in entries if entry != own and not wheel.fullmatch(Path(entry).name)]
    if any(kept):
        environment['LD_LIBRARY_PATH'] = os.pathsep.join(kept)


class WorkerProcess:
    """A running worker, which ends with this process: its stdin is a pipe from here.

    What somebody else has started is a shared_engine.SharedWorker.

    It leads a session of its own, so that Ctrl-C in a terminal reaches the node alone, which then
    stops the worker in order; and so that a signal to its group reaches whatever it has started.
    """

    is_ours = True
    if_stuck = 'the log shows where each of its threads was'

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        on_exit: Callable[[], None],
    ) -> None:
        """Start the process.

        Args:
            command: program and arguments; no shell is involved.
            environment: all of its environment.
            folder: its current folder; Python looks for modules there first.
            on_exit: called from another thread once the process has ended and its output is read.

        Raises:
            OSError: if it cannot be started.

        """
        self._on_exit = on_exit
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._process = subprocess.Popen(
            list(command),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._readers = [
            self._start_thread(self._forward, self._process.stdout, logging.INFO),
            self._start_thread(self._forward, self._process.stderr, logging.WARNING),
        ]
        self._watcher = self._start_thread(self._watch)

    @property
    def pid(self) -> int:
        """Its process id, also its process group."""
        return self._process.pid

    @property
    def name(self) -> str:
        """What to call it."""
        return f'the engine process (pid {self.pid})'

    @property
    def has_ended(self) -> bool:
        """Whether it has ended and its output is read."""
        return self.exit_code is not None

    def describe_end(self) -> str:
        """Return how it ended, for people."""
        return describe_exit(self.exit_code, self.last_lines)

    def missing_module(self) -> str:
        """Return the module that its interpreter did not find, or an empty string."""
        return missing_module(self.last_lines)

    @property
    def exit_code(self) -> int | None:
        """Its exit code, -n for signal n, or None while it runs."""
        return self._process.returncode if self._ended.is_set() else None

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The last lines of its output, at most KEPT_LINES."""
        return tuple(self._lines)

    def wait(self, timeout_s: float) -> bool:
        """Wait until it has ended; False after the timeout."""
        return self._ended.wait(timeout_s)

    def terminate(self) -> None:
        """Send SIGTERM, unless it has ended."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to it and to all that it has started, unless it has ended."""
        self._signal(signal.SIGKILL, whole_group=True)

    def dump_stacks(self) -> None:
        """Ask for the stacks of its threads in the log, unless it has ended."""
        self._signal(DUMP_SIGNAL)

    def close(self) -> None:
        """Kill it if it still runs, and release threads and pipes."""
        self.kill()
        self._process.stdin.close()
        self._watcher.join(timeout=KILL_WAIT_S)
        if self.exit_code is None:
            LOGGER.error('engine process %d does not end, not even by SIGKILL', self.pid)

    def _signal(self, number: signal.Signals, whole_group: bool = False) -> None:
        # The process id is ours until the watcher has reaped it, which it does under the same
        # lock.
        with self._lock:
            if self._process.returncode is None:
                (os.killpg if whole_group else os.kill)(self.pid, number)

    def _watch(self) -> None:
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            # Not reaped yet, so the group id cannot belong to anyone else.
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        for reader in self._readers:
            reader.join(timeout=1.0)  # a process that left the group may hold the pipe open
        self._ended.set()
        self._on_exit()

    def _forward(self, pipe: BinaryIO, level: int) -> None:
        with pipe:
            for raw in iter(lambda: pipe.readline(MAX_LINE_BYTES), b''):
                text = raw.decode('utf-8', 'replace').rstrip()
                text = text.rpartition('\r')[2]  # the last state of a progress bar
                if text.strip():
                    self._lines.append(text)
                    LOGGER.log(*parse_log_line(text, level))

    def _start_thread(self, target: Callable[..., None], *arguments: object) -> threading.Thread:
        name = f'engine-{self._process.pid}-{target.__name__.strip("_")}'
        thread = threading.Thread(target=target, args=arguments, name=name, daemon=True)
        thread.start()
        return thread


def parse_log_line(line: str, default_level: int) -> tuple[int, str, str]:
    """Return level, format and text for `logging.log`, of "LEVEL text" or of any other line."""
    match = _LEVEL_LINE.fullmatch(line)
    if match is None:
        return default_level, '%s', line
    return getattr(logging, match[1]), '%s', match[2]


def describe_exit(exit_code: int | None, lines: Iterable[str]) -> str:
    """Return how a worker ended, for people: signal or exit code, and its last words."""
    if exit_code is None:
        how = 'did not end'
    elif exit_code >= 0:
        how = f'ended with exit code {exit_code}'
    else:
        how = f'died from {_signal_name(-exit_code)}'
        if -exit_code == signal.SIGKILL:
            how += ' (a shortage of memory ends processes this way)'
    words = _last_words(list(lines))
    return f'{how}; its last output: {words}' if words else f'{how} without any output'


def missing_module(lines: Iterable[str]) -> str:
    """Return the module that an interpreter did not find when it gave up, or an empty string."""
    *_, last = ['', *lines]
    match = _MISSING_MODULE.fullmatch(last)
    return match[1] if match else ''


def _last_words(lines: list[str]) -> str:
    """Return the line that tells most: faulthandler puts the cause first and a stack after it."""
    fatal = [line for line in lines if line.startswith('Fatal Python error')]
    return (fatal or lines or [''])[-1][:300]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f'signal {number}'
