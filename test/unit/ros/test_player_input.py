"""What the player reads from messages of both families, and in which order it takes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from gptsovits_ros.errors import AudioInvalidError, DependencyMissingError

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')
audio_common = pytest.importorskip('audio_common_msgs.msg')

SAMPLES = np.array([0, 1, -1, 32767, -32768], np.int16)
RATE = 32000


@pytest.fixture(scope='module')
def player_input():
    """Return the module, which needs ROS."""
    from gptsovits_ros.ros import player_input

    return player_input


@pytest.fixture
def raw():
    """Return what speech_node makes messages with."""
    from gptsovits_ros.ros.conversions import RawAudioMessages

    return RawAudioMessages(audio_common)


def stamp(nanoseconds: int):
    """Return a stamp."""
    from builtin_interfaces.msg import Time

    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


@pytest.mark.parametrize('stamped, stamp_ns', [(True, 3_000_000_007), (False, 0)])
def test_raw_audio_is_read_as_it_was_sent(player_input, raw, stamped, stamp_ns):
    reader = player_input.audio_format(audio_common, stamped)
    message = raw.audio(SAMPLES, RATE, stamp(3_000_000_007), '')
    if stamped:
        message = raw.stamped(message, stamp(3_000_000_007), '')
    assert isinstance(message, reader.audio_type)
    audio = reader.read(message)
    assert audio.samples.tolist() == SAMPLES.tolist() and audio.samples.dtype == np.int16
    assert (audio.sample_rate, audio.stamp_ns) == (None, stamp_ns)
    assert reader.rate(raw.info(RATE, 3200)) == RATE


def test_half_a_sample_is_refused(player_input):
    reader = player_input.audio_format(audio_common, stamped=False)
    with pytest.raises(AudioInvalidError, match='3 bytes'):
        reader.read(audio_common.AudioData(data=[1, 2, 3]))


@pytest.mark.parametrize(
    'change, words',
    [
        ({'channels': 2}, '2 channels'),
        ({'sample_format': 'F32LE'}, 'F32LE'),
        ({'coding_format': 'mp3'}, 'mp3'),
        ({'sample_rate': 0}, '0 Hz'),
        ({'sample_rate': 4_000_000_000}, '4000000000 Hz'),
    ],
)
def test_format_that_cannot_be_played_is_refused(player_input, raw, change, words):
    info = raw.info(RATE, 3200)
    for name, value in change.items():
        setattr(info, name, value)
    with pytest.raises(AudioInvalidError, match=words):
        player_input.audio_format(audio_common, stamped=True).rate(info)


@dataclass
class TypedInfo:
    """AudioInfo of mgonzs13."""

    format: int = 8
    channels: int = 1
    rate: int = RATE
    chunk: int = 5


@dataclass
class TypedStamped:
    """AudioStamped of mgonzs13."""

    header: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(stamp=stamp(7_000_000_001))
    )
    audio: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            audio_data=SimpleNamespace(int16_data=SAMPLES.tolist()), info=TypedInfo()
        )
    )


TYPED = SimpleNamespace(AudioStamped=TypedStamped, AudioInfo=TypedInfo)


def test_typed_audio_tells_its_rate_and_stamp_on_the_plain_topic(player_input):
    reader = player_input.audio_format(TYPED, stamped=True)
    audio = reader.read(TypedStamped())
    assert audio.samples.tolist() == SAMPLES.tolist()
    assert (audio.sample_rate, audio.stamp_ns, reader.suffix) == (RATE, 7_000_000_001, '')


@pytest.mark.parametrize('info', [TypedInfo(format=1), TypedInfo(channels=2), TypedInfo(rate=0)])
def test_typed_audio_that_cannot_be_played_is_refused(player_input, info):
    message = TypedStamped()
    message.audio.info = info
    with pytest.raises(AudioInvalidError):
        player_input.audio_format(TYPED, stamped=True).read(message)


class Graph:
    """Stands for the node: gives messages to the callbacks of the subscriptions."""

    def __init__(self, player_input, raw) -> None:
        self.callbacks = {}
        self.played: list[tuple[list[int], int, int]] = []
        self.rates: list[int] = []
        self.problems: list[Exception] = []
        self.flushes = 0
        self.trouble: Exception | None = None
        self._raw = raw
        self.input = player_input.AudioInput(
            self, 'audio', True, self.rates.append, self._play, self._flush, self.problems.append
        )

    def create_subscription(self, kind, topic, callback, qos) -> None:
        self.callbacks[topic] = callback

    def _play(self, samples, rate, stamp_ns) -> None:
        if self.trouble:
            raise self.trouble
        self.played.append((samples.tolist(), rate, stamp_ns))

    def _flush(self) -> None:
        self.flushes += 1

    def audio(self, stamp_ns: int, sent_ns: int = 0) -> None:
        message = self._raw.audio(SAMPLES, RATE, stamp(stamp_ns), '')
        message = self._raw.stamped(message, stamp(stamp_ns), '')
        self.callbacks['audio_stamped'](message, {'source_timestamp': sent_ns})

    def info(self, rate: int = RATE, channels: int = 1) -> None:
        message = self._raw.info(rate, rate // 10)
        message.channels = channels
        self.callbacks['audio_info'](message)

    def flush(self, sent_ns: int = 0) -> None:
        self.callbacks['audio_flush'](None, {'source_timestamp': sent_ns})

    @property
    def stamps(self) -> list[int]:
        return [stamp_ns for _, _, stamp_ns in self.played]


@pytest.fixture
def graph(player_input, raw) -> Graph:
    return Graph(player_input, raw)


def test_flush_comes_before_audio_where_both_are_ready(graph):
    assert list(graph.callbacks) == ['audio_flush', 'audio_info', 'audio_stamped']


def test_audio_waits_for_its_format(graph):
    graph.audio(1)
    graph.audio(2)
    assert graph.played == [] and graph.problems == []
    graph.info()
    graph.audio(3)
    assert graph.stamps == [1, 2, 3]
    assert graph.rates == [RATE]
    assert graph.played[0] == (SAMPLES.tolist(), RATE, 1)


def test_audio_whose_format_never_comes_is_told_and_not_played_late(
    graph, player_input, monkeypatch
):
    now = 100.0
    monkeypatch.setattr(player_input.time, 'monotonic', lambda: now)
    graph.audio(1)
    now += 1.5
    graph.audio(2)
    now += 1.0
    graph.audio(3)
    assert 'audio_info' in str(graph.problems[0]).replace('<topic>', 'audio')
    now += 1.5
    graph.info()
    assert graph.stamps == [3]


def test_audio_of_a_wrong_format_is_not_played_when_a_right_one_comes(graph):
    graph.info(channels=2)
    graph.audio(1)
    graph.info()
    graph.audio(2)
    assert graph.stamps == [2]
    assert '2 channels' in str(graph.problems[0])


def test_audio_sent_before_a_flush_is_dropped_when_it_comes_after(graph):
    graph.info()
    graph.audio(1, sent_ns=10)
    graph.flush(sent_ns=20)
    graph.audio(2, sent_ns=15)
    graph.audio(3, sent_ns=21)
    assert graph.stamps == [1, 3] and graph.flushes == 1


def test_flush_drops_what_waits_for_its_format(graph):
    graph.audio(1, sent_ns=10)
    graph.flush(sent_ns=20)
    graph.info()
    assert graph.played == []


def test_flush_by_a_clock_that_is_ahead_silences_for_a_moment_only(
    graph, player_input, monkeypatch
):
    now = 100.0
    monkeypatch.setattr(player_input.time, 'monotonic', lambda: now)
    graph.info()
    graph.flush(sent_ns=10**12)
    graph.audio(1, sent_ns=10)
    now += 0.3
    graph.audio(2, sent_ns=20)
    assert graph.stamps == [2]


def test_trouble_with_playing_is_told_and_ends_nothing(graph):
    graph.trouble = DependencyMissingError('pip install soxr')
    graph.audio(1)
    graph.info()
    graph.audio(2)
    assert [str(problem) for problem in graph.problems] == ['pip install soxr'] * 2
