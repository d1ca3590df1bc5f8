"""The whole way with the real engine: a text on `say` becomes the audio that the engine makes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gptsovits_ros.audio.pcm import to_s16le
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest

pytestmark = [pytest.mark.ros, pytest.mark.slow]

TEXT = 'Hello robot, 你好。'
SEED = 3


@pytest.fixture(scope='module')
def voice_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a stand-in voice."""
    from gptsovits_ros.voice.standin import make_test_voice

    root = tmp_path_factory.mktemp('voices')
    make_test_voice(root / 'standin', size='tiny')
    return root


def test_audio_on_the_topic_equals_the_engine_byte_by_byte(start_node, make_robot, voice_root):
    from gptsovits_ros.engine.engine import Engine

    node = start_node(
        script=['-m', 'gptsovits_ros.ros.speech_node'],
        engine__voice_root=voice_root,
        engine__device='cpu',
        engine__threads=1,
        speech__seed=SEED,
    )
    robot = make_robot()
    engine = Engine.load(EngineSettings(voice_root=str(voice_root), device='cpu', threads=1))
    chunks = list(engine.synthesize(SpeechRequest(TEXT, seed=SEED)))
    robot.wait_for_node('IDLE', timeout_s=60)
    robot.say(TEXT)
    assert robot.wait_state('FINISHED', timeout_s=60).voice == 'standin'
    assert robot.audio_bytes() == b''.join(to_s16le(chunk.samples) for chunk in chunks)
    assert robot.heard.infos[-1][1].sample_rate == chunks[0].sample_rate
    segments = [m.segment for _, m in robot.heard.states if m.segment]
    assert segments == list(dict.fromkeys(chunk.segment_text for chunk in chunks))
    assert TEXT not in node.log


def test_interrupted_text_is_resumed_and_a_text_stream_is_one_utterance(
    start_node, make_robot, voice_root, eventually
):
    start_node(
        script=['-m', 'gptsovits_ros.ros.speech_node'],
        engine__voice_root=voice_root,
        engine__device='cpu',
        engine__threads=1,
    )
    robot = make_robot()
    robot.wait_for_node('IDLE', timeout_s=60)
    robot.request('The first is here. The second is here. The third is here.', id='talk')
    eventually(lambda: robot.of('talk', 'SPEAKING'), 60)
    robot.stop()
    talk = eventually(lambda: robot.of('talk', 'CANCELED'))
    answer = robot.resume()
    assert answer.success
    eventually(lambda: robot.of(answer.message, 'FINISHED'), 60)
    said = [m.segment for _, m in robot.heard.states if m.utterance_id == answer.message]
    rest = list(dict.fromkeys(filter(None, said)))
    heard = talk.heard_text.count('here.')
    assert rest == ['The first is here.', 'The second is here.', 'The third is here.'][heard:]
    for piece in ('It is 3', '.5 degrees. And ', 'so it', ' stays.'):
        robot.stream('s1', piece, end=piece == ' stays.')
    finished = eventually(lambda: robot.of('s1', 'FINISHED'), 60)
    assert finished.heard_text == 'It is three point five degrees. And so it stays.'


def test_two_robots_share_an_engine_and_speak_at_once(
    start_node, make_robot, voice_root, eventually
):
    with tempfile.TemporaryDirectory(prefix='run-', dir='/tmp') as folder:
        socket = f'{folder}/engine.sock'
        serve = ['serve', '--socket', socket, '--parallel', '2']
        for name, value in (('voice_root', voice_root), ('device', 'cpu'), ('threads', 2)):
            serve += ['-p', f'engine.{name}:={value}']
        engine = subprocess.Popen(
            [sys.executable, '-m', 'gptsovits_ros.cli', *serve], stdin=subprocess.DEVNULL
        )
        try:
            script = ['-m', 'gptsovits_ros.ros.speech_node']
            names = ('r1', 'r2')
            nodes = [
                start_node(script=script, namespace=name, engine__socket=socket) for name in names
            ]
            robots = [make_robot(namespace=name) for name in names]
            for robot in robots:
                robot.wait_for_node('IDLE', timeout_s=90)
            for robot in robots:
                robot.say('Hello, I am a robot, and so are you.')
            for robot in robots:
                assert robot.wait_state('FINISHED', timeout_s=60).voice == 'standin'
                assert len(robot.audio_bytes()) > 32000
            # One leaves, and the other one goes on.
            nodes[0].close()
            robots[1].forget()
            robots[1].say('Still here.')
            assert robots[1].wait_state('FINISHED', timeout_s=60)
            # The engine leaves, and the node says so and stays.
            engine.terminate()
            assert engine.wait(20) == 0
            eventually(lambda: 'is not running; start it' in nodes[1].log)
            assert nodes[1].process.poll() is None
        finally:
            engine.kill()
            engine.wait(20)


def test_words_and_mouth_shapes_are_told_ahead_of_when_they_are_due(
    start_node, make_robot, voice_root, eventually
):
    from gptsovits_ros.msg import SpeechMark, SpeechMarks

    start_node(
        script=['-m', 'gptsovits_ros.ros.speech_node'],
        engine__voice_root=voice_root,
        engine__device='cpu',
        engine__threads=1,
        speech__marks=True,
        speech__seed=SEED,
        stream__lead_ms=300,
    )
    robot = make_robot()
    told = []
    robot.node.create_subscription(
        SpeechMarks,
        'speech_marks',
        lambda message: told.append((robot.node.get_clock().now().nanoseconds, message)),
        100,
    )
    robot.wait_for_node('IDLE', timeout_s=60)
    eventually(lambda: robot.node.count_publishers('/speech_marks'))
    robot.say('Hello robot, good morning.')
    finished = robot.wait_state('FINISHED', timeout_s=60)
    marks = [mark for _, message in told for mark in message.marks]
    words = [mark.text for mark in marks if mark.kind == SpeechMark.WORD]
    assert [word.strip(',.').lower() for word in words] == ['hello', 'robot', 'good', 'morning']
    stamps = [stamp_ns(mark.stamp) for mark in marks]
    assert {mark.kind for mark in marks} == {
        SpeechMark.WORD,
        SpeechMark.PHONEME,
        SpeechMark.VISEME,
    }
    assert {message.utterance_id for _, message in told} == {finished.utterance_id}
    assert max(stamps) - min(stamps) <= len(robot.audio_bytes()) / 2 / 32000 * 1e9
    # A mark goes out with its audio, which is sent ahead of its time.
    late = [heard for heard, message in told if heard > stamp_ns(message.header.stamp)]
    assert len(late) < len(told)


def stamp_ns(stamp) -> int:
    return stamp.sec * 10**9 + stamp.nanosec
