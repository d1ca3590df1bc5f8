"""speech_node and player_node (null device) together: what was heard follows what was played."""

from __future__ import annotations

import signal

import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('gptsovits_ros.msg')

PLAYER = ['-m', 'gptsovits_ros.ros.player_node']
# Far more than a player needs, so that what was sent and what was heard differ widely.
LEAD_MS = 3000


def seconds(duration) -> float:
    """Return a duration in seconds."""
    return duration.sec + duration.nanosec * 1e-9


@pytest.fixture
def robot(start_node, make_robot, eventually):
    """Return a robot with a speech node that sends far ahead, and a player."""
    from gptsovits_ros.msg import PlayerState
    from rclpy.qos import DurabilityPolicy, QoSProfile

    start_node(stream__stamped=True, stream__lead_ms=LEAD_MS, speaking__hold_ms=0)
    player = start_node(script=PLAYER, player__device='"null"')
    robot = make_robot()
    robot.player = player
    robot.wait_for_node()
    robot.played = []
    latched = QoSProfile(depth=20, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    robot.node.create_subscription(PlayerState, 'player_state', robot.played.append, latched)
    eventually(lambda: robot.played)
    for topic in ('audio_stamped', 'audio_flush'):
        eventually(lambda topic=topic: robot.node.count_subscribers(f'/{topic}') >= 1)
    eventually(lambda: robot.node.count_subscribers('/player_state') >= 2)
    robot.forget()
    return robot


def test_stop_silences_the_player_and_tells_to_the_sample_what_was_heard(robot, eventually):
    robot.request('tone 30', id='talk')
    eventually(lambda: robot.played[-1].played_samples > 16000)
    robot.stop()
    talk = eventually(lambda: robot.of('talk', 'CANCELED'))
    eventually(lambda: robot.played[-1].flushes == 1 and not robot.played[-1].playing)
    state = robot.played[-1]
    assert state.buffered_s == 0
    heard_s = seconds(talk.heard)
    # Much was sent, and never heard.
    eventually(lambda: len(robot.audio_bytes()) / 2 / 32000 > heard_s + 1)
    assert heard_s == pytest.approx(state.played_samples / 32000, abs=0.01)
    assert talk.heard_text.startswith('tone 0 tone 1')


def test_is_speaking_is_what_the_player_plays(robot, eventually):
    # Until a player has reported to the node, is_speaking follows what was sent.
    robot.say('tone 1')
    eventually(lambda: robot.played[-1].played_samples == 6400 and not robot.played[-1].playing)
    eventually(lambda: robot.heard.speaking and robot.heard.speaking[-1][1] is False)
    robot.forget()
    robot.say('tone 3')
    eventually(lambda: robot.played[-1].played_samples == 4 * 6400)
    eventually(lambda: robot.heard.speaking and robot.heard.speaking[-1][1] is False)
    (began, _), (ended, _) = robot.heard.speaking
    assert 0.5 < ended - began < 1.2
    assert robot.played[-1].played_samples == 4 * 6400


def test_player_that_dies_leaves_no_one_speaking_and_the_node_goes_on(robot, eventually):
    robot.request('tone 30', id='talk')
    eventually(lambda: robot.played[-1].played_samples > 6400)
    robot.player.signal(signal.SIGKILL)
    robot.player.wait()
    robot.stop()
    eventually(lambda: robot.of('talk', 'CANCELED'))
    eventually(lambda: robot.heard.speaking[-1][1] is False)
    # Without a player it counts as heard what is due.
    robot.forget()
    robot.request('tone 10', id='next')
    eventually(lambda: robot.of('next', 'FINISHED'))
    assert seconds(robot.of('next').heard) == pytest.approx(2.0)
    eventually(lambda: [value for _, value in robot.heard.speaking] == [True, False])
