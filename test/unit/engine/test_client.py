"""A client with a real worker process: what it asks for and what it hears."""

from __future__ import annotations

import dataclasses
import logging
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from gptsovits_ros.engine.client import EngineClient, EngineStatus
from gptsovits_ros.engine.protocol import MAX_HEADER_BYTES
from gptsovits_ros.errors import (
    CanceledError,
    CheckpointUnsafeError,
    ConfigurationError,
    EngineUnavailableError,
    InternalError,
    OutOfMemoryError,
    ParameterInvalidError,
    ProtocolError,
    TextInvalidError,
    VoiceNotFoundError,
)
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest

PATIENCE_S = 10.0
ENDLESS = 'chunks 1000000 100 0.005'


def expected_samples(seed, index, length):
    """Return what the stand-in makes (fake_engine_worker.samples_of)."""
    return np.random.default_rng([seed, index]).uniform(-1, 1, length).astype(np.float32)


def ready(client):
    """Start a client and return it when it is ready."""
    client.start()
    client.wait_ready(PATIENCE_S)
    return client


def read_all(client, text):
    """Return all chunks of a text."""
    return list(client.synthesize(SpeechRequest(text)))


def last_request(client):
    """Return how many chunks the stand-in made for its last request, and if it was ended early."""
    made, ended_early = read_all(client, 'report')[0].samples
    return int(made), bool(ended_early)


def test_audio_arrives_byte_for_byte_with_all_that_belongs_to_it(shared_client):
    chunks = list(shared_client.synthesize(SpeechRequest('chunks 3 777', seed=5)))
    assert [chunk.samples.tobytes() for chunk in chunks] == [
        expected_samples(5, index, 777).tobytes() for index in range(3)
    ]
    assert [dataclasses.astuple(chunk)[1:] for chunk in chunks] == [
        (32000, 0, 'piece 0', False, (), ()),
        (32000, 1, 'piece 1', True, (), ()),
        (32000, 2, 'piece 2', False, (), ()),
    ]


def test_a_stream_larger_than_the_window_arrives_whole(shared_client):
    chunks = read_all(shared_client, 'chunks 6 2000000')  # 48 MB through a window of 16
    assert [len(chunk.samples) for chunk in chunks] == [2_000_000] * 6
    assert chunks[5].samples.tobytes() == expected_samples(0, 5, 2_000_000).tobytes()


def test_streams_are_spoken_one_after_another_in_order(shared_client):
    streams = [shared_client.synthesize(SpeechRequest(f'chunks 3 {10 + n}')) for n in range(5)]
    for n in reversed(range(5)):  # whatever the order of reading
        assert [len(chunk.samples) for chunk in streams[n]] == [10 + n] * 3


def test_the_status_tells_what_the_engine_is(make_client, alive):
    seen = []
    client = make_client(on_status=seen.append)
    assert client.status == EngineStatus()
    client.start()
    status = client.wait_ready(PATIENCE_S)
    assert (status.state, status.restarts, status.message) == ('ready', 0, '')
    assert (status.device, [voice.name for voice in status.voices]) == ('fake', ['ann'])
    assert alive(status.pid)
    client.stop()
    assert [status.state for status in seen] == ['starting', 'starting', 'ready', 'stopped']
    assert client.status == seen[-1]
    assert client.status.pid is None


def test_a_listener_that_fails_does_no_harm(make_client, caplog):
    def fail(status):
        raise LookupError('listener')

    client = ready(make_client(on_status=fail))
    assert len(read_all(client, 'chunks 1 1')) == 1
    assert 'on_status failed for ready' in caplog.text


def test_cancel_stops_the_engine_within_one_chunk(shared_client):
    stream = shared_client.synthesize(SpeechRequest('chunks 1000 100 0.1'))
    for _ in range(3):
        stream.next_chunk(PATIENCE_S)
    stream.cancel()
    with pytest.raises(CanceledError):
        stream.next_chunk(PATIENCE_S)
    made, ended_early = last_request(shared_client)
    assert ended_early
    assert made <= 4  # the one that was being made when the cancel came


def test_a_stream_that_waits_its_turn_can_be_cancelled(shared_client):
    running = shared_client.synthesize(SpeechRequest(ENDLESS))
    waiting = shared_client.synthesize(SpeechRequest('chunks 1 1'))
    running.next_chunk(PATIENCE_S)
    waiting.cancel()
    with pytest.raises(CanceledError):
        waiting.next_chunk(PATIENCE_S)
    assert running.next_chunk(PATIENCE_S) is not None
    running.cancel()
    assert last_request(shared_client)[1]  # the running one; the other was never begun


def test_a_stream_that_is_left_early_frees_the_engine(shared_client):
    with shared_client.synthesize(SpeechRequest(ENDLESS)) as stream:
        next(stream)
    assert len(read_all(shared_client, 'chunks 2 1')) == 2


@pytest.mark.parametrize(
    'text, kind, said',
    [
        ('error 204', VoiceNotFoundError, 'told to fail with 204'),
        ('error 231', CheckpointUnsafeError, 'told to fail with 231'),
        ('raise KeyError', InternalError, "KeyError: 'lost'"),
        ('raise MemoryError', OutOfMemoryError, 'not enough memory'),
        ('shape', ProtocolError, 'must be float'),
    ],
)
def test_errors_of_the_engine_arrive_with_their_type(shared_client, text, kind, said):
    stream = shared_client.synthesize(SpeechRequest(text))
    with pytest.raises(kind, match=said) as caught:
        list(stream)
    assert type(caught.value) is kind
    assert shared_client.status.restarts == 0


@pytest.mark.parametrize(
    'request_, kind',
    [
        (SpeechRequest(' '), TextInvalidError),
        (SpeechRequest('a\ud800'), TextInvalidError),
        (SpeechRequest('hi', speed=float('nan')), ParameterInvalidError),
        (SpeechRequest('hi', voice='x' * MAX_HEADER_BYTES), ProtocolError),
        (SpeechRequest('hi', pause_s=True), ProtocolError),
    ],
)
def test_a_request_that_cannot_be_right_is_refused_at_once(shared_client, request_, kind):
    with pytest.raises(kind):
        shared_client.synthesize(request_)
    assert len(read_all(shared_client, 'chunks 1 1')) == 1


def test_a_missing_interpreter_is_refused_at_once():
    client = EngineClient(EngineSettings(), python='/no/such/python')
    with pytest.raises(ConfigurationError, match='/no/such/python'):
        client.start()
    assert client.status.state == 'stopped'


def test_a_client_can_be_started_again_after_stop(client):
    client.stop()
    client.start()
    client.start()  # without effect
    assert client.wait_ready(PATIENCE_S).restarts == 0
    assert len(read_all(client, 'chunks 2 1')) == 2


def test_the_context_manager_starts_and_stops(make_client, alive):
    with make_client() as client:
        pid = client.wait_ready(PATIENCE_S).pid
    assert not alive(pid)


def test_many_threads_may_use_one_client(shared_client):
    lengths = {}

    def speak(n):
        lengths[n] = [
            len(chunk.samples)
            for chunk in shared_client.synthesize(SpeechRequest(f'chunks 5 {n}'))
        ]

    threads = [threading.Thread(target=speak, args=(n,)) for n in range(1, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert lengths == {n: [n] * 5 for n in range(1, 11)}


def test_what_the_worker_logs_is_logged_here_with_its_level(client, caplog):
    with caplog.at_level(logging.INFO, 'gptsovits_ros.engine'):
        read_all(client, f'log {logging.ERROR} attention')
        client.stop()
    records = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert records.index(('ERROR', 'fake: attention')) < records.index(('ERROR', 'fake: second'))
    assert ('INFO', 'bare attention') in records


def test_relative_folders_are_those_of_the_client(tmp_path, monkeypatch, make_client):
    code = (
        'import json, sys; settings = json.loads(sys.argv[sys.argv.index("--settings") + 1]); '
        'print([settings[name] for name in ("voice_root", "model_root", "lexicon", "cache_root")])'
    )
    monkeypatch.chdir(tmp_path)
    settings = EngineSettings('voices', '~/models', lexicon='l.yaml', cache_root='cache')
    with EngineClient(settings, command=[sys.executable, '-c', code]) as client:
        with pytest.raises(EngineUnavailableError):
            client.wait_ready(0.4)
        message = client.status.message
    folders = [f'{tmp_path}/voices', f'{Path.home()}/models']
    folders += [f'{tmp_path}/{name}' for name in ('l.yaml', 'cache')]
    assert str(folders) in message
