"""Keeps an output device open, and opens it anew for another rate and after trouble."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from gptsovits_ros.errors import AudioDeviceError, GptsovitsError, InternalError
from gptsovits_ros.ros.player_core import PlayerCore
from gptsovits_ros.ros.player_devices import Device, OpenDevice

logger = logging.getLogger(__name__)

# Between attempts; the last one again and again. A USB device is back within seconds. [s]
PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

# How often it looks whether the device still plays, and whether it may be opened for another rate.
LOOK_S = 0.25

# A device that has played for so long is not one that fails at each start. [s]
STEADY_S = 10.0


class DeviceKeeper:
    """A thread that opens devices; no trouble of a device ends it."""

    def __init__(
        self,
        core: PlayerCore,
        open_device: OpenDevice,
        on_change: Callable[[], None],
        pauses_s: tuple[float, ...] = PAUSES_S,
    ) -> None:
        """Create it; start() opens the first device.

        Args:
            core: plays on the device; it is told of each device.
            open_device: opens one.
            on_change: called by its thread when a device was opened, was lost or did not open.
            pauses_s: how long to wait after the first, second, ... failure in a row.

        """
        self._core = core
        self._open_device = open_device
        self._on_change = on_change
        self._pauses_s = pauses_s
        self._device: Device | None = None
        self._error: GptsovitsError | None = None
        self._wanted: int | None = None
        self._opened_for: int | None = None
        self._opened_at = 0.0
        self._failures = 0  # in a row
        self._is_held = False  # the device is to be opened anew, and audio waits for that
        self._lost_underruns = 0  # of devices that are closed
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name='device keeper', daemon=True)

    @property
    def device(self) -> Device | None:
        """The open device; None: there is none."""
        return self._device

    @property
    def error(self) -> GptsovitsError | None:
        """Why there is no device; None: there is one, or it was not tried yet."""
        return self._error

    @property
    def underruns(self) -> int:
        """How often devices got their samples too late."""
        device = self._device
        return self._lost_underruns + (device.underruns if device else 0)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Close the device and end the thread."""
        self._closing.set()
        self._wake.set()
        self._thread.join(5)

    def want(self, sample_rate: int) -> None:
        """Open the device for audio of this rate [Hz] as soon as that interrupts nothing."""
        self._wanted = sample_rate
        # At once, so that audio which follows waits for the new device.
        self._hold_for_another_rate()
        self._wake.set()

    def _run(self) -> None:
        while not self._closing.is_set():
            if self._device is not None:
                self._wake.wait(LOOK_S)
                self._wake.clear()
                self._look(self._device)
            elif not self._closing.wait(self._pause_s()):
                self._open()
        self._close()

    def _pause_s(self) -> float:
        """Return how long to wait before the next attempt to open a device."""
        if not self._failures:
            return 0.0
        return self._pauses_s[min(self._failures, len(self._pauses_s)) - 1]

    def _hold_for_another_rate(self) -> None:
        """Let audio wait if the device is to be opened for another rate, and nothing is played."""
        device = self._device
        if device is None or self._wanted in (None, self._opened_for, device.sample_rate):
            return
        if self._core.hold():
            self._is_held = True

    def _open(self) -> None:
        wanted = self._wanted
        begun = time.monotonic()
        try:
            device = self._open_device(wanted, self._core, self._wake.set)
        except GptsovitsError as error:
            self._fail(error)
            return
        except Exception as error:  # the edge of the thread: no device must end it
            logger.exception('opening the output device')
            self._fail(InternalError(f'{type(error).__name__}: {error}; please report this'))
            return
        self._opened_at = time.monotonic()
        self._is_held = False
        try:
            self._core.open(device.sample_rate)
        except GptsovitsError as error:
            logger.error('%s: %s', error.name, error)
        self._device, self._opened_for, self._error = device, wanted, None
        logger.info(
            'plays on %s at %d Hz, latency %.0f ms, opened in %.0f ms',
            device.name,
            device.sample_rate,
            device.latency_s * 1e3,
            (self._opened_at - begun) * 1e3,
        )
        self._on_change()

    def _look(self, device: Device) -> None:
        """Close a device that has failed, or that is to be opened for another rate."""
        if time.monotonic() - self._opened_at > STEADY_S:
            self._failures = 0
        problem = device.problem()
        if problem:
            self._close()
            self._fail(AudioDeviceError(f'{problem} It is tried again.'))
            return
        self._hold_for_another_rate()
        if self._is_held:
            self._close()

    def _close(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            self._lost_underruns += device.underruns
            device.close()

    def _fail(self, error: GptsovitsError) -> None:
        # The same again is no news.
        log = logger.debug if str(error) == str(self._error) else logger.error
        log('%s: %s', error.name, error)
        self._error = error
        self._failures += 1
        self._core.refuse()
        self._on_change()
