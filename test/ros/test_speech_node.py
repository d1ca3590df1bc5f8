"""The node on a real ROS graph, with one node process for all tests: none of them harms it."""

from __future__ import annotations

import threading

import pytest

from gptsovits_ros.audio.pcm import to_s16le
from gptsovits_ros.types import SpeechRequest

pytestmark = pytest.mark.ros

CANCELED, ABORTED, SUCCEEDED = 5, 6, 4  # of action_msgs/GoalStatus


@pytest.fixture
def expected(fake_engine):
    """Return a function that gives the bytes that the engine makes of a request."""

    def make(num_chunks: int, **fields: object) -> bytes:
        request = SpeechRequest('tone', **fields)
        return b''.join(
            to_s16le(fake_engine.samples(request, index)) for index in range(num_chunks)
        )

    return make


@pytest.fixture
def set_parameters(robot, eventually):
    """Return a function that sets parameters of the node and returns the reasons for refusals."""
    from rclpy.parameter import Parameter
    from rclpy.parameter_client import AsyncParameterClient

    client = AsyncParameterClient(robot.node, 'speech_node')
    assert client.wait_for_services(10)
    before: dict[str, object] = {}

    def change(values: dict[str, object]) -> list[str]:
        answer = robot.wait(
            client.set_parameters([Parameter(name, value=value) for name, value in values.items()])
        )
        return [result.reason for result in answer.results]

    def change_until_end(values: dict[str, object]) -> list[str]:
        from rclpy.parameter import parameter_value_to_python

        got = robot.wait(client.get_parameters(list(values))).values
        for name, value in zip(values, got, strict=True):
            before.setdefault(name, parameter_value_to_python(value))
        return change(values)

    yield change_until_end
    for name, value in before.items():
        change({name: value})


def wait_finished(robot, eventually, num_events=1):
    """Wait until so many utterances have ended and the node is idle."""
    ends = ('FINISHED', 'CANCELED', 'FAILED', 'REFUSED')
    eventually(
        lambda: (
            sum(name in ends for name in map(name_of, robot.heard.states)) >= num_events
            and robot.last_state('IDLE')
        )
    )


def name_of(heard):
    """Return the name of the state of a received message."""
    from gptsovits_ros.ros.utterance import State

    return State(heard[1].state).name


def test_text_on_say_becomes_the_audio_of_the_engine_byte_by_byte(robot, eventually, expected):
    robot.say('tone 4')
    wait_finished(robot, eventually)
    assert robot.audio_bytes() == expected(4)


def test_say_walks_through_the_states_and_ends_idle(robot, eventually):
    robot.say('tone 2')
    wait_finished(robot, eventually)
    assert robot.states(source='say') == ['QUEUED', 'SYNTHESIZING', 'SPEAKING', 'FINISHED']
    spoken = [m for _, m in robot.heard.states if name_of((0, m)) == 'SPEAKING']
    assert [m.segment for m in spoken] == ['tone 0', 'tone 1']
    assert all(m.voice == 'anna' and m.synthetic for m in spoken)


def test_messages_hold_chunk_ms_of_audio_and_audio_info_describes_them(
    shared_node, make_robot, eventually
):
    robot = make_robot()  # a late joiner: audio_info is latched
    robot.wait_for_node()
    info = eventually(lambda: robot.heard.infos)[-1][1]
    assert (info.channels, info.sample_rate, info.sample_format, info.coding_format) == (
        1,
        32000,
        'S16LE',
        'wave',
    )
    robot.forget()
    robot.say('tone 2')
    wait_finished(robot, eventually)
    assert [len(data) for _, data in robot.heard.audio] == [6400] * 4


def test_audio_keeps_to_real_time_but_for_the_lead(robot, eventually):
    robot.say('tone 8')
    wait_finished(robot, eventually)
    start = robot.heard.audio[0][0]
    for index, (arrival, _) in enumerate(robot.heard.audio):
        assert arrival - start >= index * 0.1 - 0.2 - 0.05
    eventually(lambda: len(robot.heard.speaking) == 2)
    (_, first), (ended, last) = robot.heard.speaking
    assert (first, last) == (True, False)
    # The playing time of its last sample, and speaking.hold_ms.
    assert 1.8 - 0.05 <= ended - start < 2.3


def test_goal_speaks_with_its_own_settings_and_reports(robot, expected):
    handle = robot.speak('tone 3', voice='bob', speed=1.35, seed=3)
    answer = robot.result(handle)
    assert answer.status == SUCCEEDED
    assert (answer.result.error_code, answer.result.error_msg) == (0, '')
    assert answer.result.utterance_id == bytes(handle.goal_id.uuid).hex()
    assert answer.result.audio_duration.nanosec == 600_000_000
    assert robot.audio_bytes() == expected(3, voice='bob', speed=1.35, seed=3)
    feedback = [m for _, m in robot.heard.feedback]
    assert sorted({m.state for m in feedback}) == [m.state for m in feedback if m.state != 3] + [3]
    assert feedback[-1].published.nanosec == 600_000_000


def test_goals_wait_in_line_and_are_told_their_position(robot, eventually):
    first = robot.speak('tone 2')
    second = robot.speak('tone 1')
    assert robot.result(first).status == robot.result(second).status == SUCCEEDED
    positions = [m.queue_position for _, m in robot.heard.feedback if m.state == 1]
    assert 1 in positions
    ids = [m.utterance_id for _, m in robot.heard.states if name_of((0, m)) == 'FINISHED']
    assert ids == [bytes(handle.goal_id.uuid).hex() for handle in (first, second)]


def test_canceled_goal_falls_silent_at_once(robot, eventually):
    handle = robot.speak('tone 50')
    eventually(lambda: len(robot.heard.audio) >= 4)
    robot.wait(handle.cancel_goal_async())
    answer = robot.result(handle)
    assert answer.status == CANCELED
    assert answer.result.error_code == answer.result.CANCELED
    eventually(lambda: [value for _, value in robot.heard.speaking] == [True, False])
    assert len(robot.heard.audio) < 20
    published_ns = answer.result.audio_duration.sec * 10**9 + answer.result.audio_duration.nanosec
    eventually(lambda: len(robot.heard.audio) * 100_000_000 == published_ns)


def test_goal_canceled_before_its_turn_is_never_heard(robot, eventually):
    first = robot.speak('tone 4')
    second = robot.speak('tone 1', voice='bob')
    assert len(robot.wait(second.cancel_goal_async()).goals_canceling) == 1
    assert robot.result(second).status == CANCELED
    assert robot.result(first).status == SUCCEEDED
    assert 'SYNTHESIZING' not in robot.states(bytes(second.goal_id.uuid).hex())


def test_goal_canceled_while_the_models_work_ends(robot, eventually):
    handle = robot.speak('slow 9')
    robot.wait_state('SYNTHESIZING')
    robot.wait(handle.cancel_goal_async())
    assert robot.result(handle).status == CANCELED


def test_stop_ends_what_is_spoken_and_what_waits(robot, eventually):
    handle = robot.speak('tone 50')
    robot.say('tone 1')
    robot.say('tone 1')
    eventually(
        lambda: (
            robot.heard.audio
            and robot.last_state('SPEAKING')
            and robot.heard.states[-1][1].queue_length == 2
        )
    )
    answer = robot.stop()
    assert (answer.success, answer.message) == (True, '3 utterances stopped')
    result = robot.result(handle)
    assert (result.status, result.result.error_code) == (ABORTED, result.result.CANCELED)
    wait_finished(robot, eventually, 3)
    assert robot.states(source='say') == ['QUEUED', 'CANCELED']
    eventually(lambda: robot.heard.speaking[-1][1] is False)


def test_stop_of_nothing_succeeds(robot):
    answer = robot.stop()
    assert (answer.success, answer.message) == (True, '0 utterances stopped')


@pytest.mark.parametrize(
    'text, fields, code',
    [
        ('', {}, 201),
        (' \n', {}, 201),
        ('x' * 2001, {}, 202),
        ('tone', {'language': 'klingon'}, 203),
        ('tone', {'voice': 'nobody'}, 204),
        ('tone', {'voice': '../../etc'}, 204),
        ('tone', {'speed': 3.0}, 206),
        ('tone', {'speed': float('nan')}, 206),
        ('tone', {'speed': -1.0}, 206),
        ('tone', {'seed': -2}, 206),
        ('tone', {'top_k': 2000}, 206),
        ('tone', {'top_p': 1.5}, 206),
        ('tone', {'temperature': -1.0}, 206),
        ('tone', {'repetition_penalty': 0.5}, 206),
    ],
)
def test_bad_goal_is_aborted_with_the_reason_and_the_node_lives_on(
    robot, eventually, expected, text, fields, code
):
    answer = robot.result(robot.speak(text, **fields))
    assert answer.status == ABORTED
    assert answer.result.error_code == code
    assert answer.result.error_msg
    wait_finished(robot, eventually)
    refused = robot.wait_state('REFUSED')
    assert (refused.error_code, refused.error_msg) == (code, answer.result.error_msg)
    assert robot.list_voices().success


def test_bytes_that_are_not_utf8_are_refused(robot, eventually, shared_node):
    text = b'ton\xe9 1\x00'  # Latin-1, as a C++ publisher may send it
    robot._say.publish(b'\x00\x01\x00\x00' + len(text).to_bytes(4, 'little') + text)
    refused = robot.wait_state('REFUSED')
    assert (refused.error_code, refused.source) == (201, 'say')
    assert 'UTF-8' in refused.error_msg
    assert 'UTF-8' in shared_node.log


def test_texts_are_private_even_when_refused(robot, eventually, shared_node):
    robot.say('secret' * 400)
    robot.wait_state('REFUSED')
    robot.say('secret 1')
    wait_finished(robot, eventually, 2)
    assert 'TEXT_TOO_LONG' in shared_node.log
    assert 'secret' not in shared_node.log


def test_full_queue_refuses_and_the_parameter_widens_it(robot, eventually, set_parameters):
    assert set_parameters({'queue.max_length': 1}) == ['']
    robot.say('tone 50')
    robot.wait_state('SPEAKING')
    robot.say('tone 1')
    eventually(lambda: robot.heard.states[-1][1].queue_length == 1)
    answer = robot.result(robot.speak('tone 1'))
    assert (answer.status, answer.result.error_code) == (ABORTED, answer.result.QUEUE_FULL)
    set_parameters({'queue.max_length': 2})
    robot.say('tone 1')
    eventually(lambda: robot.heard.states[-1][1].queue_length == 2)
    assert robot.stop().message == '3 utterances stopped'


@pytest.mark.parametrize(
    'name, value, reason',
    [
        ('speech.speed', 2.5, '2.0'),
        ('sampling.top_k', 0, '1025'),
        ('language', 'klingon', 'auto, auto_yue, zh, en'),
        ('speech.split', 'cut9', 'cut5'),
        ('voice', 'nobody', 'anna, bob'),
        ('engine.device', 'cpu', 'read-only'),
    ],
)
def test_parameter_that_is_not_allowed_is_rejected_with_what_is(
    set_parameters, name, value, reason
):
    assert reason in set_parameters({name: value})[0]


def test_parameters_change_the_next_utterance(robot, eventually, set_parameters, expected):
    values = {'voice': 'bob', 'speech.speed': 2.0, 'speech.seed': 5, 'stream.chunk_ms': 50}
    assert set_parameters(values) == [''] * 4
    robot.say('tone 1')
    wait_finished(robot, eventually)
    assert robot.audio_bytes() == expected(1, voice='bob', speed=2.0, seed=5)
    assert len(robot.heard.audio) == 4


def test_list_voices_tells_them_by_name(robot):
    answer = robot.list_voices()
    assert (answer.success, answer.message) == (True, '')
    assert [(v.name, v.is_default, list(v.languages), v.sample_rate) for v in answer.voices] == [
        ('anna', True, ['zh', 'en'], 32000),
        ('bob', False, ['en'], 32000),
    ]


def test_late_joiner_gets_the_present_state_last(robot, eventually, make_robot):
    robot.say('tone 50')
    robot.wait_state('SPEAKING')
    robot.say('')  # news of another utterance must not hide the present state
    refused = robot.wait_state('REFUSED')
    late = make_robot()

    def messages_after_refusal():
        heard = [m for _, m in late.heard.states]
        ids = [m.utterance_id for m in heard]
        return heard[ids.index(refused.utterance_id) + 1 :] if refused.utterance_id in ids else []

    present = eventually(messages_after_refusal)[0]
    assert (name_of((0, present)), present.source) == ('SPEAKING', 'say')
    eventually(lambda: late.heard.speaking)
    assert late.heard.speaking[-1][1] is True
    robot.stop()


def test_says_and_stops_at_once_leave_the_node_idle_and_silent(robot, eventually):
    def hurry():
        for _ in range(10):
            robot.say('tone 3')

    thread = threading.Thread(target=hurry)
    thread.start()
    for _ in range(5):
        robot.stop()
    thread.join()
    eventually(lambda: robot.stop().message == '0 utterances stopped' and robot.last_state('IDLE'))
    eventually(lambda: not robot.heard.speaking or robot.heard.speaking[-1][1] is False)
