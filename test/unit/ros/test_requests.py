"""From texts and goals to requests, and which are refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gptsovits_ros.errors import (
    EngineUnavailableError,
    LanguageUnsupportedError,
    ParameterInvalidError,
    TextInvalidError,
    TextTooLongError,
    VoiceNotFoundError,
)
from gptsovits_ros.ros import requests
from gptsovits_ros.ros.order import Order, Policy, Priority
from gptsovits_ros.ros.parameters import Parameters
from gptsovits_ros.types import SamplingParameters, VoiceInfo

PARAMETERS = Parameters.from_values(
    {
        'voice': 'anna',
        'language': 'en',
        'speech.speed': 1.2,
        'speech.seed': 7,
        'speech.split': 'cut1',
        'speech.pause_s': 0.5,
        'speech.sample_steps': 8,
        'speech.guard_retries': 4,
        'speech.stream': False,
        'sampling.top_k': 5,
    }
)
VOICES = (
    VoiceInfo('bob', '', ('en',), 'v2', 32000),
    VoiceInfo('anna', '', ('zh', 'en'), 'v2', 32000, is_default=True),
)


def goal(**fields: object) -> SimpleNamespace:
    """Return a goal as rclpy makes it: float fields went through float32."""
    numbers = {'speed': 0.0, 'top_p': 0.0, 'temperature': 0.0, 'repetition_penalty': 0.0}
    values = {'text': 'hi', 'language': '', 'voice': '', 'seed': -1, 'top_k': 0, **numbers}
    values |= fields
    return SimpleNamespace(
        **{k: float(np.float32(v)) if k in numbers else v for k, v in values.items()}
    )


def test_text_takes_everything_from_the_parameters():
    request = requests.request_from_text('hi', PARAMETERS)
    assert (request.text, request.voice, request.language) == ('hi', 'anna', 'en')
    assert (request.sample_steps, request.guard_retries) == (8, 4)
    assert request.stream is False
    assert (request.speed, request.seed, request.split_method, request.pause_s) == (
        1.2,
        7,
        'cut1',
        0.5,
    )
    assert request.sampling == SamplingParameters(top_k=5)


def test_goal_without_settings_is_the_same_as_a_text():
    assert requests.request_from_goal(goal(), PARAMETERS) == requests.request_from_text(
        'hi', PARAMETERS
    )


def test_settings_of_a_goal_win_and_keep_their_decimals():
    request = requests.request_from_goal(
        goal(
            voice='bob',
            language='zh',
            speed=1.35,
            seed=0,
            top_k=9,
            top_p=0.9,
            temperature=0.7,
            repetition_penalty=1.1,
        ),
        PARAMETERS,
    )
    assert (request.voice, request.language, request.speed, request.seed) == (
        'bob',
        'zh',
        1.35,
        0,
    )
    assert request.sampling == SamplingParameters(9, 0.9, 0.7, 1.1)


def test_seed_minus_one_everywhere_means_a_new_one_each_time():
    parameters = PARAMETERS.changed({'speech.seed': -1})
    assert requests.request_from_goal(goal(), parameters).seed is None


@pytest.mark.parametrize(
    'fields, error',
    [
        ({'text': ''}, TextInvalidError),
        ({'text': '\t\n'}, TextInvalidError),
        ({'text': 'caf\ufffd'}, TextInvalidError),
        ({'text': 'a\ud800'}, TextInvalidError),
        ({'text': 'x' * 2001}, TextTooLongError),
        ({'language': 'xx'}, LanguageUnsupportedError),
        ({'speed': 0.4}, ParameterInvalidError),
        ({'speed': float('inf')}, ParameterInvalidError),
        ({'speed': float('nan')}, ParameterInvalidError),
        ({'seed': -2}, ParameterInvalidError),
        ({'top_k': -1}, ParameterInvalidError),
        ({'top_p': 1.01}, ParameterInvalidError),
        ({'temperature': 2.1}, ParameterInvalidError),
        ({'repetition_penalty': 3.1}, ParameterInvalidError),
    ],
)
def test_bad_goal_gets_its_error_without_the_text_in_it(fields, error):
    request = requests.request_from_goal(goal(**{'text': 'private', **fields}), PARAMETERS)
    with pytest.raises(error) as caught:
        requests.check_request(request, 2000)
    assert 'private' not in str(caught.value)


def test_longest_text_is_accepted():
    requests.check_request(requests.request_from_text('x' * 2000, PARAMETERS), 2000)


def test_voice_is_found_by_name_or_is_the_default_one():
    assert requests.find_voice('bob', VOICES).name == 'bob'
    assert requests.find_voice('', VOICES).name == 'anna'
    with pytest.raises(VoiceNotFoundError, match='anna, bob'):
        requests.find_voice('carl', VOICES)
    with pytest.raises(VoiceNotFoundError, match='none'):
        requests.find_voice('', ())


@pytest.mark.parametrize('state', ['ready', 'starting', 'restarting'])
def test_engine_that_will_be_ready_is_waited_for(state):
    requests.check_engine(state, '')


@pytest.mark.parametrize('state', ['failed', 'stopped'])
def test_engine_that_will_not_speak_is_told_with_its_reason(state):
    with pytest.raises(EngineUnavailableError, match='no torch'):
        requests.check_engine(state, 'no torch')


def asks(priority: int = 0, policy: int = 0) -> SimpleNamespace:
    """Return what a request asks of the queue."""
    return SimpleNamespace(priority=priority, policy=policy)


def test_message_takes_from_the_parameters_what_it_does_not_say():
    message = goal(speed=1.5, seed=3)
    request = requests.request_from_say(message, PARAMETERS)
    assert (request.speed, request.seed, request.voice) == (1.5, 3, 'anna')
    assert request.sampling == SamplingParameters(top_k=5)
    stream = SimpleNamespace(language='zh', voice='')
    request = requests.request_from_stream(stream, PARAMETERS)
    assert (request.text, request.language, request.voice, request.speed) == (
        '',
        'zh',
        'anna',
        1.2,
    )


def test_order_comes_from_the_request_or_from_the_parameters():
    assert requests.order_from(None, PARAMETERS, 5.0) == Order(Priority.TASK, Policy.QUEUE, None)
    assert requests.order_from(asks(3, 4), PARAMETERS, 5.0, 1.5) == Order(
        Priority.SAFETY, Policy.INTERRUPT_AT_CLAUSE, 6.5
    )
    own = PARAMETERS.changed(
        {'say.priority': 'chat', 'say.policy': 'replace', 'say.deadline_s': 2.0}
    )
    assert requests.order_from(asks(), own, 5.0) == Order(Priority.CHAT, Policy.REPLACE, 7.0)
    assert requests.order_from(None, own, 5.0) == requests.order_from(asks(), own, 5.0)


def test_one_that_is_dropped_if_late_always_has_a_deadline():
    own = PARAMETERS.changed({'queue.late_s': 0.5})
    late = asks(policy=Policy.DROP_IF_LATE)
    assert requests.order_from(late, own, 5.0).deadline == 5.5
    assert requests.order_from(late, own, 5.0, 3.0).deadline == 8.0


@pytest.mark.parametrize(
    ('asked', 'deadline_s', 'words'),
    [
        (asks(priority=4), 0.0, 'priority 4'),
        (asks(policy=6), 0.0, 'policy 6'),
        (asks(), -1.0, 'deadline'),
    ],
)
def test_order_that_makes_no_sense_is_refused(asked, deadline_s, words):
    with pytest.raises(ParameterInvalidError, match=words):
        requests.order_from(asked, PARAMETERS, 5.0, deadline_s)


@pytest.mark.parametrize('name', ['', 'nav', 'a b', '机器人', 'x' * 64])
def test_name_for_people_is_taken(name):
    assert requests.checked_name(name, 'source') == name


@pytest.mark.parametrize('name', ['x' * 65, ' a', 'a\n', '\x1b[31m', 'a\u202eb'])
def test_name_that_could_mislead_a_log_is_refused(name):
    with pytest.raises(ParameterInvalidError, match='source'):
        requests.checked_name(name, 'source')
