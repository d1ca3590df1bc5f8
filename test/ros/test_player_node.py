"""player_node as a process of its own, on the null device: what goes in and what it tells."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')
pytest.importorskip('gptsovits_ros.msg')

SCRIPT = ['-m', 'gptsovits_ros.ros.player_node']
RATE = 16000
CHUNK = RATE // 10
LEVEL = 8000


def stamp_ns(stamp: Any) -> int:
    """Return a stamp in nanoseconds."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


class Voice:
    """A node in this process that sends audio as speech_node does, and hears the player."""

    def __init__(self, namespace: str = '', stamped: bool = True, echo: bool = False) -> None:
        """Create it and spin it in a thread."""
        import audio_common_msgs.msg as audio_common
        import rclpy
        from audio_common_msgs.msg import AudioData, AudioDataStamped, AudioInfo
        from gptsovits_ros.msg import PlayerState
        from rclpy.executors import SingleThreadedExecutor
        from std_msgs.msg import Empty

        from gptsovits_ros.ros.conversions import RawAudioMessages
        from gptsovits_ros.ros.qos import AUDIO_QOS, FLUSH_QOS, LATCHED_QOS

        self.messages = RawAudioMessages(audio_common)
        self.states: list[tuple[float, Any]] = []
        self.echoes: list[Any] = []
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self.node = rclpy.create_node('voice', namespace=namespace, context=self._context)
        self.stamped = stamped
        kind, suffix = (AudioDataStamped, '_stamped') if stamped else (AudioData, '')
        self.audio = self.node.create_publisher(kind, f'audio{suffix}', AUDIO_QOS)
        self.info = self.node.create_publisher(AudioInfo, 'audio_info', LATCHED_QOS)
        self.flushes = self.node.create_publisher(Empty, 'audio_flush', FLUSH_QOS)
        self._empty = Empty
        self.node.create_subscription(
            PlayerState,
            'player_state',
            lambda m: self.states.append((time.monotonic(), m)),
            LATCHED_QOS,
        )
        if echo:
            self.node.create_subscription(
                AudioDataStamped, 'echo_reference', self.echoes.append, AUDIO_QOS
            )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._closing.is_set():
            self._executor.spin_once(timeout_sec=0.1)

    @property
    def state(self) -> Any:
        """The latest state."""
        return self.states[-1][1] if self.states else None

    def announce(self, rate: int = RATE) -> None:
        """Send the format."""
        self.info.publish(self.messages.info(rate, rate // 10))

    def send(self, samples: np.ndarray, due_ns: int) -> None:
        """Send int16 [T] samples that are due at this time."""
        from builtin_interfaces.msg import Time

        stamp = Time(sec=due_ns // 10**9, nanosec=due_ns % 10**9)
        message = self.messages.audio(samples, RATE, stamp, '')
        if self.stamped:
            message = self.messages.stamped(message, stamp, 'speaker')
        self.audio.publish(message)

    def speak(self, chunks: int, level: int = LEVEL) -> int:
        """Send so many chunks of 100 ms at once; return the stamp of the first [ns]."""
        first = time.time_ns()
        for index in range(chunks):
            self.send(np.full(CHUNK, level, np.int16), first + index * 100_000_000)
        return first

    def flush(self) -> float:
        """Send a flush; return the time."""
        self.flushes.publish(self._empty())
        return time.monotonic()

    def set_parameter(self, name: str, value: object) -> Any:
        """Set a parameter of the player."""
        from rclpy.parameter import Parameter
        from rclpy.parameter_client import AsyncParameterClient

        client = AsyncParameterClient(self.node, 'player_node')
        assert client.wait_for_services(10)
        future = client.set_parameters([Parameter(name, value=value)])
        deadline = time.monotonic() + 10
        while not future.done():
            assert time.monotonic() < deadline
            time.sleep(0.002)
        return future.result().results[0]

    def close(self) -> None:
        """End it."""
        self._closing.set()
        self._executor.wake()
        self._thread.join(5)
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()


@pytest.fixture
def start_player(start_node) -> Callable[..., Any]:
    """Return a function that starts players on the null device."""

    def start(**parameters: object) -> Any:
        return start_node(script=SCRIPT, **{'player__device': 'null', **parameters})

    return start


@pytest.fixture
def make_voice(ros_domain) -> Iterator[Callable[..., Voice]]:
    """Return a function that makes voices; they end with the test."""
    voices: list[Voice] = []

    def make(**options: Any) -> Voice:
        voices.append(Voice(**options))
        return voices[-1]

    yield make
    for voice in voices:
        voice.close()


@pytest.fixture
def voice(start_player, make_voice, eventually) -> Voice:
    """Return a voice that a player on the null device listens to."""
    start_player()
    return connect(make_voice(), eventually)


def connect(voice: Voice, eventually: Callable) -> Voice:
    """Announce the format and wait until the player is ready for it."""
    eventually(lambda: voice.audio.get_subscription_count() == 1)
    eventually(lambda: voice.flushes.get_subscription_count() == 1)
    eventually(lambda: voice.info.get_subscription_count() == 1)
    voice.announce()
    eventually(lambda: voice.state and voice.state.device == 'null')
    return voice


def test_stamps_of_what_is_heard_advance_in_real_time(voice, eventually):
    first = voice.speak(10)
    eventually(lambda: voice.state.played_samples == 10 * CHUNK)
    eventually(lambda: not voice.state.playing)
    playing = [(when, state) for when, state in voice.states if state.playing]
    assert len(playing) >= 15
    for _, state in playing:
        chunk, within = divmod(stamp_ns(state.audio_stamp) - first, 100_000_000)
        assert 0 <= chunk <= 10
        assert stamp_ns(state.chunk_stamp) in {first + i * 100_000_000 for i in range(10)}
        ahead = stamp_ns(state.audio_stamp) - stamp_ns(state.chunk_stamp)
        assert ahead == round(state.chunk_samples * 1e9 / RATE)
        assert state.sample_rate == RATE
    begin = stamp_ns(playing[0][1].audio_stamp), stamp_ns(playing[0][1].header.stamp)
    end = stamp_ns(playing[-1][1].audio_stamp), stamp_ns(playing[-1][1].header.stamp)
    assert end[0] - begin[0] == pytest.approx(end[1] - begin[1], abs=30_000_000)
    state = voice.state
    assert stamp_ns(state.audio_stamp) == 0
    assert stamp_ns(state.chunk_stamp) == first + 900_000_000
    assert state.chunk_samples == CHUNK
    assert (state.underruns, state.dropped_samples, state.buffered_s) == (0, 0, 0.0)


def test_flush_stops_the_sound_and_tells_the_last_sample(voice, eventually):
    first = voice.speak(50)
    eventually(lambda: voice.state.playing and voice.state.played_samples > CHUNK)
    sent = voice.flush()
    eventually(lambda: voice.state.flushes == 1 and not voice.state.playing)
    silent = next(when for when, s in voice.states if s.flushes == 1 and not s.playing)
    state = voice.state
    assert silent - sent < 0.5  # docs/player.md has the figures; here only: it does not play on
    assert state.played_samples + state.dropped_samples == state.received_samples == 50 * CHUNK
    assert state.played_samples < 10 * CHUNK
    heard = stamp_ns(state.chunk_stamp) - first
    assert heard // 100_000_000 * CHUNK + state.chunk_samples == state.played_samples


def test_speech_right_after_a_flush_is_heard_whole(voice, eventually):
    for round_number in range(5):
        before = voice.state.played_samples
        voice.speak(20)
        eventually(lambda before=before: voice.state.played_samples > before + CHUNK // 2)
        voice.flush()
        second = voice.speak(2)
        last = second + 100_000_000
        eventually(
            lambda last=last: (
                stamp_ns(voice.state.chunk_stamp) == last
                and voice.state.chunk_samples == CHUNK
                and not voice.state.playing
            )
        )
        assert voice.state.flushes == round_number + 1
        assert voice.state.buffered_s == 0.0


def test_gap_in_the_middle_of_sound_is_counted_once(voice, eventually):
    voice.speak(2)
    eventually(lambda: voice.state.played_samples == 2 * CHUNK and not voice.state.playing)
    voice.speak(2)
    eventually(lambda: voice.state.played_samples == 4 * CHUNK)
    assert voice.state.underruns == 1


def test_pause_between_two_texts_is_no_underrun(voice, eventually):
    for count in (1, 2):
        voice.speak(1)
        voice.speak(1, level=0)
        eventually(
            lambda count=count: (
                voice.state.played_samples == 2 * count * CHUNK and not voice.state.playing
            )
        )
    assert voice.state.underruns == 0


def test_volume_and_mute_change_while_it_plays(voice, eventually):
    assert voice.set_parameter('player.volume', 0.25).successful
    eventually(lambda: voice.state.volume == 0.25)
    assert voice.set_parameter('player.mute', True).successful
    eventually(lambda: voice.state.muted)
    refused = voice.set_parameter('player.volume', 1.5)
    assert not refused.successful and '1.5' in refused.reason
    assert not voice.set_parameter('player.device', 'other').successful
    voice.speak(2)
    eventually(lambda: voice.state.played_samples == 2 * CHUNK)


def test_echo_reference_is_what_is_heard_with_the_time(start_player, make_voice, eventually):
    start_player(player__echo_reference=True, player__volume=0.5)
    voice = connect(make_voice(echo=True), eventually)
    eventually(lambda: voice.node.count_publishers('echo_reference') == 1)
    eventually(lambda: voice.state.volume == 0.5)
    started = time.time_ns()
    voice.speak(5)
    eventually(lambda: sum(len(m.audio.data) for m in voice.echoes) >= 2 * 5 * CHUNK)
    samples = np.concatenate([np.frombuffer(m.audio.data, '<i2') for m in voice.echoes])
    assert len(samples) == 5 * CHUNK
    inner = samples[200:-200]
    assert (inner == LEVEL // 2).all()
    assert samples[0] < LEVEL // 10 and samples[-1] < LEVEL // 10
    stamps = [stamp_ns(m.header.stamp) for m in voice.echoes]
    lengths = [len(m.audio.data) // 2 for m in voice.echoes]
    assert started < stamps[0] < started + 1_000_000_000
    for begin, length, end in zip(stamps, lengths, stamps[1:], strict=False):
        assert end - begin == pytest.approx(length * 1e9 / RATE, abs=5_000_000)


def test_plain_audio_is_played_and_has_no_stamps(start_player, make_voice, eventually):
    start_player(player__stamped=False)
    voice = connect(make_voice(stamped=False), eventually)
    voice.speak(3)
    eventually(lambda: voice.state.played_samples == 3 * CHUNK)
    assert all(stamp_ns(state.chunk_stamp) == 0 for _, state in voice.states)
    assert all(stamp_ns(state.audio_stamp) == 0 for _, state in voice.states)


def test_audio_without_stamps_is_told_when_stamps_are_needed(start_player, make_voice, eventually):
    player = start_player()
    voice = make_voice(stamped=False)
    eventually(lambda: voice.state and voice.state.error_code == 242)
    assert 'stream.stamped' in voice.state.error_msg
    assert 'CONFIGURATION_INVALID' in player.log


def test_audio_that_cannot_be_played_is_told_and_the_next_is_played(voice, eventually):
    info = voice.messages.info(RATE, CHUNK)
    info.channels = 2
    voice.info.publish(info)
    eventually(lambda: voice.state.error_code == 207)
    assert '2 channels' in voice.state.error_msg
    voice.announce()
    voice.send(np.zeros(CHUNK, np.int16), 1)
    eventually(lambda: voice.state.error_code == 0 and voice.state.received_samples == CHUNK)


def test_missing_device_is_told_and_the_node_lives_on(start_node, make_voice, eventually):
    player = start_node(script=SCRIPT, player__device='no such device')
    voice = make_voice()
    eventually(lambda: voice.state and voice.state.error_code in (240, 243))
    assert voice.state.error_msg and not voice.state.device
    eventually(lambda: voice.audio.get_subscription_count() == 1)
    eventually(lambda: voice.info.get_subscription_count() == 1)
    voice.announce()
    voice.speak(1)
    # Nobody hears it, and that is told.
    eventually(lambda: voice.state.received_samples == voice.state.dropped_samples)
    assert player.process.poll() is None
    player.signal(signal.SIGTERM)
    assert player.wait() == 0


def test_end_of_the_node_is_quick_and_clean(start_player, make_voice, eventually):
    player = start_player()
    voice = connect(make_voice(), eventually)
    voice.speak(50)
    eventually(lambda: voice.state.playing)
    player.signal(signal.SIGINT)
    assert player.wait(5) == 0
    eventually(lambda: not voice.state.playing)
    assert 'Traceback' not in player.log


def test_value_that_is_not_allowed_ends_the_start(start_node):
    player = start_node(script=SCRIPT, player__volume=1.5)
    assert player.wait() == 1
    assert 'PARAMETER_INVALID' in player.log and 'player.volume' in player.log


def test_namespace_tells_players_apart(start_node, make_voice, eventually):
    start_node(script=SCRIPT, namespace='r1', player__device='null')
    start_node(script=SCRIPT, namespace='r2', player__device='null')
    one = connect(make_voice(namespace='r1'), eventually)
    two = connect(make_voice(namespace='r2'), eventually)
    one.speak(2)
    eventually(lambda: one.state.played_samples == 2 * CHUNK)
    assert two.state.received_samples == 0


def test_player_plays_what_the_speech_node_says_and_falls_silent_with_it(
    start_node, make_robot, make_voice, eventually
):
    start_node(stream__stamped=True, speech__pause_s=0.0)
    player = start_node(script=SCRIPT, player__device='null')
    robot, listener = make_robot(), make_voice()
    robot.wait_for_node()
    eventually(lambda: listener.state and 'at 32000 Hz' in player.log)  # it has the format

    def reaches_the_player() -> bool:
        robot.result(robot.speak('tone 1'))
        return listener.state.received_samples > 0

    # What is published before the two have found each other is lost, as on any topic.
    eventually(reaches_the_player)
    eventually(lambda: not listener.state.buffered_s and not listener.state.playing)
    before = listener.state.played_samples
    robot.result(robot.speak('tone 5'))
    eventually(lambda: listener.state.played_samples == before + 5 * 6400)
    eventually(lambda: not listener.state.playing)
    assert (listener.state.dropped_samples, listener.state.error_code) == (0, 0)
    robot.say('tone 100')
    eventually(lambda: listener.state.playing)
    robot.stop()
    eventually(lambda: listener.state.flushes == 1 and not listener.state.playing)
    assert listener.state.buffered_s == 0.0
