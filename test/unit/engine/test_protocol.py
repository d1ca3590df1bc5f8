"""Messages survive the way to the other process, and nothing malformed does."""

from __future__ import annotations

import dataclasses
import json

import msgpack
import numpy as np
import pytest

from gptsovits_ros.engine import protocol
from gptsovits_ros.engine.protocol import (
    PROTOCOL_VERSION,
    Cancel,
    Chunk,
    Credit,
    End,
    Error,
    Hello,
    LoadFailed,
    Ping,
    Pong,
    Ready,
    Shutdown,
    Synthesize,
    VoiceDone,
    VoicesChanged,
    Welcome,
    decode_from_client,
    decode_from_worker,
    encode,
)
from gptsovits_ros.engine.voice_tasks import (
    Archive,
    ConsentRecord,
    DeleteVoice,
    DescribeVoice,
    Description,
    EnrollVoice,
    Enrolment,
    ExportVoice,
    ImportVoice,
    SetDefaultVoice,
)
from gptsovits_ros.errors import GptsovitsError, ProtocolError, VoiceNotFoundError
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import AudioChunk, SamplingParameters, SpeechRequest, VoiceInfo

REQUEST = SpeechRequest(
    '你好, world. 🤖',
    language='zh',
    voice='ann',
    speed=1.25,
    seed=2**63 - 1,
    split_method='cut0',
    pause_s=0.5,
    noise_scale=0.0,
    sampling=SamplingParameters(5, 0.9, 0.7, 1.1),
)
VOICES = (
    VoiceInfo('ann', 'for tests', ('zh', 'en'), 'v2', 32000, is_default=True),
    VoiceInfo('bob', '', (), 'v1', 32000),
)
ENROLMENT = Enrolment(
    'bob', 'keep', 1.5, 9.0, 8.0, 0.9, 'a.wav', 1.0, 6.0, 40.0, -23.0, 0.0, 8000.0, 2, 'Hi.',
    'given', None, False, ('Speak up.',),
)  # fmt: skip
DESCRIPTION = Description(
    VOICES[0], False, 'bob', (), ConsentRecord('Ann', '2026-05-17', 'tests', '', ''), ENROLMENT,
    'Hi.', 'en', 2, True, ('/m/a',), '/v/ann', 12345, 1.75e9, ('prompt.wav',),
)  # fmt: skip


@pytest.mark.parametrize(
    'message',
    [
        Hello(),
        Synthesize(0, 1, SpeechRequest('hi')),
        Synthesize(2**62, 2**40, REQUEST),
        Credit(1, 5),
        Cancel(1),
        Ping(7),
        Shutdown(),
        EnrollVoice(1, 'ann', 'en', ('/a.wav', '/b.wav'), b'RIFF\x00\xff', 'a topic'),
        EnrollVoice(1, 'ann', 'en', consent_who='Ann', needs_consent=False, denoise=True),
        DeleteVoice(2, 'ann', True),
        SetDefaultVoice(3, 'ann'),
        DescribeVoice(4, 'ann', check=True),
        ExportVoice(5, 'ann', '/tmp/ann.gsvvoice', True, True, ('/tmp',)),
        ImportVoice(6, '/tmp/ann.gsvvoice', 'bob'),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_a_client_says_arrives_unchanged(message):
    assert decode_from_client(encode(message)) == message


@pytest.mark.parametrize(
    'message',
    [
        Welcome(1, 4711),
        Ready(VOICES, 'cuda:0', 3.25),
        Ready((), 'cpu', 0.0),
        LoadFailed(242, 'no such device'),
        End(3, 12),
        Error(3, 210, 'cancelled'),
        Error(None, 224, 'malformed'),
        Pong(7, None),
        Pong(7, 0.5),
        VoicesChanged(VOICES),
        VoiceDone(7, 'ann'),
        VoiceDone(7, 'ann', enrolment=ENROLMENT),
        VoiceDone(7, 'ann', description=DESCRIPTION),
        VoiceDone(7, 'ann', archive=Archive('/tmp/ann.gsvvoice', 2**40, ('voice bob',))),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_a_worker_says_arrives_unchanged(message):
    assert decode_from_worker(encode(message)) == message


def test_audio_travels_as_little_endian_float32_in_a_frame_of_its_own():
    samples = np.array([0.0, 1.0, -0.5, 1e-7], np.float32)
    frames = encode(Chunk(5, 2, AudioChunk(samples, 32000, 1, '你好', False)))
    assert len(frames) == 2
    assert frames[1] == samples.astype('<f4').tobytes()

    arrived = decode_from_worker(frames)
    assert (arrived.id, arrived.index) == (5, 2)
    assert arrived.audio.samples.dtype == np.float32
    assert arrived.audio.samples.tobytes() == samples.tobytes()
    rest = dataclasses.replace(arrived.audio, samples=None)
    assert rest == AudioChunk(None, 32000, 1, '你好', False)


def test_empty_audio_is_a_chunk():
    arrived = decode_from_worker(encode(Chunk(0, 0, AudioChunk(np.zeros(0, np.float32), 32000))))
    assert arrived.audio.samples.shape == (0,)


def test_numbers_of_numpy_and_integers_for_floats_are_accepted():
    request = SpeechRequest('hi', speed=1, seed=np.int64(3), pause_s=np.float32(0.5))
    arrived = decode_from_client(encode(Synthesize(1, 1, request))).request
    assert arrived == SpeechRequest('hi', speed=1.0, seed=3, pause_s=0.5)
    assert type(arrived.speed) is float


def test_the_shape_of_the_messages_belongs_to_the_version():
    """Fails when a message or a type in it changes: raise PROTOCOL_VERSION, then correct this."""
    request = Synthesize(0, 1, SpeechRequest('', seed=0))
    chunk = Chunk(0, 0, AudioChunk(np.zeros(0, np.float32), 1))
    headers = [msgpack.unpackb(encode(m)[0]) for m in (request, chunk, Ready(VOICES[:1], '', 0))]
    assert PROTOCOL_VERSION == 8
    assert list(headers[0]) == ['type', 'id', 'window', 'request']
    assert list(headers[0]['request']) == [
        'text', 'language', 'voice', 'speed', 'seed', 'split_method', 'pause_s', 'noise_scale',
        'sample_steps', 'guard_retries', 'stream', 'first_segment', 'marks', 'sampling',
    ]  # fmt: skip
    assert list(headers[0]['request']['sampling']) == [
        'top_k', 'top_p', 'temperature', 'repetition_penalty',
    ]  # fmt: skip
    assert list(headers[1]) == ['type', 'id', 'index', 'audio']
    assert list(headers[1]['audio']) == [
        'sample_rate', 'segment_index', 'segment_text', 'is_segment_end', 'guard', 'marks',
    ]  # fmt: skip
    assert list(headers[2]) == ['type', 'voices', 'device', 'load_s']
    assert list(headers[2]['voices'][0]) == [
        'name', 'description', 'languages', 'model_version', 'sample_rate', 'is_default',
    ]  # fmt: skip
    assert [list(fields_of(cls)) for cls in (EnrollVoice, Enrolment, Description)] == [
        ['id', 'name', 'language', 'paths', 'audio', 'source', 'transcript', 'consent_who',
         'consent_when', 'consent_purpose', 'needs_consent', 'description', 'base', 'overwrite',
         'denoise', 'retention', 'roots', 'check_only'],
        ['base', 'retention', 'took_s', 'duration_s', 'speech_s', 'score', 'clip', 'start_s',
         'end_s',
         'snr_db', 'loudness_lufs', 'clipped_share', 'bandwidth_hz', 'references', 'text',
         'text_source', 'agreement', 'denoised', 'notes'],
        ['info', 'bundled', 'base', 'used_by', 'consent', 'enrolment', 'prompt_text',
         'prompt_language', 'recordings', 'conditions_kept', 'models', 'folder', 'size_bytes',
         'created_s', 'changed'],
    ]  # fmt: skip


def fields_of(cls):
    """Return the names of the fields of a dataclass."""
    return [field.name for field in dataclasses.fields(cls)]


def packed(**fields):
    """Return the header frame with these fields."""
    return msgpack.packb(fields)


def synthesize(**changes):
    """Return the header of a request with some fields of the request changed."""
    header = msgpack.unpackb(encode(Synthesize(1, 1, SpeechRequest('hi')))[0])
    header['request'].update(changes)
    return msgpack.packb(header)


MALFORMED_FROM_CLIENT = {
    'no frame': ([], '1 or 2 frames'),
    'three frames': ([packed(type='shutdown'), b'', b''], '1 or 2 frames'),
    'empty header': ([b''], 'not msgpack'),
    'noise': ([b'\xc1\xff\x00noise'], 'not msgpack'),
    'trailing bytes': ([packed(type='shutdown') + b'\0'], 'not msgpack'),
    'broken text': ([b'\x81\xa4type\xa2\xff\xff'], 'not msgpack'),
    'number as key': ([msgpack.packb({'type': 'ping', 1: 2})], 'not msgpack'),
    'bytes': ([packed(type='ping', number=b'1')], 'not msgpack'),
    'extension': ([packed(type='ping', number=msgpack.ExtType(1, b'x'))], 'not msgpack'),
    'nested too deep': ([b'\x91' * 100_000 + b'\xc0'], 'not msgpack'),
    'promises more than there is': ([b'\xdf\xff\xff\xff\xff'], 'not msgpack'),
    'a list': ([msgpack.packb([1, 2])], 'must be a map'),
    'no type': ([packed(id=1)], 'unknown message type'),
    'type is no text': ([packed(type=[1])], 'unknown message type'),
    'unknown type': ([packed(type='reboot')], "unknown message type 'reboot'"),
    'a message of the other side': ([packed(type='end', id=1, chunks=1)], 'unknown message type'),
    'missing field': ([packed(type='cancel')], 'Cancel.id is missing'),
    'unknown field': ([packed(type='cancel', id=1, why='x')], "unknown field 'why'"),
    'text for a number': ([packed(type='cancel', id='1')], 'Cancel.id must be int, not str'),
    'bool for a number': ([packed(type='cancel', id=True)], 'Cancel.id must be int, not bool'),
    'float for an integer': ([packed(type='cancel', id=1.0)], 'Cancel.id must be int'),
    'too large a number': ([packed(type='cancel', id=2**64 - 1)], 'does not fit 64 bits'),
    'negative credit': ([packed(type='credit', id=1, amount=-5)], 'amount is -5'),
    'null for a number': ([packed(type='ping', number=None)], 'must be int, not NoneType'),
    'unexpected audio': ([packed(type='shutdown'), b'\0\0\0\0'], 'no audio frame'),
    'no recording': (
        [packed(type='enroll_voice', id=1, name='a', language='en')],
        'audio is missing',
    ),
    'request is no map': (
        [packed(type='synthesize', id=1, window=1, request='hi')],
        'Synthesize.request must be a map',
    ),
    'text is a number': ([synthesize(text=5)], 'Synthesize.request.text must be str, not int'),
    'not a number': ([synthesize(speed=float('nan'))], 'speed must be a finite number'),
    'infinite': ([synthesize(pause_s=float('inf'))], 'pause_s must be a finite number'),
    'deep field': ([synthesize(sampling={'top_k': 'all'})], 'request.sampling.top_k must be int'),
    'header too large': ([synthesize(text='x' * protocol.MAX_HEADER_BYTES)], 'the limit is'),
}


@pytest.mark.parametrize('case', MALFORMED_FROM_CLIENT)
def test_a_malformed_message_of_a_client_is_a_protocol_error(case):
    frames, complaint = MALFORMED_FROM_CLIENT[case]
    with pytest.raises(ProtocolError) as caught:
        decode_from_client(frames)
    assert complaint in str(caught.value)


def chunk_header(**changes):
    """Return the header of a chunk with some fields of the audio changed."""
    header = msgpack.unpackb(encode(Chunk(1, 0, AudioChunk(np.zeros(1, np.float32), 32000)))[0])
    header['audio'].update(changes)
    return msgpack.packb(header)


MALFORMED_FROM_WORKER = {
    'chunk without audio': ([chunk_header()], 'no audio frame'),
    'half a sample': ([chunk_header(), b'\0' * 6], '6 bytes'),
    'too much audio': ([chunk_header(), bytes(protocol.MAX_AUDIO_BYTES + 4)], 'the limit is'),
    'no rate': ([chunk_header(sample_rate=0), b''], 'sample_rate 0'),
    'negative segment': ([chunk_header(segment_index=-1), b''], 'segment_index is -1'),
    'samples in the header': ([chunk_header(samples=[1]), b''], "unknown field 'samples'"),
    'voices is no list': (
        [packed(type='ready', voices='ann', device='cpu', load_s=1.0)],
        'Ready.voices must be a list',
    ),
    'a voice is no map': (
        [packed(type='ready', voices=['ann'], device='cpu', load_s=1.0)],
        'Ready.voices[0] must be a map',
    ),
}


@pytest.mark.parametrize('case', MALFORMED_FROM_WORKER)
def test_a_malformed_message_of_a_worker_is_a_protocol_error(case):
    frames, complaint = MALFORMED_FROM_WORKER[case]
    with pytest.raises(ProtocolError) as caught:
        decode_from_worker(frames)
    assert complaint in str(caught.value)


def test_random_bytes_never_raise_anything_but_a_protocol_error():
    generator = np.random.default_rng(1)
    valid = encode(Synthesize(1, 1, REQUEST))[0]
    for _ in range(3000):
        frame = bytearray(valid)
        for place in generator.integers(0, len(frame), 3):
            frame[place] = generator.integers(0, 256)
        try:
            decode_from_client([bytes(frame)])
        except ProtocolError:
            pass


@pytest.mark.parametrize(
    'request_, complaint',
    [
        (SpeechRequest('x' * protocol.MAX_HEADER_BYTES), 'the limit is'),
        (SpeechRequest('\ud800'), 'invalid Unicode'),
        (SpeechRequest(None), 'text must be str'),
        (SpeechRequest('hi', speed='fast'), 'speed must be float'),
        (SpeechRequest('hi', speed=10**400), 'speed must be a finite number'),
        (SpeechRequest('hi', seed=2**63), 'seed does not fit'),
        (SpeechRequest('hi', sampling=None), 'sampling must be a SamplingParameters'),
    ],
)
def test_a_request_that_cannot_travel_is_refused_before_it_is_sent(request_, complaint):
    with pytest.raises(ProtocolError, match=complaint):
        encode(Synthesize(1, 1, request_))


@pytest.mark.parametrize(
    'samples', [np.zeros((2, 3), np.float32), np.zeros(3, np.int16), [0.0, 1.0], None]
)
def test_audio_of_another_shape_or_type_is_refused_before_it_is_sent(samples):
    with pytest.raises(ProtocolError, match=r'must be float \[T\]'):
        encode(Chunk(1, 0, AudioChunk(samples, 32000)))


def test_a_hello_of_a_later_version_is_understood_whatever_else_it_says():
    hello = decode_from_client([packed(type='hello', version=9, features=['x'])])
    with pytest.raises(ProtocolError, match=f'version 9, this side version {PROTOCOL_VERSION}'):
        protocol.check_version(hello.version, 'client')


def test_an_error_message_is_cut_and_made_fit_to_travel():
    error = VoiceNotFoundError('no file ' + '\udcff' + 'x' * 10_000)
    message = protocol.error_message(3, error)
    arrived = decode_from_worker(encode(message))
    assert arrived.code == VoiceNotFoundError.code
    assert arrived.message.startswith('no file \\udcffx')
    assert len(arrived.message) < 2100


def test_settings_survive_the_command_line():
    settings = EngineSettings('/voices/ü', '/models', 'ann', 'cuda:1', 2, 500, 9, True, '/l.yaml')
    settings = dataclasses.replace(
        settings, cache='all', cache_root='/c', cache_mb=5, precision='int8'
    )
    assert protocol.settings_from_json(protocol.settings_to_json(settings)) == settings
    assert protocol.settings_from_json('{}') == EngineSettings()


@pytest.mark.parametrize(
    'text',
    ['', '[', '[]', 'null', '{"voice_rot": "x"}', '{"threads": "2"}', '[' * 100_000]
    + [json.dumps({'threads': None})],
)
def test_malformed_settings_are_a_protocol_error(text):
    with pytest.raises(ProtocolError):
        protocol.settings_from_json(text)


def test_every_error_code_fits_an_error_message():
    assert (
        decode_from_worker(encode(protocol.error_message(None, GptsovitsError('x')))).code == 299
    )
