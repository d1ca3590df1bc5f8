"""Voices come and go over ROS while the node runs: real engine, real speech, real processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = [pytest.mark.ros, pytest.mark.slow]

# This machine may do much else at the same time.
PATIENCE_S = 120.0
SPEECH = Path(__file__).parents[1] / 'unit' / 'voice' / 'speech'
WOMAN, MAN = SPEECH / 'woman.opus', SPEECH / 'man.opus'
CONSENT = {'who': 'A Reader, of LibriVox', 'when': '2026-05-17', 'purpose': 'tests'}
BASE = 'standin'
CANCELED, ABORTED, SUCCEEDED = 5, 6, 4  # of action_msgs/GoalStatus


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
    """Return the names of the voices as `list_voices` tells them, without the bundled ones."""
    from gptsovits_ros.voice.bundled import BundledVoices

    told = [voice.name for voice in robot.list_voices().voices]
    bundled = BundledVoices().names()
    assert set(bundled) <= set(told)
    return [name for name in told if name not in bundled]


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
    assert found.has_report and not found.bundled
    assert found.report == made.report

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


def result_of(handle: Any, eventually: Callable[..., Any]) -> Any:
    """Wait for the result of a goal, longer than a Robot does."""
    future = handle.get_result_async()
    eventually(future.done, PATIENCE_S)
    return future.result()


class MicrophoneInTheRoom:
    """Publishes a recording over and over, as a driver does, until it is closed."""

    def __init__(self, node: Any, topic: str, path: Path) -> None:
        """Begin to publish."""
        from audio_common_msgs import msg as audio_common

        from gptsovits_ros.audio.files import read_audio
        from gptsovits_ros.ros.conversions import audio_messages
        from gptsovits_ros.ros.qos import AUDIO_QOS, LATCHED_QOS

        audio = read_audio(path)
        self._samples = (audio.mono * 32767).astype(np.int16)
        self._rate = audio.sample_rate
        self._messages = audio_messages(audio_common)
        self._clock = node.get_clock()
        self._audio = node.create_publisher(self._messages.audio_type, topic, AUDIO_QOS)
        info = node.create_publisher(self._messages.info_type, f'{topic}_info', LATCHED_QOS)
        info.publish(self._messages.info(self._rate, self._rate // 10))
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._closing.set()
        self._thread.join(10)

    def _publish(self) -> None:
        position, step = 0, self._rate // 10
        while not self._closing.wait(0.05):
            piece = self._samples[position : position + step]
            stamp = self._clock.now().to_msg()
            self._audio.publish(self._messages.audio(piece, self._rate, stamp, ''))
            position = (position + step) % len(self._samples)


@pytest.fixture
def record(robot, eventually):
    """Return what sends a goal to `record_voice`, and where its feedback arrives."""
    from gptsovits_ros.action import RecordVoice
    from rclpy.action import ActionClient

    client = ActionClient(robot.node, RecordVoice, 'record_voice')
    eventually(client.server_is_ready, PATIENCE_S)
    feedback: list[Any] = []

    def send(**fields: object) -> Any:
        goal = RecordVoice.Goal(language='en', **fields)
        future = client.send_goal_async(goal, lambda message: feedback.append(message.feedback))
        eventually(future.done, PATIENCE_S)
        return future.result()

    yield send, feedback
    client.destroy()


def test_a_voice_is_recorded_from_a_microphone_and_a_cancelled_one_is_not(
    robot, record, eventually
):
    from builtin_interfaces.msg import Duration

    send, feedback = record
    microphone = MicrophoneInTheRoom(robot.node, 'mic', WOMAN)
    try:
        handle = send(name='live', topic='mic', duration=Duration(sec=8), consent=consent())
        eventually(lambda: feedback and feedback[-1].recorded.sec >= 1, PATIENCE_S)
        busy = result_of(send(name='b', topic='mic', consent=consent()), eventually)
        assert busy.result.error_code == codes().QUEUE_FULL
        assert robot.stop().success  # answered while it is recorded
        ended = result_of(handle, eventually)
        assert (ended.status, ended.result.error_msg) == (SUCCEEDED, '')
        assert ended.result.report.duration.sec == 8 and ended.result.report.speech.sec >= 5
        assert {1, 2} >= {message.state for message in feedback} >= {1}
        assert -60 < max(message.level_db for message in feedback) < 0
        assert names(robot) == ['live', BASE]

        feedback.clear()
        handle = send(name='never', topic='mic', duration=Duration(sec=60), consent=consent())
        eventually(lambda: feedback, PATIENCE_S)
        eventually(handle.cancel_goal_async().done, PATIENCE_S)
        ended = result_of(handle, eventually)
        assert (ended.status, ended.result.error_code) == (CANCELED, codes().CANCELED)
        assert names(robot) == ['live', BASE]
    finally:
        microphone.close()
    found = caller(robot, 'describe_voice', eventually)(name='live').description
    assert found.consent.source == 'topic mic'
    assert caller(robot, 'delete_voice', eventually)(name='live').success


def test_nobody_has_to_speak_for_a_recording_that_would_be_refused(robot, record, eventually):
    from builtin_interfaces.msg import Duration

    send, feedback = record
    for fields, code in (
        ({'name': 'x', 'topic': 'mic'}, 'CONSENT_MISSING'),
        ({'name': BASE, 'topic': 'mic', 'consent': consent()}, 'VOICE_EXISTS'),
        ({'name': 'x', 'consent': consent()}, 'PARAMETER_INVALID'),
        ({'name': 'x', 'topic': 'a b', 'consent': consent()}, 'PARAMETER_INVALID'),
        (
            {'name': 'x', 'topic': 'mic', 'duration': Duration(sec=1), 'consent': consent()},
            'PARAMETER_INVALID',
        ),
    ):
        ended = result_of(send(**fields), eventually)
        assert (ended.status, ended.result.error_code) == (ABORTED, getattr(codes(), code))
    assert not feedback
    silent = result_of(send(name='x', topic='nothing', consent=consent()), eventually)
    assert silent.result.error_code == codes().AUDIO_INVALID
    assert 'nothing was heard' in silent.result.error_msg


def test_an_engine_that_dies_while_it_enrols_is_told_and_the_store_is_whole(
    robot, eventually, voice_root
):
    enroll = caller(robot, 'enroll_voice', eventually)
    engine = robot.ros_node_process.engine_pid()
    future = enroll.start(name='lost', language='en', paths=[str(WOMAN)], consent=consent())
    eventually(lambda: list(voice_root.glob('.new-*')) or future.done(), PATIENCE_S)
    os.kill(engine, signal.SIGKILL)
    eventually(future.done, PATIENCE_S)
    assert future.result().error_code == codes().ENGINE_CRASHED
    robot.forget()
    robot.request('Hello.', id='again')
    eventually(lambda: robot.of('again', 'FINISHED'), PATIENCE_S)
    assert names(robot) == [BASE]
    assert not list(voice_root.glob('.new-*'))  # settled at the start of the new engine
