"""Output devices: the one that plays in silence, and sound cards by a sounddevice that is not."""

from __future__ import annotations

import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from gptsovits_ros.errors import AudioDeviceError, DependencyMissingError
from gptsovits_ros.ros import player_portaudio
from gptsovits_ros.ros.player_devices import BLOCK_S, NullDevice
from gptsovits_ros.ros.player_portaudio import PortAudio, find_device, import_sounddevice

RATE = 32000
CARDS = (
    {'name': 'Microphone', 'max_output_channels': 0},
    {'name': 'HDA Intel: Analog (hw:0,0)', 'max_output_channels': 2},
    {'name': 'USB Speaker: Audio (hw:1,0)', 'max_output_channels': 2},
    {'name': 'USB Horn: Audio (hw:2,0)', 'max_output_channels': 1},
)


class Source:
    """Gives ones, and notes when they are heard."""

    def __init__(self) -> None:
        self.has_audio = threading.Event()
        self.blocks: list[tuple[float, float, int]] = []
        self.error: Exception | None = None

    def render(self, frames: int, heard_at: float) -> np.ndarray:
        if self.error:
            raise self.error
        self.blocks.append((time.monotonic(), heard_at, frames))
        return np.ones(frames, np.int16)

    def wait_for_audio(self, timeout_s: float) -> bool:
        return self.has_audio.wait(timeout_s)


class PortAudioError(Exception):
    """As in sounddevice."""


class CallbackAbort(Exception):
    """As in sounddevice."""


class FakeStream:
    """As sounddevice.OutputStream; the test asks for samples where PortAudio's thread would."""

    def __init__(self, library, **settings) -> None:
        library.problem()
        self.settings = settings
        self.latency = 0.02
        self.active = False
        self.calls: list[str] = []
        library.streams.append(self)

    def start(self) -> None:
        self.active = True

    def abort(self) -> None:
        self.calls.append('abort')
        self.active = False

    def close(self) -> None:
        self.calls.append('close')

    def ask(self, frames: int, lead_s: float = 0.01, underflow: bool = False) -> np.ndarray:
        output = np.zeros((frames, self.settings['channels']), np.int16)
        times = SimpleNamespace(currentTime=50.0, outputBufferDacTime=50.0 + lead_s)
        status = SimpleNamespace(output_underflow=underflow)
        self.settings['callback'](output, frames, times, status)
        return output


class FakeLibrary:
    """As the module sounddevice, on a machine with these cards."""

    PortAudioError = PortAudioError
    CallbackAbort = CallbackAbort

    def __init__(self, cards=CARDS, default='HDA Intel: Analog (hw:0,0)') -> None:
        defaults = {'hostapi': 0, 'default_samplerate': 48000.0}
        self.cards = [{**defaults, **card} for card in cards]
        self.default = default
        self.accepts = lambda rate, channels: True
        self.busy = False
        self.streams: list[FakeStream] = []
        self.restarts = 0

    def query_devices(self, device=None, kind=None):
        if kind is None:
            return self.cards
        for card in self.cards:
            if card['name'] == self.default:
                return card
        raise PortAudioError('Error querying device -1')

    def check_output_settings(self, device, channels, dtype, samplerate) -> None:
        assert dtype == 'int16'
        if not self.accepts(samplerate, channels):
            raise PortAudioError('Invalid sample rate [PaErrorCode -9997]')

    def problem(self) -> None:
        if self.busy:
            raise PortAudioError('Device unavailable [PaErrorCode -9985]')

    def OutputStream(self, **settings) -> FakeStream:  # noqa: N802
        return FakeStream(self, **settings)

    def _terminate(self) -> None:
        self.restarts += 1

    def _initialize(self) -> None:
        assert self.restarts


def open_device(library: FakeLibrary, name: str = '', rate: int | None = RATE, latency_s=0.03):
    """Open a device; return it, its source and what has been said of failures."""
    source, failures = Source(), []
    opener = PortAudio(name, latency_s, lambda: library)
    return opener.open(rate, source, lambda: failures.append(1)), source, failures


# The null device.


def test_null_device_takes_samples_in_real_time_while_there_is_audio():
    source = Source()
    device = NullDevice(RATE, source, lambda: None)
    try:
        time.sleep(0.02)
        assert source.blocks == []
        source.has_audio.set()
        deadline = time.monotonic() + 10
        while len(source.blocks) < 60:
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        device.close()
    taken, heard, frames = zip(*source.blocks[:60], strict=True)
    assert set(frames) == {round(RATE * BLOCK_S)}
    # Each block is heard where the one before ends, and taken no earlier than it is heard; a busy
    # machine may make it late, and very late: then it begins anew.
    steps = np.diff(heard)
    assert (steps > BLOCK_S - 1e-6).all()
    assert np.median(steps) == pytest.approx(BLOCK_S, abs=1e-6)
    assert all(now >= due - 1e-3 for now, due in zip(taken, heard, strict=True))
    assert device.problem() == ''


def test_null_device_begins_when_the_audio_comes():
    source = Source()
    device = NullDevice(RATE, source, lambda: None)
    try:
        for _ in range(3):
            time.sleep(0.03)  # less than it waits at once
            begun = time.monotonic()
            source.blocks.clear()
            source.has_audio.set()
            while not source.blocks:
                assert time.monotonic() < begun + 10
                time.sleep(0.001)
            source.has_audio.clear()
            assert source.blocks[0][1] >= begun
    finally:
        device.close()


def test_null_device_has_a_rate_before_one_is_known():
    device = NullDevice(None, Source(), lambda: None)
    device.close()
    assert (device.name, device.sample_rate, device.latency_s) == ('null', 48000, 0.0)


def test_null_device_tells_of_a_defect_of_its_source():
    source, failed = Source(), threading.Event()
    source.error = ZeroDivisionError('oh')
    source.has_audio.set()
    device = NullDevice(RATE, source, failed.set)
    assert failed.wait(10)
    assert device.problem() == 'ZeroDivisionError: oh'
    device.close()


# Sound cards.


def test_default_device_is_opened_for_the_rate_of_the_audio():
    library = FakeLibrary()
    device, _, _ = open_device(library)
    settings = library.streams[0].settings
    assert (settings['device'], settings['samplerate'], settings['channels']) == (1, RATE, 1)
    assert (settings['dtype'], settings['latency']) == ('int16', 0.03)
    assert (device.name, device.sample_rate) == ('HDA Intel: Analog (hw:0,0)', RATE)
    assert device.latency_s == 0.02
    assert device.problem() == ''


@pytest.mark.parametrize(
    'name, index', [('usb speaker', 2), ('Horn', 3), ('hda intel: analog (HW:0,0)', 1)]
)
def test_device_is_found_by_a_part_of_its_name(name, index):
    assert find_device(FakeLibrary(), name)[0] == index


def test_whole_name_wins_over_a_part():
    cards = [{'name': 'default mix', 'max_output_channels': 2}, {**CARDS[1], 'name': 'default'}]
    assert find_device(FakeLibrary(cards), 'Default')[0] == 1


@pytest.mark.parametrize(
    'library, name, words',
    [
        (FakeLibrary(), 'radio', "no output device 'radio'.*HDA Intel.*USB Speaker.*USB Horn"),
        (FakeLibrary(), 'microphone', "no output device 'microphone'"),
        (FakeLibrary(), 'usb', "several.*'usb'.*USB Speaker.*USB Horn"),
        (FakeLibrary(CARDS[:1]), '', 'there is no output device.*null'),
        (FakeLibrary(default=None), '', 'no default output device.*HDA Intel'),
    ],
)
def test_device_that_is_not_found_is_told_with_those_that_are_there(library, name, words):
    with pytest.raises(AudioDeviceError, match=words):
        open_device(library, name)


def test_card_that_refuses_the_rate_is_opened_with_its_own():
    library = FakeLibrary()
    library.accepts = lambda rate, channels: rate == 48000
    assert open_device(library)[0].sample_rate == 48000


def test_card_that_refuses_one_channel_gets_the_same_on_two():
    library = FakeLibrary()
    library.accepts = lambda rate, channels: channels == 2
    device, _, _ = open_device(library)
    assert library.streams[0].ask(4).tolist() == [[1, 1]] * 4
    assert device.sample_rate == RATE


def test_card_that_takes_nothing_is_told_with_what_was_tried():
    library = FakeLibrary()
    library.accepts = lambda rate, channels: False
    with pytest.raises(AudioDeviceError, match='32000, 48000 Hz.*Invalid sample rate'):
        open_device(library)


def test_busy_card_is_told():
    library = FakeLibrary()
    library.busy = True
    with pytest.raises(AudioDeviceError, match='cannot play on horn: Device unavailable'):
        open_device(library, 'horn')


def test_without_a_rate_the_card_chooses():
    assert open_device(FakeLibrary(), rate=None)[0].sample_rate == 48000


def test_lowest_latency_is_asked_for_by_name():
    library = FakeLibrary()
    open_device(library, latency_s=0.0)
    assert library.streams[0].settings['latency'] == 'low'


@pytest.mark.parametrize('told_s, expected_s', [(0.012, 0.012), (0.0, 0.02), (-3.0, 0.02)])
def test_samples_are_heard_when_the_driver_says_or_else_after_the_latency(told_s, expected_s):
    library = FakeLibrary()
    _, source, _ = open_device(library)
    library.streams[0].ask(160, lead_s=told_s)
    ((now, heard_at, frames),) = source.blocks
    assert frames == 160
    assert heard_at - now == pytest.approx(expected_s, abs=0.005)


def test_late_service_is_counted():
    library = FakeLibrary()
    device, _, _ = open_device(library)
    for underflow in (False, True, True):
        library.streams[0].ask(10, underflow=underflow)
    assert device.underruns == 2


def test_unplugged_card_is_told():
    library = FakeLibrary()
    device, _, failures = open_device(library)
    stream = library.streams[0]
    stream.settings['finished_callback']()
    stream.active = False
    assert failures == [1]
    assert 'unplugged' in device.problem()
    device.close()
    assert stream.calls == ['abort', 'close']


def test_card_that_asks_for_nothing_any_more_is_told(monkeypatch):
    device, _, _ = open_device(FakeLibrary())
    now = time.monotonic()
    monkeypatch.setattr(player_portaudio.time, 'monotonic', lambda: now + 3)
    assert 'has hung for 3 s' in device.problem()


def test_defect_of_the_source_stops_the_stream_and_is_told():
    library = FakeLibrary()
    device, source, _ = open_device(library)
    source.error = ZeroDivisionError('oh')
    with pytest.raises(CallbackAbort):
        library.streams[0].ask(10)
    assert device.problem() == 'ZeroDivisionError: oh'


def test_card_that_is_gone_can_be_closed():
    library = FakeLibrary()
    device, _, _ = open_device(library)

    def abort() -> None:
        raise PortAudioError('gone')

    library.streams[0].abort = abort
    device.close()


def test_list_of_cards_is_read_again_at_each_attempt_but_the_first():
    library = FakeLibrary()
    opener = PortAudio('', 0.03, lambda: library)
    for restarts in (0, 1, 2):
        opener.open(RATE, Source(), lambda: None).close()
        assert library.restarts == restarts


def test_missing_package_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'sounddevice', None)
    with pytest.raises(DependencyMissingError, match='apt install python3-sounddevice'):
        PortAudio('', 0.03).open(RATE, Source(), lambda: None)


def test_missing_library_is_told_with_what_to_install(monkeypatch, tmp_path):
    (tmp_path / 'sounddevice.py').write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'sounddevice', raising=False)
    with pytest.raises(DependencyMissingError, match='not found.*apt install libportaudio2'):
        import_sounddevice()


def test_true_sounddevice_has_what_is_used_of_it():
    try:
        library = import_sounddevice()
    except DependencyMissingError as error:
        pytest.skip(str(error))
    import inspect

    used = {'samplerate', 'device', 'channels', 'dtype', 'latency'}
    used |= {'callback', 'finished_callback'}
    assert used <= set(inspect.signature(library.OutputStream.__init__).parameters)
    settings = set(inspect.signature(library.check_output_settings).parameters)
    assert {'device', 'channels', 'dtype', 'samplerate'} <= settings
    for name in ('start', 'abort', 'close', 'active', 'latency'):
        assert hasattr(library.OutputStream, name)
    assert issubclass(library.PortAudioError, Exception)
    assert issubclass(library.CallbackAbort, Exception)
    library._terminate()
    library._initialize()
    assert all('max_output_channels' in card for card in library.query_devices())
    assert hasattr(library.CallbackFlags(), 'output_underflow')
