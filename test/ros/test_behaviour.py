"""How the node behaves in a ROS graph: who speaks when, who gives way, what was heard.

One node process for all tests: none of them harms it.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('gptsovits_ros.msg')

CHAT, TASK, SAFETY = 1, 2, 3
QUEUE, REPLACE, INTERRUPT, AT_CLAUSE, DROP_IF_LATE = 1, 2, 3, 4, 5
STOP, CLIENT, BARGE_IN, INTERRUPTED, REPLACED, DISPLACED, DEADLINE, MERGED = range(1, 9)


@pytest.fixture
def speaking(robot, eventually):
    """Let a long utterance with the id `talk` be spoken."""
    robot.request('tone 50', id='talk')
    eventually(lambda: robot.of('talk', 'SPEAKING') and len(robot.heard.audio) >= 7)
    return robot


@pytest.fixture
def queue_length(robot, eventually):
    """Return a function that waits until so many utterances wait."""
    return lambda length: eventually(lambda: robot.heard.states[-1][1].queue_length == length)


@pytest.fixture
def set_parameter(robot):
    """Return a function that sets a parameter until the end of the test."""
    from rclpy.parameter import Parameter, parameter_value_to_python
    from rclpy.parameter_client import AsyncParameterClient

    client = AsyncParameterClient(robot.node, 'speech_node')
    assert client.wait_for_services(10)
    before = {}

    def change(name: str, value: object) -> None:
        got = robot.wait(client.get_parameters([name])).values[0]
        before.setdefault(name, parameter_value_to_python(got))
        (result,) = robot.wait(client.set_parameters([Parameter(name, value=value)])).results
        assert result.successful, result.reason

    yield change
    for name, value in before.items():
        change(name, value)


def test_more_important_ones_come_first_and_sources_take_turns(speaking, eventually, queue_length):
    requests = (
        ('a1', 'a', TASK), ('a2', 'a', TASK), ('chat', 'a', CHAT), ('b1', 'b', TASK),
        ('warning', 'c', SAFETY),
    )  # fmt: skip
    for count, (name, source, priority) in enumerate(requests, start=1):
        speaking.request('tone 1', id=name, source=source, priority=priority)
        queue_length(count)
    speaking.request('tone 1', id='now', policy=INTERRUPT)
    eventually(lambda: len(speaking.ended()) == 7, 30)
    assert [name for name, _ in speaking.ended()] == [
        'talk', 'warning', 'now', 'a1', 'b1', 'a2', 'chat',
    ]  # fmt: skip
    state = speaking.of('warning', 'FINISHED')
    assert (state.source, state.priority) == ('c', SAFETY)


def test_interruption_is_heard_at_once_and_the_other_tells_what_was_heard(speaking, eventually):
    sent = speaking.request('tone 2', id='now', policy=INTERRUPT)
    talk = eventually(lambda: speaking.of('talk', 'CANCELED'))
    assert talk.reason == INTERRUPTED
    assert 'now' in talk.error_msg
    assert 0.2 < talk.heard.sec + talk.heard.nanosec * 1e-9 < 5
    assert talk.heard_text.startswith('tone 0')
    assert len(speaking.heard.flushes) == 1
    eventually(lambda: speaking.of('now', 'FINISHED'))
    begun = next(t for t, m in speaking.heard.states if m.utterance_id == 'now' and m.state == 4)
    assert begun - sent < 1.0


def test_nothing_less_important_interrupts(speaking, eventually):
    speaking.stop()
    speaking.request('tone 4', id='warning', priority=SAFETY)
    eventually(lambda: speaking.of('warning', 'SPEAKING'))
    speaking.request('tone 1', id='now', policy=INTERRUPT)
    eventually(lambda: speaking.of('now', 'FINISHED'))
    assert speaking.ended()[1:] == [('warning', 'FINISHED'), ('now', 'FINISHED')]


def test_interruption_at_the_clause_lets_the_segment_end(speaking, eventually):
    speaking.request('tone 1', id='now', policy=AT_CLAUSE)
    talk = eventually(lambda: speaking.of('talk', 'CANCELED'))
    eventually(lambda: speaking.of('now', 'FINISHED'))
    assert talk.reason == INTERRUPTED
    heard_ms = talk.heard.sec * 1000 + talk.heard.nanosec // 1_000_000
    assert heard_ms % 200 == 0  # whole segments
    assert talk.heard_text == ' '.join(f'tone {n}' for n in range(heard_ms // 200))
    assert not speaking.heard.flushes


def test_replace_drops_what_its_source_has_waiting(speaking, eventually, queue_length):
    speaking.request('tone 1', id='old', source='llm')
    speaking.request('tone 1', id='other', source='nav')
    queue_length(2)
    speaking.request('tone 1', id='new', source='llm', policy=REPLACE)
    old = eventually(lambda: speaking.of('old', 'CANCELED'))
    assert (old.reason, 'new' in old.error_msg) == (REPLACED, True)
    queue_length(2)


def test_late_ones_are_dropped_while_another_one_speaks(speaking, eventually, set_parameter):
    from builtin_interfaces.msg import Duration

    set_parameter('queue.late_s', 0.3)
    speaking.request('tone 1', id='soon', deadline=Duration(nanosec=200_000_000))
    speaking.request('tone 1', id='late', policy=DROP_IF_LATE)
    speaking.request('tone 1', id='patient')
    for name in ('soon', 'late'):
        state = eventually(lambda name=name: speaking.of(name, 'FAILED'), 3)
        assert (state.error_code, state.reason) == (212, DEADLINE)
    assert speaking.states('patient') == ['QUEUED']
    assert speaking.states('talk')[-1] == 'SPEAKING'


def test_goal_has_a_deadline_too(speaking):
    from builtin_interfaces.msg import Duration

    goal = speaking.speak('tone 1', source='nav', deadline=Duration(nanosec=100_000_000))
    result = speaking.result(goal).result
    assert (result.error_code, result.reason) == (result.DEADLINE_PASSED, DEADLINE)
    assert (result.heard.sec, result.heard.nanosec, result.heard_text) == (0, 0, '')


def test_full_queue_gives_up_what_is_least_important(
    speaking, eventually, queue_length, set_parameter
):
    set_parameter('queue.max_length', 2)
    speaking.request('tone 1', id='chat', priority=CHAT)
    queue_length(1)
    speaking.request('tone 1', id='task')
    queue_length(2)
    speaking.request('tone 1', id='warning', priority=SAFETY)
    state = eventually(lambda: speaking.of('chat', 'FAILED'))
    assert (state.error_code, state.reason) == (211, DISPLACED)
    speaking.request('tone 1', id='more')
    assert eventually(lambda: speaking.of('more', 'REFUSED')).error_code == 211


def test_duplicates_are_merged_if_asked_for(speaking, eventually, queue_length, set_parameter):
    set_parameter('queue.merge', True)
    speaking.request('tone 1', id='first', source='a')
    queue_length(1)
    speaking.request('tone 1', id='second', source='b')
    state = eventually(lambda: speaking.of('second', 'REFUSED'))
    assert (state.error_code, state.reason, 'first' in state.error_msg) == (213, MERGED, True)


def test_say_takes_priority_and_policy_from_the_parameters(speaking, eventually, set_parameter):
    set_parameter('say.priority', 'safety')
    set_parameter('say.policy', 'interrupt')
    speaking.say('tone 1')
    eventually(lambda: ('talk', 'CANCELED') in speaking.ended() and len(speaking.ended()) == 2)
    assert [m.priority for _, m in speaking.heard.states if m.source == 'say'][-1] == SAFETY


@pytest.mark.parametrize(
    ('fields', 'words'),
    [
        ({'id': 'talk'}, 'in use'),
        ({'id': 'x' * 65}, '64'),
        ({'source': 'a\nb'}, 'source'),
        ({'priority': 9}, '1 CHAT, 2 TASK, 3 SAFETY'),
        ({'policy': 9}, '5 DROP_IF_LATE'),
    ],
)
def test_request_that_makes_no_sense_is_refused_with_the_reason(
    speaking, eventually, fields, words
):
    speaking.request('tone 1', **fields)
    assert words in speaking.wait_state('REFUSED').error_msg
    assert speaking.states('talk')[-1] in ('SPEAKING', 'REFUSED')


def test_stop_tells_what_was_heard_and_resume_goes_on_from_that_clause(
    robot, eventually, expected_bytes
):
    robot.request('tone 8', id='talk', speed=1.5)
    eventually(lambda: len(robot.heard.audio) >= 9)
    robot.stop()
    talk = eventually(lambda: robot.of('talk', 'CANCELED'))
    assert talk.reason == STOP
    heard_s = talk.heard.sec + talk.heard.nanosec * 1e-9
    first = int((heard_s + 0.02) // 0.2)
    assert talk.heard_text.startswith(' '.join(f'tone {n}' for n in range(first)))
    robot.forget()
    answer = robot.resume()
    assert answer.success
    eventually(lambda: robot.of(answer.message, 'FINISHED'))
    said = [m.segment for _, m in robot.heard.states if m.segment]
    assert list(dict.fromkeys(said)) == [f'tone {n}' for n in range(first, 8)]
    assert robot.audio_bytes() == expected_bytes('tone 8', range(first, 8), speed=1.5)
    assert not robot.resume().success


@pytest.fixture
def expected_bytes(fake_engine):
    """Return a function that gives the bytes that the engine makes of segments of a text."""
    from gptsovits_ros.audio.pcm import to_s16le
    from gptsovits_ros.types import SpeechRequest

    def make(text: str, segments: range, **fields: object) -> bytes:
        request = SpeechRequest(text, **fields)
        return b''.join(to_s16le(fake_engine.samples(request, index)) for index in segments)

    return make


def test_resume_goes_on_with_what_was_interrupted_behind_what_interrupted_it(speaking, eventually):
    speaking.request('tone 3', id='now', policy=INTERRUPT, priority=SAFETY)
    eventually(lambda: speaking.of('now', 'SPEAKING'))
    speaking.request('tone 1', id='waits')
    answer = speaking.resume()
    assert answer.success
    eventually(lambda: speaking.of(answer.message, 'SPEAKING'))
    assert speaking.ended()[:2] == [('talk', 'CANCELED'), ('now', 'FINISHED')]
    speaking.stop()
    eventually(lambda: speaking.of('waits', 'CANCELED'))
    assert speaking.states('waits') == ['QUEUED', 'CANCELED']


def test_resume_of_nothing_fails(start_node, make_robot):
    start_node(namespace='lonely')
    robot = make_robot('lonely')
    robot.wait_for_node()
    answer = robot.resume()
    assert (answer.success, answer.message) == (False, 'there is nothing to resume')


def test_who_speaks_silences_all_but_warnings(start_node, make_robot, eventually):
    from rclpy.qos import qos_profile_sensor_data
    from std_msgs.msg import Bool

    start_node(namespace='listens', topic__barge_in='/vad/speech')
    robot = make_robot('listens')
    robot.wait_for_node()
    ear = robot.node.create_publisher(Bool, '/vad/speech', qos_profile_sensor_data)
    eventually(lambda: ear.get_subscription_count() == 1)
    robot.request('tone 50', id='talk')
    robot.request('tone 1', id='next')
    eventually(lambda: robot.of('talk', 'SPEAKING') and robot.of('next'))
    ear.publish(Bool(data=False))
    robot.request('tone 4', id='warning', priority=SAFETY)
    eventually(lambda: robot.of('warning'))
    assert robot.states('talk')[-1] == 'SPEAKING'
    ear.publish(Bool(data=True))
    for name in ('talk', 'next'):
        assert eventually(lambda name=name: robot.of(name, 'CANCELED')).reason == BARGE_IN
    eventually(lambda: robot.of('warning', 'SPEAKING'))
    ear.publish(Bool(data=True))
    eventually(lambda: robot.of('warning', 'FINISHED'))


def test_next_utterance_follows_without_a_gap(robot, eventually):
    """Each takes 0.3 s to make; without a head start that much silence would lie between them."""
    for _ in range(4):
        robot.request('slow 1')
    eventually(lambda: len(robot.ended()) == 4)
    arrivals = [time for time, _ in robot.heard.audio]
    starts = arrivals[::2]  # two messages each
    assert max(np.diff(starts)) < 0.2 + 0.15


def test_is_speaking_does_not_flicker_between_utterances(robot, eventually):
    for _ in range(3):
        robot.say('tone 2')
    eventually(lambda: len(robot.ended()) == 3)
    eventually(lambda: robot.heard.speaking[-1][1] is False)
    assert [value for _, value in robot.heard.speaking] == [True, False]


def test_hold_time_follows_the_last_sample(robot, eventually, set_parameter):
    set_parameter('speaking.hold_ms', 1000)
    robot.say('tone 50')
    eventually(lambda: len(robot.heard.audio) >= 3)
    robot.stop()
    stopped = time.monotonic()
    eventually(lambda: robot.heard.speaking[-1][1] is False)
    assert 0.9 < robot.heard.speaking[-1][0] - stopped < 1.6
    set_parameter('speaking.hold_ms', 0)
    robot.forget()
    robot.say('tone 50')
    eventually(lambda: len(robot.heard.audio) >= 3)
    robot.stop()
    stopped = time.monotonic()
    eventually(lambda: robot.heard.speaking[-1][1] is False)
    assert robot.heard.speaking[-1][0] - stopped < 0.3


def test_text_is_spoken_while_it_arrives(robot, eventually):
    robot.stream('s1', 'The battery is at 3')
    robot.stream('s1', '.5 volts. I wi')
    speaking = eventually(lambda: robot.of('s1', 'SPEAKING'))
    assert speaking.segment == 'The battery is at 3.5 volts.'
    eventually(lambda: robot.heard.audio)
    robot.stream('s1', 'll charge it now')
    robot.stream('s1', ', Dr', end=False)
    robot.stream('s1', '. Smith.', end=True)
    finished = eventually(lambda: robot.of('s1', 'FINISHED'))
    said = 'The battery is at 3.5 volts. I will charge it now, Dr. Smith.'
    assert finished.heard_text == said
    assert (finished.source, finished.queue_length) == ('say_stream', 0)
    assert robot.states('s1') == ['QUEUED', 'SYNTHESIZING', 'SPEAKING', 'FINISHED']


def test_stopped_text_stays_silent_up_to_its_end_and_its_id_is_free_then(robot, eventually):
    robot.stream('s1', 'One sentence is here. ')
    eventually(lambda: robot.of('s1', 'SPEAKING'))
    robot.stop()
    eventually(lambda: robot.of('s1', 'CANCELED'))
    for number in range(5):
        robot.stream('s1', f'Sentence number {number} is late. ')
    robot.stream('s1', '', end=True)
    robot.stream('s1', 'This is another text.', end=True)
    eventually(lambda: robot.of('s1', 'FINISHED'))
    said = [m.segment for _, m in robot.heard.states if m.segment]
    assert list(dict.fromkeys(said)) == ['One sentence is here.', 'This is another text.']


def test_forgotten_text_is_spoken_as_far_as_it_came_and_fails(robot, eventually, set_parameter):
    set_parameter('say_stream.timeout_s', 0.3)
    robot.stream('s1', 'One sentence is here. And a half')
    failed = eventually(lambda: robot.of('s1', 'FAILED'))
    assert (failed.error_code, failed.heard_text) == (214, 'One sentence is here. And a half')
    robot.say('tone 1')
    eventually(lambda: robot.last_state('IDLE') and len(robot.ended()) == 2)


def test_text_that_is_too_long_or_torn_or_empty_fails_with_the_reason(
    robot, eventually, set_parameter
):
    set_parameter('say_stream.max_characters', 30)
    robot.stream('long', 'One sentence is here. ')
    robot.stream('long', 'This is too much for it.')
    assert eventually(lambda: robot.of('long', 'FAILED')).error_code == 202
    robot.stream('torn', '<speak>Hello <br', end=True)
    assert eventually(lambda: robot.of('torn', 'FAILED')).error_code == 201
    robot.stream('empty', ' ... ', end=True)
    assert eventually(lambda: robot.of('empty', 'FAILED')).error_code == 201
    robot.stream('', 'Hello there.', end=True)
    assert robot.wait_state('REFUSED').error_code == 214


def test_text_waits_in_the_queue_with_its_priority(speaking, eventually, queue_length):
    speaking.request('tone 1', id='task')
    queue_length(1)
    speaking.stream('s1', 'This is a warning. ', priority=SAFETY, source='llm')
    queue_length(2)
    speaking.stop()
    eventually(lambda: speaking.of('s1', 'CANCELED'))
    assert speaking.of('s1').source == 'llm'
    assert speaking.of('s1').priority == SAFETY
    speaking.stream('s1', '', end=True)
