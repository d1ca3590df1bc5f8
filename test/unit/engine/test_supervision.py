"""A client keeps a real worker process alive, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gptsovits_ros.engine.client import EngineClient
from gptsovits_ros.engine.protocol import PROTOCOL_VERSION
from gptsovits_ros.engine.supervisor import restart_delay_s
from gptsovits_ros.errors import (
    EngineCrashedError,
    EngineStalledError,
    EngineUnavailableError,
)
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest

PATIENCE_S = 10.0
ENDLESS = 'chunks 1000000 100 0.005'


def ready(client):
    """Start a client and return it when it is ready."""
    client.start()
    client.wait_ready(PATIENCE_S)
    return client


def read_all(client, text):
    """Return all chunks of a text."""
    return list(client.synthesize(SpeechRequest(text)))


def test_a_killed_worker_fails_its_streams_and_is_replaced(client, eventually):
    first = client.status.pid
    running = client.synthesize(SpeechRequest(ENDLESS))
    waiting = client.synthesize(SpeechRequest('chunks 1 1'))
    running.next_chunk(PATIENCE_S)
    os.kill(first, signal.SIGKILL)
    for stream in (running, waiting):
        with pytest.raises(EngineCrashedError, match=f'pid {first}.*SIGKILL'):
            list(stream)
    with pytest.raises(EngineUnavailableError, match='restarting.*SIGKILL'):
        client.synthesize(SpeechRequest('chunks 1 1'))
    status = client.wait_ready(PATIENCE_S)
    assert status.pid != first
    assert (status.restarts, status.message) == (1, '')
    assert len(read_all(client, 'chunks 4 1')) == 4


def test_a_crash_is_explained_by_the_last_words(client):
    with pytest.raises(
        EngineCrashedError, match='SIGTRAP; its last output: these are my last words'
    ):
        read_all(client, f'die {signal.SIGTRAP.value}')


def test_a_segmentation_fault_is_explained_and_its_stack_is_logged(client, caplog):
    with pytest.raises(
        EngineCrashedError, match='SIGSEGV; .*Fatal Python error: Segmentation fault'
    ):
        read_all(client, f'die {signal.SIGSEGV.value}')
    assert 'in do_die' in caplog.text


def test_an_engine_without_progress_is_killed_and_its_stack_is_logged(make_client, caplog, alive):
    client = ready(make_client(stall_timeout_s=0.4))
    first = client.status.pid
    begun = time.monotonic()
    with pytest.raises(EngineStalledError, match='made no progress for'):
        read_all(client, 'hang')
    assert 0.4 < time.monotonic() - begun < 5
    assert 'in do_hang' in caplog.text
    client.wait_ready(PATIENCE_S)
    assert not alive(first)
    assert len(read_all(client, 'chunks 2 1')) == 2


def test_a_worker_that_does_not_answer_is_killed(make_client, alive, eventually):
    client = ready(make_client(stall_timeout_s=0.4))
    first = client.status.pid
    stream = client.synthesize(SpeechRequest(ENDLESS))
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(EngineStalledError, match='has not answered for'):
        list(stream)
    eventually(lambda: not alive(first))


def test_an_engine_that_is_slow_or_waits_for_its_reader_is_not_stalled(make_client):
    client = ready(make_client(stall_timeout_s=0.4))
    assert len(read_all(client, 'chunks 3 10 0.2')) == 3
    unread = client.synthesize(SpeechRequest('chunks 5 2000000'))  # more than the window
    with pytest.raises(TimeoutError):
        client.synthesize(SpeechRequest('report')).next_chunk(0.7)
    assert len(list(unread)) == 5
    assert client.status.restarts == 0


def test_a_client_is_not_forgotten_while_it_waits_or_has_nothing_to_say(make_client):
    client = ready(make_client('impatient 0.3 0.5', stall_timeout_s=0.4))  # it pings each 0.1 s
    time.sleep(0.5)  # having nothing to say for so long is the point of this test
    assert len(read_all(client, 'chunks 2 1')) == 2
    assert client.status.restarts == 0


@pytest.mark.parametrize(
    'device, message',
    [
        ('error 242', 'told to fail'),
        ('error 204', 'told to fail'),
        ('import torch', "named 'torch'"),
    ],
)
def test_what_a_restart_cannot_cure_is_final_until_somebody_starts_again(
    make_client, runtime_root, device, message
):
    seen = []
    client = make_client(device, on_status=seen.append)
    for attempt in (1, 2):
        client.start()
        with pytest.raises(EngineUnavailableError, match=f'failed.*{message}'):
            client.wait_ready(PATIENCE_S)
        assert message in client.status.message
        assert [status.state for status in seen] == ['starting', 'starting', 'failed'] * attempt
        assert list(runtime_root.iterdir()) == []
    with pytest.raises(EngineUnavailableError, match=message):
        client.synthesize(SpeechRequest('hi'))


def test_an_interpreter_without_our_modules_is_a_final_failure(make_client):
    code = 'raise ModuleNotFoundError("No module named \'zmq\'", name="zmq")'
    client = make_client(command=[sys.executable, '-c', code])
    client.start()
    with pytest.raises(EngineUnavailableError, match="no module 'zmq'; install"):
        client.wait_ready(PATIENCE_S)
    assert client.status.state == 'failed'


def test_an_engine_of_another_version_is_a_final_failure(make_client):
    code = (
        'import sys; import gptsovits_ros.engine.protocol as p; p.PROTOCOL_VERSION = 77;'
        'from gptsovits_ros.engine.worker import main; sys.exit(main(engine_factory=None))'
    )
    client = make_client(command=[sys.executable, '-c', code])
    client.start()
    message = f'protocol version {PROTOCOL_VERSION}, this side version 77'
    with pytest.raises(EngineUnavailableError, match=message):
        client.wait_ready(PATIENCE_S)
    assert client.status.state == 'failed'


def test_an_engine_that_dies_while_loading_is_started_again_with_growing_pauses(
    make_client, eventually
):
    times = []

    def note(status):
        if status.state == 'restarting' and status.pid is None:
            times.append(time.monotonic())

    client = make_client('exit 9', on_status=note)
    client.start()
    with pytest.raises(EngineUnavailableError, match='is restarting: .* exit code 9'):
        client.wait_ready(1.0)
    eventually(lambda: len(times) >= 3)  # lost at about 0.1, 0.7 and 1.8 s on a quiet machine
    assert times[1] - times[0] > 0.5
    assert times[2] - times[1] > 1.0
    assert 'exit code 9' in client.status.message


def test_the_pause_before_a_restart_doubles_up_to_30_seconds():
    delays = [restart_delay_s(failures) for failures in range(1, 10)]
    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert restart_delay_s(10_000) == 30


def test_loading_for_too_long_is_a_stall(make_client):
    client = make_client('sleep 60', start_timeout_s=0.3)
    client.start()
    with pytest.raises(EngineUnavailableError):
        client.wait_ready(0.8)
    assert 'not ready after 0.3 s' in client.status.message


@pytest.mark.parametrize('device', ['auto', 'sleep 60', 'exit 1'])
@pytest.mark.parametrize('wait_s', [0.0, 0.02, 0.3])
def test_stop_is_quick_at_any_time_and_leaves_nothing(
    make_client, runtime_root, alive, device, wait_s
):
    threads_before = set(threading.enumerate())
    pids = set()
    client = make_client(device, on_status=lambda status: pids.add(status.pid))
    client.start()
    time.sleep(wait_s)  # the moment of the stop is the point of this test
    begun = time.monotonic()
    client.stop()
    assert time.monotonic() - begun < 2.0
    assert client.status.state == 'stopped'
    assert not any(alive(pid) for pid in pids if pid is not None)
    assert list(runtime_root.iterdir()) == []
    assert set(threading.enumerate()) == threads_before


def test_stop_ends_open_streams_and_can_be_repeated(client):
    stream = client.synthesize(SpeechRequest('hang'))
    stream.next_chunk(PATIENCE_S)
    stopper = threading.Thread(target=client.stop)
    stopper.start()
    with pytest.raises(EngineUnavailableError, match='was stopped'):
        stream.next_chunk(PATIENCE_S)
    stopper.join(PATIENCE_S)
    client.stop()
    with pytest.raises(EngineUnavailableError, match='the engine is stopped'):
        client.synthesize(SpeechRequest('hi'))
    with pytest.raises(EngineUnavailableError, match='the engine is stopped'):
        client.wait_ready(0)


def test_a_worker_that_does_not_obey_is_killed(make_client, alive):
    client = ready(make_client())
    pid = client.status.pid
    os.kill(pid, signal.SIGSTOP)
    begun = time.monotonic()
    client.stop(timeout_s=0.5)
    assert time.monotonic() - begun < 2.0
    assert not alive(pid)


def test_two_clients_live_side_by_side(make_client):
    first, second = ready(make_client()), ready(make_client())
    assert first.status.pid != second.status.pid
    streams = [c.synthesize(SpeechRequest('chunks 20 10 0.002')) for c in (first, second)]
    assert [len(list(stream)) for stream in streams] == [20, 20]
    os.kill(first.status.pid, signal.SIGKILL)
    assert len(read_all(second, 'chunks 2 1')) == 2
    first.wait_ready(PATIENCE_S)
    first.stop()
    assert len(read_all(second, 'chunks 2 1')) == 2


@pytest.fixture
def client_process(runtime_root, environment):
    """Return a function that starts a process with a client, and gives its worker's pid too."""
    started = []

    def start(stall_timeout_s, text):
        process = subprocess.Popen(
            [
                sys.executable,
                Path(__file__).with_name('client_process.py'),
                str(stall_timeout_s),
                text,
            ],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize('text', [ENDLESS, 'hang'])
def test_a_worker_does_not_outlive_a_client_that_is_killed(
    client_process, runtime_root, alive, eventually, text
):
    process, pid = client_process(30, text)
    assert alive(pid)
    assert list(runtime_root.iterdir())
    process.kill()
    eventually(lambda: not alive(pid), timeout_s=2)
    assert list(runtime_root.iterdir()) == []


def test_a_client_that_was_suspended_does_not_blame_its_worker(client_process, alive):
    process, pid = client_process(0.4, 'chunks 1 1')
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.9)  # more than twice the stall timeout
    process.send_signal(signal.SIGCONT)
    time.sleep(0.3)  # time to blame it
    assert process.communicate('\n', timeout=PATIENCE_S)[0] == 'ready 0\n'
    assert not alive(pid)


@pytest.mark.slow
def test_the_real_worker_starts_by_default_and_reports_what_it_lacks(make_client, tmp_path):
    settings = EngineSettings(voice_root=str(tmp_path), default_voice='nobody', device='cpu')
    client = EngineClient(settings)
    with client:
        # Not "nobody" where not even a bundled voice is there.
        with pytest.raises(EngineUnavailableError, match='failed.*no voice'):
            client.wait_ready(60)
