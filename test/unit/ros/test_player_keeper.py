"""A device is kept open: for the rate of the audio, and after trouble."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from gptsovits_ros.errors import AudioDeviceError
from gptsovits_ros.ros.player_core import PlayerCore
from gptsovits_ros.ros.player_keeper import DeviceKeeper

PAUSES_S = (0.01, 0.02, 0.03)


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for the condition; fail after ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, 'not within 10 s'
        time.sleep(0.002)


class Card:
    """A device that the test breaks."""

    name = 'card'
    latency_s = 0.01

    def __init__(self, sample_rate: int, source, on_failure: Callable[[], None]) -> None:
        self.sample_rate = sample_rate
        self.underruns = 0
        self.source = source
        self.trouble = ''
        self.is_closed = False
        self._on_failure = on_failure

    def problem(self) -> str:
        return self.trouble

    def close(self) -> None:
        self.is_closed = True

    def fail(self, trouble: str) -> None:
        self.trouble = trouble
        self._on_failure()


class Machine:
    """Opens cards, or not."""

    def __init__(self) -> None:
        self.cards: list[Card] = []
        self.asked: list[tuple[float, int | None]] = []
        self.trouble: Exception | None = None
        self.only_rate: int | None = None
        self.changes = 0
        self.core = PlayerCore()
        self.keeper = DeviceKeeper(self.core, self.open, self._changed, PAUSES_S)

    def open(self, sample_rate, source, on_failure) -> Card:
        self.asked.append((time.monotonic(), sample_rate))
        if self.trouble is not None:
            raise self.trouble
        assert all(card.is_closed for card in self.cards)
        self.cards.append(Card(self.only_rate or sample_rate or 48000, source, on_failure))
        return self.cards[-1]

    def _changed(self) -> None:
        self.changes += 1

    def push(self, count: int = 100, rate: int = 32000) -> bool:
        return self.core.push(np.full(count, 9999, np.int16), rate, 1)

    @property
    def dropped(self) -> int:
        return self.core.report(time.monotonic()).dropped_samples


@pytest.fixture
def machine() -> Iterator[Machine]:
    machine = Machine()
    machine.keeper.start()
    yield machine
    machine.keeper.stop()


def test_device_is_opened_at_the_start_and_closed_at_the_end():
    machine = Machine()
    machine.keeper.start()
    wait_until(lambda: machine.keeper.device)
    assert machine.keeper.device is machine.cards[0]
    assert machine.cards[0].source is machine.core
    assert machine.keeper.error is None
    wait_until(lambda: machine.changes)
    machine.keeper.stop()
    assert machine.cards[0].is_closed and machine.keeper.device is None


def test_device_is_opened_anew_for_the_rate_of_the_audio_and_none_of_it_is_lost(machine):
    wait_until(lambda: machine.keeper.device)
    machine.keeper.want(32000)
    assert machine.push(100)
    wait_until(lambda: machine.keeper.device and len(machine.cards) == 2)
    assert machine.cards[1].sample_rate == 32000
    assert np.count_nonzero(machine.core.render(200, time.monotonic())) == 100
    assert machine.dropped == 0


def test_device_is_not_opened_anew_while_there_is_sound(machine):
    machine.keeper.want(32000)
    wait_until(lambda: machine.keeper.device and machine.keeper.device.sample_rate == 32000)
    count = len(machine.cards)
    machine.push(3200)
    machine.core.render(160, time.monotonic())
    machine.keeper.want(48000)
    machine.push(480, rate=48000)
    time.sleep(0.05)
    assert len(machine.cards) == count and not machine.cards[-1].is_closed
    machine.core.render(8000, time.monotonic() - 1)
    wait_until(lambda: machine.keeper.device and machine.keeper.device.sample_rate == 48000)
    assert machine.dropped == 0


def test_device_that_plays_another_rate_only_is_not_opened_again_and_again():
    machine = Machine()
    machine.only_rate = 48000
    machine.keeper.start()
    machine.keeper.want(32000)
    wait_until(lambda: machine.keeper.device)
    time.sleep(0.4)
    for _ in range(5):
        machine.keeper.want(32000)
        time.sleep(0.1)
    machine.keeper.stop()
    assert len(machine.cards) <= 2


def test_device_that_does_not_open_is_tried_again_with_growing_pauses(machine, caplog):
    machine = Machine()
    machine.trouble = AudioDeviceError('busy')
    with caplog.at_level(logging.INFO, 'gptsovits_ros'):
        machine.keeper.start()
        wait_until(lambda: len(machine.asked) >= 5)
        assert str(machine.keeper.error) == 'busy' and machine.keeper.device is None
        machine.trouble = None
        wait_until(lambda: machine.keeper.device)
    times = [when for when, _ in machine.asked]
    pauses = np.diff(times)[:4]
    assert (pauses >= np.array([0.01, 0.02, 0.03, 0.03]) - 1e-3).all()
    assert machine.keeper.error is None
    # Told once, not at each attempt.
    assert caplog.text.count('AUDIO_DEVICE: busy') == 1
    machine.keeper.stop()


def test_audio_is_dropped_while_there_is_no_device():
    machine = Machine()
    machine.trouble = AudioDeviceError('busy')
    machine.keeper.start()
    wait_until(lambda: machine.keeper.error)
    assert not machine.push(100)
    machine.trouble = None
    wait_until(lambda: machine.keeper.device)
    assert machine.push(50)
    assert machine.dropped == 100
    machine.keeper.stop()


def test_defect_in_opening_does_not_end_the_keeper():
    machine = Machine()
    machine.trouble = ZeroDivisionError('oh')
    machine.keeper.start()
    wait_until(lambda: machine.keeper.error)
    assert 'ZeroDivisionError: oh' in str(machine.keeper.error)
    machine.trouble = None
    wait_until(lambda: machine.keeper.device)
    machine.keeper.stop()


def test_device_that_fails_is_closed_told_and_opened_again(machine):
    wait_until(lambda: machine.keeper.device)
    machine.cards[0].underruns = 3
    machine.trouble = AudioDeviceError('no such device')
    machine.cards[0].fail('it was unplugged.')
    wait_until(lambda: machine.cards[0].is_closed and machine.keeper.error)
    machine.trouble = None
    wait_until(lambda: machine.keeper.device)
    machine.cards[1].underruns = 2
    assert machine.keeper.underruns == 5
    assert machine.keeper.error is None


def test_device_that_fails_at_each_start_is_not_opened_without_a_pause(machine):
    wait_until(lambda: machine.keeper.device)
    for count in range(1, 5):
        wait_until(lambda count=count: len(machine.cards) == count and machine.keeper.device)
        machine.cards[-1].fail('again')
    wait_until(lambda: len(machine.cards) == 5)
    pauses = np.diff([when for when, _ in machine.asked])
    assert (pauses >= np.array([0.01, 0.02, 0.03, 0.03]) - 1e-3).all()


def test_end_does_not_wait_for_the_next_attempt():
    machine = Machine()
    machine.trouble = AudioDeviceError('busy')
    machine.keeper = DeviceKeeper(machine.core, machine.open, lambda: None, (60.0,))
    machine.keeper.start()
    wait_until(lambda: machine.keeper.error)
    begun = time.monotonic()
    machine.keeper.stop()
    assert time.monotonic() - begun < 4
