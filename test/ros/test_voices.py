"""Voices come and go over ROS while the node runs: real engine, real speech, real processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.ros, pytest.mark.slow]

# This machine may do much else at the same time.
PATIENCE_S = 120.0
SPEECH = Path(__file__).parents[1] / 'unit' / 'voice' / 'speech'
WOMAN, MAN = SPEECH / 'woman.opus', SPEECH / 'man.opus'
CONSENT = {'who': 'A Reader, of LibriVox', 'when': '2026-05-17', 'purpose': 'tests'}
BASE = 'standin'


@pytest.fixture(scope='module')
def voice_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a stand-in voice, whose models the enrolled ones speak with."""
    pytest.importorskip('silero_vad', reason='needs gptsovits_ros[enroll]')
    from gptsovits_ros.voice.standin import make_test_voice

    root = tmp_path_factory.mktemp('voices')
    make_test_voice(root / BASE, size='tiny')
    return root


@pytest.fixture
def robot(start_node, make_robot, voice_root: Path, tmp_path: Path):
    """Return a robot whose node speaks with the real engine and takes files of two folders."""
    node = start_node(
        script=['-m', 'gptsovits_ros.ros.speech_node'],
        engine__voice_root=voice_root,
        engine__device='cpu',
        engine__threads=1,
        engine__stall_timeout_s=300.0,
        speech__seed=3,
        enroll__path_roots=f'{SPEECH}:{tmp_path}',
    )
    robot = make_robot()
    robot.ros_node_process = node
    robot.wait_for_node('IDLE', timeout_s=PATIENCE_S)
    return robot


def caller(robot: Any, name: str, eventually: Callable[..., Any]) -> Callable[..., Any]:
    """Return what calls the service of a type, named in words, and waits for its response."""
    from gptsovits_ros import srv

    srv_type = getattr(srv, ''.join(word.title() for word in name.split('_')))
    client = robot.node.create_client(srv_type, name)
    eventually(client.service_is_ready, PATIENCE_S)

    def call(**fields: object) -> Any:
        future = client.call_async(srv_type.Request(**fields))
        eventually(future.done, PATIENCE_S)
        return future.result()

    call.start = lambda **fields: client.call_async(srv_type.Request(**fields))
    return call


def consent() -> Any:
    """Return the consent of the speakers of the recordings."""
    from gptsovits_ros.msg import VoiceConsent

    return VoiceConsent(**CONSENT)


def names(robot: Any) -> list[str]:
    """Return the names of the voices as `list_voices` tells them."""
    return [voice.name for voice in robot.list_voices().voices]


def codes() -> type:
    """Return what holds the error codes by name."""
    from gptsovits_ros.action import Speak

    return Speak.Result


def test_a_voice_is_enrolled_speaks_moves_and_goes(robot, eventually, tmp_path):
    enroll = caller(robot, 'enroll_voice', eventually)
    made = enroll(name='woman', language='en', paths=[str(WOMAN)], consent=consent())
    assert (made.success, made.error_code, made.error_msg) == (True, 0, '')
    assert (made.voice, made.report.base, made.report.prompt_clip) == ('woman', BASE, WOMAN.name)
    assert made.report.speech.sec >= 5 and made.report.score > 0.5
    assert names(robot) == [BASE, 'woman']

    handle = robot.speak('Hello.', voice='woman')
    eventually(lambda: robot.ended(), PATIENCE_S)
    spoken = robot.result(handle).result
    assert (spoken.error_code, spoken.error_msg) == (0, '')
    assert robot.of(spoken.utterance_id, 'FINISHED').voice == 'woman'

    default = caller(robot, 'set_default_voice', eventually)
    assert default(name='woman').success
    assert [v.name for v in robot.list_voices().voices if v.is_default] == ['woman']
    assert default(name='nobody').error_code == codes().VOICE_NOT_FOUND

    found = caller(robot, 'describe_voice', eventually)(name='woman', check=True).description
    assert found.has_consent
    assert {name: getattr(found.consent, name) for name in CONSENT} == CONSENT
    assert (found.voice.name, found.base, found.recordings) == ('woman', BASE, 1)
    assert abs(found.created.sec - time.time()) < 2 * PATIENCE_S
    assert list(found.changed) == []

    archive = tmp_path / 'woman.gsvvoice'
    exported = caller(robot, 'export_voice', eventually)(name='woman', path=str(archive))
    assert (exported.error_msg, exported.size) == ('', archive.stat().st_size)
    assert archive.stat().st_mode & 0o777 == 0o600
    imported = caller(robot, 'import_voice', eventually)(path=str(archive), name='woman2')
    assert imported.success and imported.description.voice.name == 'woman2'
    assert names(robot) == [BASE, 'woman', 'woman2']

    delete = caller(robot, 'delete_voice', eventually)
    refused = delete(name=BASE)
    assert (refused.success, refused.error_code) == (False, codes().VOICE_IN_USE)
    assert delete(name='woman').success and delete(name='woman2', delete_consent=True).success
    assert names(robot) == [BASE]
    gone = robot.result(robot.speak('Hello.', voice='woman')).result
    assert gone.error_code == codes().VOICE_NOT_FOUND
    assert 'Hello.' not in robot.ros_node_process.log


def test_speech_and_stop_go_on_while_a_recording_in_the_request_is_enrolled(
    robot, eventually, voice_root
):
    enroll = caller(robot, 'enroll_voice', eventually)
    future = enroll.start(
        name='man',
        language='en',
        audio=MAN.read_bytes(),
        consent=consent(),
        retention='embeddings',
    )
    robot.say('Hello.')
    assert robot.stop().success  # answered while the engine is busy
    robot.request('Good morning.', id='morning')
    eventually(lambda: robot.of('morning', 'FINISHED'), PATIENCE_S)
    eventually(future.done, PATIENCE_S)
    assert (future.result().error_msg, future.result().report.retention) == ('', 'embeddings')
    assert not list((voice_root / 'man').glob('*.wav'))
    assert caller(robot, 'delete_voice', eventually)(name='man').success


def test_what_is_wrong_is_refused_by_its_code_and_nothing_is_stored(robot, eventually, tmp_path):
    enroll = caller(robot, 'enroll_voice', eventually)
    good = {'name': 'x', 'language': 'en', 'paths': [str(WOMAN)], 'consent': consent()}
    outside = tmp_path / 'link.opus'
    outside.symlink_to('/etc/hostname')
    for changes, code in (
        ({'consent': type(consent())()}, 'CONSENT_MISSING'),
        ({'name': '../x'}, 'VOICE_INVALID'),
        ({'name': BASE}, 'VOICE_EXISTS'),
        ({'base': 'nobody'}, 'VOICE_NOT_FOUND'),
        ({'paths': []}, 'RECORDING_TOO_SHORT'),
        ({'paths': ['woman.opus']}, 'PARAMETER_INVALID'),
        ({'paths': ['/dev/zero']}, 'PARAMETER_INVALID'),
        ({'paths': [str(outside)]}, 'PARAMETER_INVALID'),
        ({'paths': [str(tmp_path)]}, 'AUDIO_INVALID'),
        ({'paths': [], 'audio': b'no audio'}, 'AUDIO_INVALID'),
        ({'paths': [], 'audio': bytes(17_000_000)}, 'AUDIO_INVALID'),
        ({'denoise': 9}, 'PARAMETER_INVALID'),
        ({'retention': 'both'}, 'PARAMETER_INVALID'),
    ):
        response = enroll(**{**good, **changes})
        assert (response.success, response.error_code) == (False, getattr(codes(), code)), changes
        assert response.error_msg
    export = caller(robot, 'export_voice', eventually)
    assert export(name=BASE, path='/tmp/x.gsvvoice').error_code == codes().PARAMETER_INVALID
    assert export(name=BASE, path=str(tmp_path / 'x')).error_code == codes().PARAMETER_INVALID
    damaged = tmp_path / 'damaged.gsvvoice'
    damaged.write_bytes(b'PK')
    imported = caller(robot, 'import_voice', eventually)(path=str(damaged))
    assert imported.error_code == codes().VOICE_ARCHIVE_INVALID
    assert names(robot) == [BASE]
