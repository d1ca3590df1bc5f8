"""Sound cards, by sounddevice and PortAudio. Both are needed only where they are used."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gptsovits_ros.errors import AudioDeviceError, DependencyMissingError
from gptsovits_ros.ros.player_devices import Source

logger = logging.getLogger(__name__)

# A device that has asked for nothing for so long hangs: some drivers do when it is unplugged. [s]
STALL_S = 2.0

# Latencies that a device tells beyond this are errors of its driver. [s]
LONGEST_LATENCY_S = 5.0

# Channels to try in this order: speech has one, and some cards take two only.
CHANNELS = (1, 2)


def import_sounddevice() -> Any:
    """Return the module sounddevice.

    Raises:
        DependencyMissingError: if it, or the library PortAudio, is not installed.

    """
    try:
        import sounddevice
    except ImportError as error:
        raise DependencyMissingError(
            'the sound card is played by the Python package sounddevice, which is not installed: '
            'apt install python3-sounddevice (Ubuntu 26.04 and later), or pip install '
            'sounddevice soxr (docs/player.md)'
        ) from error
    except OSError as error:
        raise DependencyMissingError(
            f'sounddevice needs the library PortAudio ({error}): apt install libportaudio2'
        ) from error
    return sounddevice


class PortAudio:
    """Opens one output device, chosen by name, as often as needed."""

    def __init__(
        self, name: str, latency_s: float, library: Callable[[], Any] = import_sounddevice
    ) -> None:
        """Create it; the device is looked for when it is opened.

        Args:
            name: name of the device or a part of it; empty: the default one of the system.
            latency_s: what to ask the device for; 0: its lowest.
            library: gives the module sounddevice.

        """
        self._name = name
        self._latency_s = latency_s
        self._library = library
        self._is_stale = False

    def open(
        self, sample_rate: int | None, source: Source, on_failure: Callable[[], None]
    ) -> PortAudioDevice:
        """Return the device, playing; no other may be open.

        Args:
            sample_rate: to ask for; None: the one that the device likes best.
            source: gives the samples.
            on_failure: called when the device has failed.

        Raises:
            DependencyMissingError: if sounddevice or PortAudio is not installed.
            AudioDeviceError: if there is no such device, it is busy, or takes no rate.

        """
        library = self._library()
        try:
            self._refresh(library)
            index, info = find_device(library, self._name)
            rate, channels = find_format(library, index, info, sample_rate)
            return PortAudioDevice(
                library, index, info['name'], rate, channels, self._latency_s, source, on_failure
            )
        except library.PortAudioError as error:
            shown = self._name or 'the default output device'
            raise AudioDeviceError(f'cannot play on {shown}: {error}') from error

    def _refresh(self, library: Any) -> None:
        """Look for devices again: PortAudio knows those only that were there when it started."""
        if self._is_stale:
            library._terminate()
            library._initialize()
        self._is_stale = True


def find_device(library: Any, name: str) -> tuple[int, Mapping[str, Any]]:
    """Return number and description of the output device with this name or part of a name.

    Raises:
        AudioDeviceError: if there is none, or several; it lists them.

    """
    outputs = [
        (index, info)
        for index, info in enumerate(library.query_devices())
        if info['max_output_channels'] > 0
    ]
    names = '; '.join(info['name'] for _, info in outputs) or 'none'
    if not outputs:
        raise AudioDeviceError(
            'there is no output device. Plug one in, let this user play (group audio), or set '
            'player.device to "null"'
        )
    if not name:
        try:
            default = library.query_devices(kind='output')
        except library.PortAudioError as error:
            raise AudioDeviceError(
                f'the system has no default output device; set player.device to one of: {names}'
            ) from error
        key = default['hostapi'], default['name']
        return next(pair for pair in outputs if (pair[1]['hostapi'], pair[1]['name']) == key)
    wanted = name.casefold()
    found = [pair for pair in outputs if pair[1]['name'].casefold() == wanted]
    found = found or [pair for pair in outputs if wanted in pair[1]['name'].casefold()]
    if not found:
        raise AudioDeviceError(
            f'there is no output device {name!r}; set player.device to one of: {names}'
        )
    if len(found) > 1 and len({info['name'] for _, info in found}) > 1:
        which = '; '.join(info['name'] for _, info in found)
        raise AudioDeviceError(
            f'several output devices have {name!r} in their names; set player.device to more of '
            f'one of: {which}'
        )
    return found[0]


def find_format(
    library: Any, index: int, info: Mapping[str, Any], sample_rate: int | None
) -> tuple[int, int]:
    """Return the rate [Hz] and the number of channels to open a device with.

    The rate is the one wanted where the device takes it, else the one that the device prefers.

    Raises:
        AudioDeviceError: if the device takes neither.

    """
    preferred = round(info['default_samplerate'])
    rates = [preferred] if sample_rate is None else list(dict.fromkeys([sample_rate, preferred]))
    problem: Exception | None = None
    for rate in rates:
        for channels in CHANNELS:
            if channels > info['max_output_channels']:
                continue
            try:
                library.check_output_settings(
                    device=index, channels=channels, dtype='int16', samplerate=rate
                )
            except library.PortAudioError as error:
                problem = error
            else:
                return rate, channels
    raise AudioDeviceError(
        f'the output device {info["name"]!r} is busy or plays 16-bit samples at none of '
        f'{", ".join(map(str, rates))} Hz: {problem}'
    ) from problem


class PortAudioDevice:
    """An open sound card. PortAudio's own thread asks for samples."""

    def __init__(
        self,
        library: Any,
        index: int,
        name: str,
        sample_rate: int,
        channels: int,
        latency_s: float,
        source: Source,
        on_failure: Callable[[], None],
    ) -> None:
        """Open the device and start to play; raises PortAudioError."""
        self.name = name
        self.sample_rate = sample_rate
        self.underruns = 0
        self._library = library
        self._source = source
        self._error = ''
        self._asked_at = time.monotonic()
        self._stream = library.OutputStream(
            samplerate=sample_rate,
            device=index,
            channels=channels,
            dtype='int16',
            latency=latency_s or 'low',
            callback=self._fill,
            finished_callback=on_failure,
        )
        self.latency_s = float(self._stream.latency)
        try:
            self._stream.start()
        except library.PortAudioError:
            self._stream.close()
            raise

    def problem(self) -> str:
        """Return why it does not play any more; empty: it plays."""
        if self._error:
            return self._error
        if not self._stream.active:
            return f'the output device {self.name!r} has stopped; was it unplugged?'
        silent_s = time.monotonic() - self._asked_at
        if silent_s > STALL_S:
            return f'the output device {self.name!r} has hung for {silent_s:.0f} s'
        return ''

    def close(self) -> None:
        """Stop at once and set the device free."""
        try:
            self._stream.abort()
            self._stream.close()
        except self._library.PortAudioError as error:
            # A device that is gone cannot be closed in order; there is nothing left to do.
            logger.debug('closing %s: %s', self.name, error)

    def _fill(self, output: np.ndarray, frames: int, times: Any, status: Any) -> None:
        """Fill int16 [frames, channels]; called by PortAudio's thread."""
        now = time.monotonic()
        self._asked_at = now
        if status.output_underflow:
            self.underruns += 1
        try:
            output[:] = self._source.render(frames, now + self._lead_s(times))[:, np.newaxis]
        except Exception as error:  # the edge of the thread; whoever opened it reports
            self._error = f'{type(error).__name__}: {error}'
            logger.exception('the output device %s', self.name)
            raise self._library.CallbackAbort from error

    def _lead_s(self, times: Any) -> float:
        """Return in how many seconds the first sample is heard, as far as the driver knows."""
        lead_s = times.outputBufferDacTime - times.currentTime
        return lead_s if 0.0 < lead_s < LONGEST_LATENCY_S else self.latency_s
