"""Our values as messages, in both families of audio messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from gptsovits_ros.errors import EngineCrashedError
from gptsovits_ros.types import SpeechRequest, VoiceInfo

pytestmark = pytest.mark.ros

SAMPLES = np.array([0, 1, -1, 32767, -32768], np.int16)


@dataclass
class TypedInfo:
    """AudioInfo of mgonzs13."""

    format: int = 0
    channels: int = 0
    rate: int = 0
    chunk: int = 0


@dataclass
class TypedData:
    """AudioData of mgonzs13."""

    float32_data: list = field(default_factory=list)
    int32_data: list = field(default_factory=list)
    int16_data: list = field(default_factory=list)
    int8_data: list = field(default_factory=list)
    uint8_data: list = field(default_factory=list)


@dataclass
class TypedAudio:
    """Audio of mgonzs13."""

    audio_data: TypedData = field(default_factory=TypedData)
    info: TypedInfo = field(default_factory=TypedInfo)


@dataclass
class TypedStamped:
    """AudioStamped of mgonzs13."""

    header: SimpleNamespace = field(default_factory=SimpleNamespace)
    audio: TypedAudio = field(default_factory=TypedAudio)


TYPED = SimpleNamespace(AudioStamped=TypedStamped, AudioInfo=TypedInfo)


@pytest.fixture(scope='module')
def conversions():
    """Return the module, which needs ROS."""
    from gptsovits_ros.ros import conversions

    return conversions


@pytest.fixture
def raw(conversions):
    """Return the messages of ros-drivers."""
    msg = pytest.importorskip('audio_common_msgs.msg')
    return conversions.RawAudioMessages(msg)


def test_family_is_chosen_by_what_the_package_holds(conversions):
    assert isinstance(conversions.audio_messages(TYPED), conversions.TypedAudioMessages)
    drivers = SimpleNamespace(AudioData=1, AudioDataStamped=2, AudioInfo=3)
    assert isinstance(conversions.audio_messages(drivers), conversions.RawAudioMessages)


def test_raw_audio_is_little_endian_bytes(raw):
    from builtin_interfaces.msg import Time

    message = raw.audio(SAMPLES, 32000, Time(), '')
    assert bytes(message.data) == b'\x00\x00\x01\x00\xff\xff\xff\x7f\x00\x80'


def test_raw_audio_has_a_stamped_twin(raw):
    from builtin_interfaces.msg import Time

    message = raw.audio(SAMPLES, 32000, Time(), 'speaker')
    stamped = raw.stamped(message, Time(sec=3), 'speaker')
    assert (stamped.header.stamp.sec, stamped.header.frame_id) == (3, 'speaker')
    assert stamped.audio == message


def test_raw_info_describes_the_bytes(raw):
    info = raw.info(32000, 3200)
    assert (info.channels, info.sample_rate, info.sample_format) == (1, 32000, 'S16LE')
    assert (info.bitrate, info.coding_format) == (512000, 'wave')


def test_typed_audio_carries_samples_format_and_time(conversions):
    typed = conversions.TypedAudioMessages(TYPED)
    message = typed.audio(SAMPLES, 32000, 'stamp', 'speaker')
    assert (message.header.stamp, message.header.frame_id) == ('stamp', 'speaker')
    assert list(message.audio.audio_data.int16_data) == SAMPLES.tolist()
    assert message.audio.audio_data.float32_data == []
    # paInt16 of PortAudio; the player drops messages that are shorter than `chunk`.
    assert message.audio.info == TypedInfo(format=8, channels=1, rate=32000, chunk=5)
    assert typed.info(32000, 3200) == TypedInfo(format=8, channels=1, rate=32000, chunk=3200)


@pytest.mark.parametrize(
    'seconds, sec, nanosec', [(0.0, 0, 0), (1.5, 1, 500_000_000), (0.9999999999, 1, 0)]
)
def test_length_of_time_keeps_its_nanoseconds(conversions, seconds, sec, nanosec):
    message = conversions.duration_message(seconds)
    assert (message.sec, message.nanosec) == (sec, nanosec)


def test_voice_keeps_all_its_fields(conversions):
    msg = pytest.importorskip('gptsovits_ros.msg')
    voice = VoiceInfo('anna', 'calm', ('zh', 'en'), 'v2', 32000, is_default=True)
    message = conversions.voice_message(voice, msg.Voice)
    assert (message.name, message.description, list(message.languages)) == (
        'anna',
        'calm',
        ['zh', 'en'],
    )
    assert (message.model_version, message.sample_rate, message.is_default) == ('v2', 32000, True)


def test_state_numbers_are_those_of_the_message():
    msg = pytest.importorskip('gptsovits_ros.msg')
    from gptsovits_ros.ros.utterance import State

    for state in State:
        assert getattr(msg.SpeechState, state.name) == state.value


def test_priorities_policies_and_reasons_have_the_numbers_of_the_messages():
    msg = pytest.importorskip('gptsovits_ros.msg')
    from gptsovits_ros.ros.order import Policy, Priority, Reason

    for value in (*Priority, *Policy):
        assert getattr(msg.SayRequest, value.name) == value.value
    for reason in Reason:
        assert getattr(msg.SpeechState, reason.name, 0) == reason.value


def test_player_report_names_the_message_that_was_heard_last(conversions):
    msg = pytest.importorskip('gptsovits_ros.msg')
    message = msg.PlayerState(playing=True, chunk_samples=320, flushes=2, played_samples=900)
    message.chunk_stamp.sec, message.chunk_stamp.nanosec = 17, 5
    report = conversions.player_report(message)
    assert (report.is_playing, report.stamp_ns, report.samples) == (True, 17_000_000_005, 320)
    assert (report.has_played, report.flushes) == (True, 2)


@pytest.mark.parametrize('seconds', [0.0, 1e-9, 0.1, 59.999999999, 3600.5])
def test_durations_survive_the_way_to_a_message_and_back(conversions, seconds):
    assert conversions.duration_s(conversions.duration_message(seconds)) == pytest.approx(seconds)


def test_state_carries_utterance_and_error(conversions):
    msg = pytest.importorskip('gptsovits_ros.msg')
    from gptsovits_ros.ros.heard import Heard
    from gptsovits_ros.ros.order import Order, Priority, Reason
    from gptsovits_ros.ros.utterance import Ending, Utterance

    order = Order(Priority.SAFETY)
    utterance = Utterance(SpeechRequest('private'), 'speak', 'abc', order)
    utterance.heard = Heard(1.5, 'so far')
    utterance.guard += ['leak:retried', 'too_long:cut', 'leak:retried']
    ending = Ending(EngineCrashedError('died'), Reason.NONE)
    message = conversions.state_message(ending.state, utterance, '', ending, msg.SpeechState)
    assert (message.priority, message.heard_text, message.heard.sec) == (3, 'so far', 1)
    assert (message.heard.nanosec, message.reason) == (500_000_000, 0)
    assert (message.state, message.utterance_id, message.source) == (8, 'abc', 'speak')
    assert (message.error_code, message.error_msg, message.synthetic) == (221, 'died', True)
    assert message.guard == '2 leak:retried, 1 too_long:cut'
