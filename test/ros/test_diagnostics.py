"""What `/diagnostics` tells, with real processes."""

from __future__ import annotations

import os
import signal
import time

import pytest

pytestmark = pytest.mark.ros

LEVELS = {b'\x00': 'OK', b'\x01': 'WARN', b'\x02': 'ERROR'}


class Diagnostics:
    """What was heard on `/diagnostics`, with the time of arrival."""

    def __init__(self, node) -> None:
        from diagnostic_msgs.msg import DiagnosticArray

        self.heard: list = []
        node.create_subscription(
            DiagnosticArray,
            '/diagnostics',
            lambda message: self.heard.append((time.monotonic(), message)),
            10,
        )

    def part(self, name: str):
        """Return level, message and values of a part as told last; None: nothing yet."""
        for _, array in reversed(self.heard):
            for status in array.status:
                if status.name.endswith(f'speech_node: {name}'):
                    values = {pair.key: pair.value for pair in status.values}
                    return LEVELS[status.level], status.message, values
        return None

    def level(self, name: str) -> str:
        """Return the level of a part, empty before it was told."""
        part = self.part(name)
        return part[0] if part else ''

    def value(self, name: str, key: str) -> str:
        """Return a value of a part, empty before it was told."""
        part = self.part(name)
        return part[2].get(key, '') if part else ''


@pytest.fixture
def told(make_robot, start_node, eventually):
    """Return a node process, a robot, and what the robot hears of diagnostics."""
    node, robot = start_node(), make_robot()
    diagnostics = Diagnostics(robot.node)
    robot.wait_for_node()
    eventually(lambda: diagnostics.level('engine') == 'OK')
    return node, robot, diagnostics


def test_diagnostics_come_every_second_and_tell_of_the_engine(told, eventually):
    node, _, diagnostics = told
    _, message, values = diagnostics.part('engine')
    assert message == 'ready'
    assert values['process'] == str(node.engine_pid())
    assert values['voices'] == 'anna, bob' or values['voices'] == 'bob, anna'
    assert float(values['memory [MiB]']) > 10
    assert diagnostics.level('player') == ''  # there is none
    count = len(diagnostics.heard)
    eventually(lambda: len(diagnostics.heard) >= count + 3)
    gaps = [
        b - a for (a, _), (b, _) in zip(diagnostics.heard, diagnostics.heard[1:], strict=False)
    ]
    assert min(gaps[-2:]) > 0.5 and max(gaps[-2:]) < 2


def test_an_utterance_is_counted_with_its_times(told, eventually):
    _, robot, diagnostics = told
    robot.result(robot.speak('tone 3'))
    eventually(lambda: diagnostics.value('speech', 'finished') == '1')
    _, _, values = diagnostics.part('speech')
    assert values['queue length'] == '0'
    assert float(values['last: audio [s]']) == pytest.approx(0.6)
    assert 0 < float(values['real-time factor']) < 5
    assert 0 < float(values['last: first audio after [s]']) < 5
    assert diagnostics.level('speech') == 'OK'


def test_what_the_guard_did_is_counted_since_the_start(told, eventually):
    _, robot, diagnostics = told
    robot.result(robot.speak('leaky 2'))
    robot.result(robot.speak('leaky 1'))
    eventually(lambda: diagnostics.value('guard', 'leak:retried') == '3')
    assert diagnostics.value('guard', 'last') == 'leak:retried'
    assert diagnostics.level('guard') == 'OK'  # another seed was right
    robot.result(robot.speak('tone 1'))
    eventually(lambda: diagnostics.value('speech', 'finished') == '3')
    assert diagnostics.value('guard', 'last') == ''


def test_a_lost_engine_and_its_restart_are_told_when_they_happen(told, eventually):
    node, robot, diagnostics = told
    handle = robot.speak('slow 50')
    robot.wait_state('SPEAKING')
    os.kill(node.engine_pid(), signal.SIGKILL)
    robot.result(handle)
    eventually(
        lambda: any(
            status.name.endswith('engine') and LEVELS[status.level] == 'WARN'
            for _, array in diagnostics.heard
            for status in array.status
        )
    )
    eventually(lambda: diagnostics.value('engine', 'restarts') == '1')
    eventually(lambda: diagnostics.level('engine') == 'OK')
    level, message, values = diagnostics.part('speech')
    assert level == 'WARN' and 'SIGKILL' in message
    assert values['last: error'] == 'ENGINE_CRASHED (221)'
    assert values['failed'] == '1'
    robot.result(robot.speak('tone 1'))
    eventually(lambda: diagnostics.level('speech') == 'OK')


def test_a_player_that_reports_is_told_with_its_gaps_until_it_goes(told, eventually):
    from gptsovits_ros.msg import PlayerState
    from rclpy.qos import DurabilityPolicy, QoSProfile

    _, robot, diagnostics = told
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    publisher = robot.node.create_publisher(PlayerState, 'player_state', latched)
    publisher.publish(PlayerState(playing=True, buffered_s=0.25, underruns=4, device='hw:1'))
    eventually(lambda: diagnostics.level('player') == 'OK')
    assert diagnostics.value('player', 'buffered [s]') == '0.250'
    publisher.publish(PlayerState(playing=True, underruns=5, device='hw:1'))
    eventually(lambda: diagnostics.level('player') == 'WARN')
    assert diagnostics.value('player', 'underruns') == '5'
    publisher.publish(PlayerState(underruns=5, error_code=230, error_msg='no device'))
    eventually(lambda: diagnostics.level('player') == 'ERROR')
    robot.node.destroy_publisher(publisher)
    eventually(lambda: len(diagnostics.heard[-1][1].status) == 3)


def test_two_robots_are_told_apart_by_the_name_of_the_node(start_node, make_robot, eventually):
    for namespace in ('r1', 'r2'):
        start_node(namespace=namespace)
    diagnostics = Diagnostics(make_robot('r1').node)
    eventually(
        lambda: (
            {'r1/speech_node: engine', 'r2/speech_node: engine'}
            <= {status.name for _, array in diagnostics.heard for status in array.status}
        )
    )
