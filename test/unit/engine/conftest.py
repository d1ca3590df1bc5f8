"""Clients and bare workers with a stand-in engine; nothing that a test starts outlives it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
import zmq

import gptsovits_ros
from gptsovits_ros.engine import protocol
from gptsovits_ros.engine.client import EngineClient
from gptsovits_ros.settings import EngineSettings

FAKE_WORKER = Path(__file__).with_name('fake_engine_worker.py')
PATIENCE_S = 10.0


def package_environment() -> dict[str, str]:
    """Return the environment for a process that finds this package without a client's help."""
    folder = str(Path(gptsovits_ros.__file__).parent.parent)
    return {**os.environ, 'PYTHONPATH': folder}


@pytest.fixture(scope='session')
def turn_guard_on() -> Callable[[Path], None]:
    """Return what gives the tiny voice in a folder, which has no guard, one."""

    def turn_on(folder: Path) -> None:
        file = folder / 'voice.yaml'
        tree = yaml.safe_load(file.read_text('utf-8'))
        assert tree.pop('guard') is False
        file.write_text(yaml.safe_dump(tree, allow_unicode=True), 'utf-8')

    return turn_on


@pytest.fixture(scope='module')
def root(tiny_voice, tmp_path_factory, turn_guard_on) -> Path:
    """Return a store with a voice whose guard finds much to draw anew, and one without a guard.

    They have files of their own.
    """
    folder = tmp_path_factory.mktemp('voices')
    for name in ('plain', 'guarded'):
        shutil.copytree(tiny_voice, folder / name)
    turn_guard_on(folder / 'guarded')
    return folder


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Return a function that waits until a condition holds, and fails if it does not in time."""

    def wait(condition: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f'not within {timeout_s} s'
            time.sleep(0.005)

    return wait


@pytest.fixture
def environment() -> dict[str, str]:
    """Return the environment for a process that a test starts by itself."""
    return package_environment()


@pytest.fixture
def runtime_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty folder as $XDG_RUNTIME_DIR; its path is short, as real ones are."""
    with tempfile.TemporaryDirectory(prefix='run-', dir='/tmp') as folder:
        monkeypatch.setenv('XDG_RUNTIME_DIR', folder)
        yield Path(folder)


@pytest.fixture
def fake_command() -> list[str]:
    """Return the command that starts a worker with the stand-in engine."""
    return [sys.executable, str(FAKE_WORKER)]


@pytest.fixture
def make_client(
    runtime_root: Path, fake_command: list[str]
) -> Iterator[Callable[..., EngineClient]]:
    """Return a function that makes a client of the stand-in; all are stopped after the test."""
    clients = []

    def make(device: str = 'auto', **options: object) -> EngineClient:
        options = {'command': fake_command, **options}
        clients.append(EngineClient(EngineSettings(device=device), **options))
        return clients[-1]

    yield make
    for client in clients:
        client.stop(2.0)
    assert list(runtime_root.iterdir()) == []


@pytest.fixture
def client(make_client: Callable[..., EngineClient]) -> EngineClient:
    """Return a client of the stand-in that is ready."""
    ready = make_client()
    ready.start()
    ready.wait_ready(PATIENCE_S)
    return ready


@pytest.fixture(scope='module')
def shared_client() -> Iterator[EngineClient]:
    """Return a client that is ready, for the tests of a module that leave it as they find it."""
    with EngineClient(EngineSettings(), command=[sys.executable, str(FAKE_WORKER)]) as shared:
        shared.wait_ready(PATIENCE_S)
        yield shared
        assert shared.status.restarts == 0


class BareWorker:
    """A worker process with the stand-in engine, and sockets to it, with no client between."""

    def __init__(self, folder: Path, device: str = 'auto') -> None:
        self.address = f'ipc://{folder}/worker'
        settings = protocol.settings_to_json(EngineSettings(device=device))
        self.process = subprocess.Popen(
            [sys.executable, FAKE_WORKER, '--address', self.address, '--settings', settings],
            env=package_environment(),
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._context = zmq.Context()

    def connect(self) -> zmq.Socket:
        """Return a new socket that has said nothing yet."""
        dealer = self._context.socket(zmq.DEALER)
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.setsockopt(zmq.RECONNECT_IVL, 20)
        dealer.setsockopt(zmq.RCVTIMEO, int(PATIENCE_S * 1000))
        dealer.connect(self.address)
        return dealer

    def connect_ready(self) -> zmq.Socket:
        """Return a new socket that was welcomed by a worker that is ready."""
        dealer = self.connect()
        self.send(dealer, protocol.Hello())
        assert isinstance(self.receive(dealer), protocol.Welcome)
        assert isinstance(self.receive(dealer), protocol.Ready)
        return dealer

    @staticmethod
    def send(dealer: zmq.Socket, message: protocol.ClientMessage) -> None:
        """Send a message."""
        dealer.send_multipart(protocol.encode(message))

    @staticmethod
    def receive(dealer: zmq.Socket) -> protocol.WorkerMessage:
        """Wait for the next message."""
        return protocol.decode_from_worker(dealer.recv_multipart())

    def close(self) -> None:
        """End it all."""
        self._context.destroy(linger=0)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()


@pytest.fixture
def make_worker(runtime_root: Path) -> Iterator[Callable[..., BareWorker]]:
    """Return a function that starts a bare worker."""
    workers = []

    def make(device: str = 'auto') -> BareWorker:
        workers.append(BareWorker(runtime_root, device))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()
