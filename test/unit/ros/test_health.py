"""What is told of how speaking goes, without ROS."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from gptsovits_ros.engine.client import EngineStatus
from gptsovits_ros.errors import CanceledError, EngineCrashedError, QueueFullError
from gptsovits_ros.ros.health import ERROR, OK, WARN, Health, resident_bytes
from gptsovits_ros.ros.utterance import State


def spoken(*guard, seconds=2.0):
    """Return what is looked at of an utterance that has ended."""
    return SimpleNamespace(published_s=seconds, first_audio_s=0.25, guard=guard, text='secret')


def player(**fields):
    """Return the report of a player."""
    values = {
        'playing': True, 'buffered_s': 0.1, 'latency_s': 0.02, 'underruns': 0,
        'device_underruns': 0, 'dropped_samples': 0, 'muted': False, 'device': 'hw:0',
        'error_code': 0, 'error_msg': '',
    }  # fmt: skip
    return SimpleNamespace(**values | fields)


def part(health, name, queue_length=0):
    """Return the report of one part."""
    return next(report for report in health.report(queue_length) if report.name == name)


@pytest.mark.parametrize(
    'state, level',
    [
        ('ready', OK),
        ('starting', WARN),
        ('restarting', WARN),
        ('failed', ERROR),
        ('stopped', ERROR),
    ],
)
def test_the_level_of_the_engine_is_that_of_its_state(state, level):
    health = Health()
    assert part(health, 'engine').level == WARN  # nobody knows yet
    health.on_engine(EngineStatus(state, os.getpid(), 2, 'why', device='cpu', load_s=1.25))
    report = part(health, 'engine')
    assert (report.level, report.message, report.hardware) == (level, f'{state}: why', 'cpu')
    assert report.values['restarts'] == '2'
    assert float(report.values['memory [MiB]']) > 1


def test_an_engine_without_a_process_has_no_memory():
    health = Health()
    health.on_engine(EngineStatus('restarting'))
    assert 'memory [MiB]' not in part(health, 'engine').values
    assert resident_bytes(2**22 + 1) == 0  # above the highest number of a process


def test_ends_are_counted_and_the_last_one_is_told():
    health = Health()
    health.on_end(spoken(), State.FINISHED, None, 0.5)
    health.on_end(spoken(), State.CANCELED, CanceledError('stopped'), 0.5)
    report = part(health, 'speech', queue_length=3)
    assert report.level == OK  # to be stopped is no fault
    assert (report.values['finished'], report.values['canceled']) == ('1', '1')
    assert report.values['queue length'] == '3'
    assert report.values['real-time factor'] == '0.500'
    assert report.values['last: audio [s]'] == '2.00'


def test_a_failure_is_a_warning_until_something_else_happens():
    health = Health()
    health.on_end(spoken(), State.FAILED, EngineCrashedError('SIGKILL'), 0.5)
    report = part(health, 'speech')
    assert report.level == WARN and 'SIGKILL' in report.message
    assert report.values['last: error'] == 'ENGINE_CRASHED (221)'
    health.on_end(spoken(seconds=0.0), State.REFUSED, QueueFullError('full'), None)
    assert 'refused' in part(health, 'speech').message
    health.on_end(spoken(), State.FINISHED, None, 0.5)
    assert part(health, 'speech').level == OK
    assert part(health, 'speech').values['failed'] == '1'


def test_speech_that_was_wrong_and_spoken_all_the_same_is_a_warning():
    health = Health()
    health.on_end(spoken('leak:retried'), State.FINISHED, None, 0.5)
    assert part(health, 'guard').level == OK
    health.on_end(spoken('leak:retried', 'too_long:cut'), State.FINISHED, None, 0.5)
    report = part(health, 'guard')
    assert report.level == WARN and report.message.endswith(': too_long:cut')
    assert report.values == {
        'leak:retried': '2', 'too_long:cut': '1', 'last': 'leak:retried, too_long:cut'
    }  # fmt: skip


def test_nothing_that_is_said_is_told():
    health = Health()
    health.on_end(spoken('loop:kept'), State.FINISHED, None, 0.5)
    assert 'secret' not in repr(health.report(0))


def test_a_player_is_told_while_there_is_one_and_old_gaps_do_not_count():
    health = Health()
    assert [report.name for report in health.report(0)] == ['engine', 'speech', 'guard']
    health.on_player(player(underruns=7))
    assert part(health, 'player').level == OK
    health.on_player(player(underruns=7, device_underruns=1))
    assert part(health, 'player').level == WARN
    health.on_player(player(underruns=7, device_underruns=1))
    assert part(health, 'player').level == OK
    health.on_player(player(error_code=1, error_msg='no device', device=''))
    report = part(health, 'player')
    assert (report.level, report.message, report.hardware) == (ERROR, 'no device', 'none')
    health.on_player(None)
    assert len(health.report(0)) == 3
