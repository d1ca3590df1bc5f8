"""An engine that several clients share: they find it, and none of them can end it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from gptsovits_ros.engine import shared_engine
from gptsovits_ros.engine.client import EngineClient
from gptsovits_ros.engine.shared_engine import (
    SharedWorker,
    check_private,
    default_socket,
    serving,
    socket_path,
)
from gptsovits_ros.errors import ConfigurationError, EngineCrashedError, EngineUnavailableError
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest

from .fake_engine_worker import samples_of

PROCESS = Path(__file__).with_name('fake_engine_worker.py')
PATIENCE_S = 20.0


@pytest.fixture
def socket() -> Iterator[Path]:
    """Return a path for a socket; short, as real ones are."""
    with tempfile.TemporaryDirectory(prefix='run-', dir='/tmp') as folder:
        yield Path(folder) / 'engine.sock'


@pytest.fixture
def start(socket, environment) -> Iterator[Callable[[], subprocess.Popen]]:
    """Return what starts an engine at the socket; all are killed after the test."""
    processes = []

    def start() -> subprocess.Popen:
        processes.append(
            subprocess.Popen(
                [sys.executable, PROCESS, '--shared', socket],
                env=environment,
                stdin=subprocess.DEVNULL,
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait(PATIENCE_S)


@pytest.fixture
def connect(socket, runtime_root) -> Iterator[Callable[..., EngineClient]]:
    """Return what makes a client of the engine at the socket; all are stopped after the test."""
    clients = []

    def connect(**options) -> EngineClient:
        clients.append(EngineClient(EngineSettings(), socket=str(socket), **options))
        clients[-1].start()
        return clients[-1]

    yield connect
    for client in clients:
        client.stop(2.0)


def said(client: EngineClient, seed: int) -> np.ndarray:
    stream = client.synthesize(SpeechRequest('chunks 2 1000', seed=seed))
    return np.concatenate([chunk.samples for chunk in stream])


def expected(seed: int) -> np.ndarray:
    return np.concatenate([samples_of(seed, index, 1000) for index in range(2)])


def test_clients_share_it_and_leave_it_running(start, connect, alive):
    process = start()
    first, second = connect(), connect()
    for client in (first, second):
        status = client.wait_ready(PATIENCE_S)
        assert status.device == 'fake' and status.pid is None
    assert np.array_equal(said(first, 1), expected(1))
    assert np.array_equal(said(second, 2), expected(2))
    first.stop()
    assert first.status.state == 'stopped'
    assert np.array_equal(said(second, 3), expected(3))
    assert alive(process.pid)


def test_a_client_waits_for_an_engine_that_comes_later(start, connect, eventually):
    client = connect()
    eventually(lambda: client.status.state == 'restarting')
    assert 'is not running; start it: gptsovits_ros serve --socket /tmp/' in client.status.message
    with pytest.raises(EngineUnavailableError, match='gptsovits_ros serve'):
        client.synthesize(SpeechRequest('chunks 1 1'))
    start()
    eventually(lambda: client.status.state == 'ready', PATIENCE_S)
    assert np.array_equal(said(client, 1), expected(1))


def test_a_client_sees_that_it_is_gone_and_finds_the_next_one(start, connect, eventually):
    process = start()
    client = connect()
    client.wait_ready(PATIENCE_S)
    stream = client.synthesize(SpeechRequest('hang'))
    stream.next_chunk(PATIENCE_S)
    process.kill()
    with pytest.raises(EngineCrashedError, match=r'engine.sock is not running'):
        stream.next_chunk(PATIENCE_S)
    start()
    eventually(lambda: client.status.state == 'ready', PATIENCE_S)
    assert client.status.restarts >= 1
    assert np.array_equal(said(client, 1), expected(1))


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(start, connect, socket, number):
    process = start()
    connect().wait_ready(PATIENCE_S)
    process.send_signal(number)
    assert process.wait(PATIENCE_S) == 0
    assert not socket.exists()


def test_there_is_one_engine_per_socket(socket, monkeypatch):
    monkeypatch.setattr(shared_engine, 'LOCK_WAIT_S', 0.05)
    assert SharedWorker(socket).has_ended
    with serving(socket) as address:
        assert address == f'ipc://{socket}'
        assert not SharedWorker(socket).has_ended
        with pytest.raises(ConfigurationError, match='another engine serves'), serving(socket):
            pass
    assert SharedWorker(socket).has_ended
    with serving(socket):
        pass


def test_others_must_not_get_at_the_socket(tmp_path):
    tmp_path.chmod(0o755)
    with pytest.raises(ConfigurationError, match='chmod 700'):
        check_private(tmp_path)
    with pytest.raises(ConfigurationError, match='chmod 700'), serving(tmp_path / 'socket'):
        pass
    with pytest.raises(ConfigurationError, match='chmod 700'):
        SharedWorker(tmp_path / 'socket')
    tmp_path.chmod(0o700)
    check_private(tmp_path)
    check_private(tmp_path / 'not there yet')


def test_a_folder_that_is_made_for_the_socket_is_private(socket):
    path = socket.parent / 'new' / 'engine.sock'
    with serving(path):
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_client_of_a_socket_that_others_could_have_made_fails(tmp_path, runtime_root):
    tmp_path.chmod(0o777)
    with EngineClient(EngineSettings(), socket=str(tmp_path / 's')) as client:
        with pytest.raises(EngineUnavailableError, match='chmod 700'):
            client.wait_ready(PATIENCE_S)
        assert client.status.state == 'failed'


def test_a_path_that_no_socket_can_have_is_refused(monkeypatch):
    with pytest.raises(ConfigurationError, match='longer than 107 bytes'):
        socket_path('/' + 'x' * 107)
    with pytest.raises(ConfigurationError, match='longer than 107 bytes'):
        EngineClient(EngineSettings(), socket='/' + 'x' * 107).start()
    monkeypatch.setenv('HOME', '/home/robot')
    assert socket_path('~/engine.sock') == Path('/home/robot/engine.sock')


def test_the_default_socket_is_the_users_own(monkeypatch):
    monkeypatch.setenv('XDG_RUNTIME_DIR', '/run/user/7')
    assert default_socket() == Path('/run/user/7/gptsovits_ros/engine.sock')
    monkeypatch.delenv('XDG_RUNTIME_DIR')
    assert str(os.getuid()) in default_socket().parent.name
