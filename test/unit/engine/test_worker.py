"""A real worker process, spoken to frame by frame, keeps to the protocol and cannot be broken."""

from __future__ import annotations

import signal
import socket
import subprocess

import msgpack
import pytest

from gptsovits_ros.engine import protocol, runner
from gptsovits_ros.engine.process import EXIT_DEVICE_LOST, EXIT_LOAD_FAILED
from gptsovits_ros.engine.protocol import (
    Cancel,
    Chunk,
    Credit,
    End,
    Error,
    Hello,
    LoadFailed,
    Ping,
    Pong,
    Shutdown,
    Synthesize,
    Welcome,
)
from gptsovits_ros.engine.worker import main
from gptsovits_ros.errors import (
    CanceledError,
    ConfigurationError,
    DependencyMissingError,
    EngineUnavailableError,
    InternalError,
    OutOfMemoryError,
    ProtocolError,
    QueueFullError,
)
from gptsovits_ros.types import SpeechRequest

WIDE = 2**30


def request(id, text, window=WIDE):
    """Return the message that asks the stand-in for a text."""
    return Synthesize(id, window, SpeechRequest(text))


def receive_until_end(worker, dealer, id):
    """Return the chunks of a request and how it ended; other messages are skipped."""
    chunks = []
    while True:
        message = worker.receive(dealer)
        if isinstance(message, Chunk) and message.id == id:
            chunks.append(message)
        if isinstance(message, (End, Error)) and message.id == id:
            return chunks, message


def progress_age_s(worker, dealer):
    """Return what a pong says, where no other message is due."""
    worker.send(dealer, Ping(1))
    return worker.receive(dealer).progress_age_s


def assert_works(worker):
    """Check that a client that comes now is served."""
    dealer = worker.connect_ready()
    worker.send(dealer, request(1, 'chunks 2 3'))
    chunks, end = receive_until_end(worker, dealer, 1)
    assert [len(chunk.audio.samples) for chunk in chunks] == [3, 3]
    assert end == End(1, 2)


def test_a_worker_greets_while_it_loads_and_refuses_requests_until_it_is_ready(make_worker):
    worker = make_worker('sleep 60')
    dealer = worker.connect()
    worker.send(dealer, Hello())
    assert worker.receive(dealer) == Welcome(protocol.PROTOCOL_VERSION, worker.process.pid)
    worker.send(dealer, Ping(3))
    assert worker.receive(dealer) == Pong(3, None)
    worker.send(dealer, request(1, 'chunks 1 1'))
    assert worker.receive(dealer).code == EngineUnavailableError.code


def malformed_frames():
    """Return what no client should send, by name."""
    hello = protocol.encode(Hello())[0]
    return {
        'empty': [b''],
        'noise': [b'\x00\xff' * 50],
        'huge list': [b'\xdd\xff\xff\xff\xff'],
        'deep': [b'\x91' * 50_000],
        'no map': [msgpack.packb(5)],
        'unknown': [msgpack.packb({'type': 'reboot'})],
        'many frames': [hello] * 50,
        'audio': [hello, b'\0' * 1000],
        'wrong field': [msgpack.packb({'type': 'cancel', 'id': -1.5})],
        'a message of the worker': [msgpack.packb({'type': 'end', 'id': 1, 'chunks': 0})],
    }


def test_malformed_messages_are_answered_and_do_no_harm(make_worker):
    worker = make_worker()
    dealer = worker.connect_ready()
    for name, frames in malformed_frames().items():
        dealer.send_multipart(frames)
        answer = worker.receive(dealer)
        assert (answer.id, answer.code) == (None, ProtocolError.code), name
    assert_works(worker)
    worker.send(dealer, Ping(1))
    assert worker.receive(dealer).number == 1  # the sender, too, is still served


def test_a_frame_beyond_the_limit_costs_the_sender_its_connection_only(make_worker):
    worker = make_worker()
    dealer = worker.connect_ready()
    dealer.send(b'x' * (protocol.MAX_AUDIO_BYTES + 1))
    assert_works(worker)


def test_bytes_that_are_not_even_zeromq_do_no_harm(make_worker):
    worker = make_worker()
    worker.connect_ready()
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(worker.address.removeprefix('ipc://'))
        raw.sendall(b'GET / HTTP/1.1\r\n\r\n' * 100)
    assert_works(worker)


def test_nothing_is_done_for_a_client_that_has_not_said_hello(make_worker):
    worker = make_worker()
    worker.connect_ready()
    stranger = worker.connect()
    for message in (request(1, 'chunks 1 1'), Shutdown(), Ping(1)):
        worker.send(stranger, message)
        answer = worker.receive(stranger)
        assert answer.code == ProtocolError.code
        assert 'before Hello' in answer.message
    assert_works(worker)


def test_another_version_is_refused_with_both_versions(make_worker):
    worker = make_worker()
    dealer = worker.connect()
    worker.send(dealer, Hello(version=99))
    answer = worker.receive(dealer)
    assert answer.code == ProtocolError.code
    assert 'version 99' in answer.message
    assert f'version {protocol.PROTOCOL_VERSION}' in answer.message


@pytest.mark.parametrize(
    'text, code, said',
    [
        ('error 204', 204, 'told to fail with 204'),
        ('error 231', 231, 'told to fail with 231'),
        ('raise KeyError', InternalError.code, "KeyError: 'lost'"),
        ('unknown verb', InternalError.code, 'AttributeError: .*do_unknown'),
        ('raise MemoryError', OutOfMemoryError.code, 'not enough memory'),
        ('raise torch', OutOfMemoryError.code, 'Tried to allocate 2.00 GiB'),
        ('shape', ProtocolError.code, r'must be float \[T\], not ndarray float32 \[2, 5\]'),
    ],
)
def test_an_error_of_one_request_is_reported_and_the_next_is_served(make_worker, text, code, said):
    worker = make_worker()
    dealer = worker.connect_ready()
    worker.send(dealer, request(1, text))
    worker.send(dealer, request(2, 'chunks 1 1'))
    _, end = receive_until_end(worker, dealer, 1)
    assert (type(end), end.code) == (Error, code)
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(end.message)
    assert receive_until_end(worker, dealer, 2)[1] == End(2, 1)


def test_a_lost_device_is_reported_and_ends_the_process(make_worker):
    worker = make_worker()
    dealer = worker.connect_ready()
    worker.send(dealer, request(1, 'raise device'))
    assert 'illegal memory access' in receive_until_end(worker, dealer, 1)[1].message
    assert worker.process.wait(10) == EXIT_DEVICE_LOST


def test_a_second_request_with_the_same_id_is_refused(make_worker):
    worker = make_worker()
    dealer = worker.connect_ready()
    worker.send(dealer, request(1, 'chunks 100 1 0.02'))
    worker.send(dealer, request(1, 'chunks 1 1'))
    while not isinstance(message := worker.receive(dealer), Error):
        pass
    assert (message.id, message.code) == (None, ProtocolError.code)


def test_clients_of_one_worker_do_not_share_ids(make_worker):
    worker = make_worker()
    first, second = worker.connect_ready(), worker.connect_ready()
    worker.send(first, request(1, 'chunks 100000 1 0.005'))
    assert isinstance(worker.receive(first), Chunk)
    worker.send(second, request(1, 'chunks 1 4'))
    worker.send(second, Cancel(99))
    worker.send(first, Cancel(1))
    assert receive_until_end(worker, first, 1)[1].code == CanceledError.code
    chunks, end = receive_until_end(worker, second, 1)
    assert [len(chunk.audio.samples) for chunk in chunks] == [4]
    assert end == End(1, 1)


def test_no_more_than_the_window_is_sent_and_credit_sends_the_rest(make_worker, eventually):
    worker = make_worker()
    dealer = worker.connect_ready()
    cost = protocol.chunk_cost(1000)
    worker.send(dealer, request(1, 'chunks 6 1000', window=cost + 1))
    first = [worker.receive(dealer) for _ in range(2)]  # the second overdraws the window
    assert [chunk.index for chunk in first] == [0, 1]
    # A client that does not read is no stall: the engine waits, it is not stuck.
    eventually(lambda: progress_age_s(worker, dealer) is None)
    assert not dealer.poll(100)
    worker.send(dealer, Credit(1, cost))
    third = worker.receive(dealer)
    assert third.index == 2
    assert not dealer.poll(100)
    worker.send(dealer, Credit(1, WIDE))
    rest, end = receive_until_end(worker, dealer, 1)
    assert [chunk.index for chunk in rest] == [3, 4, 5]
    assert end == End(1, 6)


def test_a_request_that_waits_for_its_client_can_be_cancelled(make_worker):
    worker = make_worker()
    dealer = worker.connect_ready()
    worker.send(dealer, request(1, 'chunks 6 1000', window=1))
    assert isinstance(worker.receive(dealer), Chunk)
    worker.send(dealer, Cancel(1))
    assert receive_until_end(worker, dealer, 1)[1].code == CanceledError.code
    assert_works(worker)


def test_the_queue_is_bounded_and_a_cancelled_place_is_free_again(make_worker):
    worker = make_worker()
    dealer = worker.connect_ready()
    last = runner.MAX_QUEUED_REQUESTS
    worker.send(dealer, request(0, 'chunks 100000 1 0.005'))
    assert isinstance(worker.receive(dealer), Chunk)  # it runs, it does not wait
    for id in range(1, last + 1):
        worker.send(dealer, request(id, 'chunks 1 1'))
    worker.send(dealer, request(last + 1, 'chunks 1 1'))
    refused = receive_until_end(worker, dealer, last + 1)[1]
    assert refused.code == QueueFullError.code
    worker.send(dealer, Cancel(5))
    assert receive_until_end(worker, dealer, 5)[1].code == CanceledError.code
    worker.send(dealer, request(last + 2, 'chunks 1 1'))
    worker.send(dealer, Cancel(0))
    order = []
    while not order or order[-1] != last + 2:
        message = worker.receive(dealer)
        if isinstance(message, (End, Error)):
            order.append(message.id)
    assert order == [0, *(id for id in range(1, last + 1) if id != 5), last + 2]


def test_a_pong_tells_how_long_the_engine_has_been_silent(make_worker, eventually):
    worker = make_worker()
    dealer = worker.connect_ready()
    worker.send(dealer, request(1, 'hang'))
    assert isinstance(worker.receive(dealer), Chunk)
    first = progress_age_s(worker, dealer)
    assert 0 <= first < 5
    eventually(lambda: progress_age_s(worker, dealer) > first + 0.05)


def test_a_request_whose_client_has_gone_does_not_hold_up_the_others(make_worker):
    worker = make_worker()
    gone = worker.connect_ready()
    worker.send(gone, request(1, 'chunks 100000 1 0.005'))
    assert isinstance(worker.receive(gone), Chunk)
    gone.close()
    assert_works(worker)


def test_a_client_that_is_silent_for_long_is_forgotten_with_its_requests(make_worker):
    worker = make_worker('impatient 0.5 0')
    silent, lively = worker.connect_ready(), worker.connect_ready()
    worker.send(silent, request(1, 'chunks 1000000 1 0.005'))
    assert isinstance(worker.receive(silent), Chunk)
    worker.send(lively, request(1, 'chunks 1 1'))
    number, message = 0, None
    while not isinstance(message, End):
        number += 1
        worker.send(lively, Ping(number))
        while not isinstance(message := worker.receive(lively), (Pong, End)):
            pass
        lively.poll(50)
    worker.send(silent, Ping(1))
    while not isinstance(message := worker.receive(silent), Error) or message.id is not None:
        pass
    assert 'before Hello' in message.message


@pytest.mark.parametrize(
    'device, code',
    [
        ('error 242', ConfigurationError.code),
        ('raise x', InternalError.code),
        ('import torch', DependencyMissingError.code),
    ],
)
def test_a_failure_to_load_is_told_to_all_and_the_worker_leaves(make_worker, device, code):
    worker = make_worker(device)
    for _ in range(2):  # also to one that comes late
        dealer = worker.connect()
        worker.send(dealer, Hello())
        assert isinstance(worker.receive(dealer), Welcome)
        failure = worker.receive(dealer)
        assert (type(failure), failure.code) == (LoadFailed, code)
    worker.send(dealer, Shutdown())
    assert worker.process.wait(10) == EXIT_LOAD_FAILED


def ask_to_leave(worker, dealer):
    """Send the message."""
    worker.send(dealer, Shutdown())


def terminate(worker, dealer):
    """Send the signal."""
    worker.process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize('leave', [ask_to_leave, terminate])
@pytest.mark.parametrize('text', ['', 'chunks 100000 1 0.005', 'hang'])
def test_a_worker_leaves_in_order_whatever_it_does(make_worker, leave, text):
    worker = make_worker()
    dealer = worker.connect_ready()
    if text:
        worker.send(dealer, request(1, text))
        assert isinstance(worker.receive(dealer), Chunk)
    leave(worker, dealer)
    assert worker.process.wait(5) == 0


def test_a_worker_that_loads_leaves_at_once(make_worker):
    worker = make_worker('sleep 60')
    dealer = worker.connect()
    worker.send(dealer, Hello())
    worker.receive(dealer)
    terminate(worker, dealer)
    assert worker.process.wait(1) == 0


def test_ctrl_c_does_not_reach_the_worker(make_worker):
    worker = make_worker()
    worker.connect_ready()
    worker.process.send_signal(signal.SIGINT)
    assert_works(worker)


def test_the_end_of_stdin_ends_a_worker_even_one_that_hangs(make_worker):
    worker = make_worker()
    dealer = worker.connect_ready()
    worker.send(dealer, request(1, 'hang'))
    assert isinstance(worker.receive(dealer), Chunk)
    worker.process.stdin.close()
    assert (
        worker.process.wait(2) == -signal.SIGKILL
    )  # its whole group, so nothing it started stays


@pytest.mark.parametrize(
    'arguments, said',
    [
        (['--address', 'tcp://127.0.0.1:5600', '--settings', '{}'], 'only local sockets'),
        (['--address', 'ipc:///no/such/folder/x', '--settings', '{}'], 'cannot listen on'),
        (['--address', 'ipc:///tmp/x', '--settings', '{'], 'not JSON'),
        (['--address', 'ipc:///tmp/x', '--settings', '{"gpu": 1}'], "unknown field 'gpu'"),
        ([], 'required: --address, --settings'),
    ],
)
def test_a_wrong_command_line_is_explained(fake_command, environment, arguments, said):
    # Not subprocess.run, which closes stdin at once: that would end it before it can explain.
    with subprocess.Popen(
        [*fake_command, *arguments],
        env=environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        errors = process.stderr.read()
    assert process.returncode == 2
    assert said in errors
    assert 'Traceback' not in errors


def test_the_command_line_help_ends_well(capsys):
    with pytest.raises(SystemExit) as caught:
        main(['--help'])
    assert caught.value.code == 0
    assert '--settings' in capsys.readouterr().out
