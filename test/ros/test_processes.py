"""Starts, ends and accidents: nodes and engines as processes that come and go."""

from __future__ import annotations

import os
import signal
import time

import pytest

pytestmark = pytest.mark.ros


def test_engine_killed_while_speaking_fails_that_utterance_and_the_next_one_works(
    start_node, make_robot, eventually
):
    node, robot = start_node(), make_robot()
    robot.wait_for_node()
    robot.forget()
    engine = node.engine_pid()
    handle = robot.speak('slow 50')
    robot.wait_state('SPEAKING')
    os.kill(engine, signal.SIGKILL)
    answer = robot.result(handle)
    assert answer.result.error_code == answer.result.ENGINE_CRASHED
    assert 'SIGKILL' in answer.result.error_msg
    failed = robot.wait_state('FAILED')
    assert (failed.utterance_id, failed.error_code) == (answer.result.utterance_id, 221)
    eventually(lambda: [value for _, value in robot.heard.speaking] == [True, False])
    # It waits for the restart and is spoken then.
    assert robot.result(robot.speak('tone 1')).result.error_code == 0
    assert node.engine_pid() != engine


def test_what_the_guard_did_is_in_the_result_the_state_and_the_log(
    start_node, make_robot, eventually
):
    node, robot = start_node(), make_robot()
    robot.wait_for_node()
    answer = robot.result(robot.speak('leaky 2'))
    assert list(answer.result.guard) == ['leak:retried', 'leak:retried']
    assert robot.wait_state('FINISHED').guard == '2 leak:retried'
    eventually(lambda: '2 leak:retried' in node.log)
    assert list(robot.result(robot.speak('tone 1')).result.guard) == []


def test_engine_that_dies_of_a_text_fails_that_utterance_only(start_node, make_robot):
    start_node()
    robot = make_robot()
    robot.wait_for_node()
    assert robot.result(robot.speak('die 3')).result.error_code == 221
    assert robot.result(robot.speak('tone 1')).result.error_code == 0


def test_killed_node_leaves_no_engine(start_node, make_robot, eventually, alive):
    node, robot = start_node(), make_robot()
    robot.wait_for_node()
    engine = node.engine_pid()
    robot.say('tone 50')
    robot.wait_state('SPEAKING')
    node.signal(signal.SIGKILL)
    node.wait()
    eventually(lambda: not alive(engine))


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_node_ends_cleanly_while_it_speaks(start_node, make_robot, eventually, alive, number):
    node, robot = start_node(), make_robot()
    robot.wait_for_node()
    robot.forget()
    engine = node.engine_pid()
    results = [robot.speak('tone 50').get_result_async() for _ in range(2)]
    robot.wait_state('SPEAKING')
    start = time.monotonic()
    node.signal(number)
    assert node.wait() == 0
    assert time.monotonic() - start < 2.0
    assert not alive(engine)
    assert 'Traceback' not in node.log and 'Error' not in node.log
    # Everyone was told: who listens to is_speaking must not keep the microphone closed.
    assert [robot.wait(result).result.error_code for result in results] == [210, 210]
    eventually(lambda: robot.heard.speaking[-1][1] is False)


def test_node_ends_cleanly_while_the_engine_loads(start_node, alive):
    node = start_node(engine__voice_root='/tmp/slow_to_load')
    engine = node.engine_pid()
    node.signal(signal.SIGINT)
    assert node.wait() == 0
    assert 'Traceback' not in node.log
    assert not alive(engine)


def test_text_that_comes_while_the_engine_loads_is_spoken_afterwards(
    start_node, make_robot, eventually
):
    start_node(engine__voice_root='/tmp/slow_to_load')
    robot = make_robot()
    robot.wait_for_node('UNAVAILABLE')
    robot.say('tone 1')
    robot.wait_state('FINISHED')
    assert robot.states(source='say') == ['QUEUED', 'SYNTHESIZING', 'SPEAKING', 'FINISHED']
    assert robot.audio_bytes()


def test_text_that_waits_for_the_engine_can_be_stopped(start_node, make_robot, eventually):
    start_node(engine__voice_root='/tmp/slow_to_load')
    robot = make_robot()
    robot.wait_for_node('UNAVAILABLE')
    handle = robot.speak('tone 1')
    assert robot.stop().message == '1 utterance stopped'
    assert robot.result(handle).result.error_code == 210
    assert not robot.heard.audio


def test_engine_that_cannot_load_refuses_with_its_reason(start_node, make_robot):
    node, robot = start_node(engine__voice_root='/tmp/damaged'), make_robot()
    robot.wait_for_node('UNAVAILABLE')
    unavailable = robot.wait_state('UNAVAILABLE')
    while 'failed' not in unavailable.error_msg:
        unavailable = robot.heard.states[-1][1]
    assert 'voice.yaml is damaged' in unavailable.error_msg
    answer = robot.result(robot.speak('tone 1'))
    assert answer.result.error_code == answer.result.ENGINE_UNAVAILABLE
    assert 'voice.yaml is damaged' in answer.result.error_msg
    assert not robot.list_voices().success
    assert node.process.poll() is None


def test_two_nodes_in_two_namespaces_speak_without_each_other(start_node, make_robot, eventually):
    start_node(namespace='r1', voice='anna')
    start_node(namespace='r2', voice='bob', topic__say='announce', topic__audio='horn/audio')
    first, second = make_robot('r1'), make_robot('r2', say='announce', audio='horn/audio')
    for robot in (first, second):
        robot.wait_for_node()
        robot.forget()
    first.say('tone 2')
    first.wait_state('FINISHED')
    assert first.audio_bytes() and not second.heard.audio and not second.heard.states
    second.say('tone 2')
    second.wait_state('FINISHED')
    assert len(second.audio_bytes()) == len(first.audio_bytes())
    assert second.audio_bytes() != first.audio_bytes()
    assert {m.voice for _, m in second.heard.states if m.utterance_id} == {'bob'}


@pytest.mark.parametrize(
    'parameters, words',
    [
        ({'speech__speed': 9.5}, ['speech.speed', '[0.5, 2.0]']),
        ({'speech__speed': 1}, ['speech.speed', 'decimal point']),
        ({'language': 'klingon'}, ['language', 'auto, auto_yue, zh, en']),
        ({'engine__python': '/nonexistent/python'}, ['/nonexistent/python', 'engine.python']),
    ],
)
def test_node_that_cannot_start_says_why_in_one_line(start_node, parameters, words):
    node = start_node(script=['-m', 'gptsovits_ros.ros.speech_node'], **parameters)
    assert node.wait() == 1
    assert all(word in node.log for word in words)
    assert 'Traceback' not in node.log
