"""How speaking goes, in plain numbers for `/diagnostics`; it knows no ROS.

What happens is told to a Health by any thread, and report() sums it up. Nothing is kept of what
was said.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Protocol

from gptsovits_ros.errors import GptsovitsError
from gptsovits_ros.ros.utterance import State, Utterance

# As in diagnostic_msgs/DiagnosticStatus.
OK, WARN, ERROR = b'\x00', b'\x01', b'\x02'

# What the guard reports of speech that is wrong and was spoken all the same (docs/guard.md).
SPOKEN_WRONG = ('replaced', 'kept', 'cut', 'silenced')


class EngineStatus(Protocol):
    """What is told of the engine; see engine.client.EngineStatus."""

    state: str
    pid: int | None
    restarts: int
    message: str
    voices: tuple[Any, ...]
    device: str
    load_s: float


@dataclass(frozen=True)
class Report:
    """What is told of one part.

    Attributes:
        name: "engine", "speech", "guard" or "player".
        level: OK, WARN or ERROR.
        message: for people.
        values: what is counted or measured, by its name and unit.
        hardware: what it runs on; "none" if that makes no sense.

    """

    name: str
    level: bytes
    message: str
    values: dict[str, str] = field(default_factory=dict)
    hardware: str = 'none'


@dataclass(frozen=True)
class _Ended:
    """What is kept of the utterance that ended last."""

    state: State
    error: GptsovitsError | None
    audio_s: float
    first_audio_s: float | None
    real_time_factor: float | None
    guard: tuple[str, ...]


class Health:
    """Sums up what happens. Thread-safe."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = threading.Lock()
        self._engine: EngineStatus | None = None
        self._ends: Counter[State] = Counter()
        self._guard: Counter[str] = Counter()
        self._last: _Ended | None = None
        self._player: Any = None
        self._player_warns = False

    def on_engine(self, status: EngineStatus) -> None:
        """Note how the engine is."""
        with self._lock:
            self._engine = status

    def on_end(
        self,
        utterance: Utterance,
        state: State,
        error: GptsovitsError | None,
        real_time_factor: float | None,
    ) -> None:
        """Note how an utterance ended, and how fast the engine made what it was asked last."""
        with self._lock:
            self._ends[state] += 1
            self._guard.update(utterance.guard)
            self._last = _Ended(
                state,
                error,
                utterance.published_s,
                utterance.first_audio_s,
                real_time_factor,
                tuple(utterance.guard),
            )

    def on_player(self, message: Any | None) -> None:
        """Note how a player is (msg/PlayerState); None: it is gone."""
        with self._lock:
            before, self._player = self._player, message
            # Gaps of before this node listened are old news.
            self._player_warns = (
                message is not None
                and before is not None
                and (
                    message.underruns > before.underruns
                    or message.device_underruns > before.device_underruns
                )
            )

    def report(self, queue_length: int) -> list[Report]:
        """Return what there is to tell; of a player only if there is one."""
        with self._lock:
            reports = [self._engine_report(), self._speech_report(queue_length)]
            reports.append(self._guard_report())
            if self._player is not None:
                reports.append(self._player_report())
            return reports

    def _engine_report(self) -> Report:
        status = self._engine
        if status is None:
            return Report('engine', WARN, 'not started yet')
        levels = {'ready': OK, 'starting': WARN, 'restarting': WARN}
        message = status.state + (f': {status.message}' if status.message else '')
        values = {
            'state': status.state,
            'restarts': str(status.restarts),
            'process': str(status.pid or ''),
            'voices': ', '.join(voice.name for voice in status.voices),
            'load time [s]': f'{status.load_s:.1f}',
        }
        memory = status.pid and resident_bytes(status.pid)
        if memory:
            values['memory [MiB]'] = f'{memory / 2**20:.0f}'
        level = levels.get(status.state, ERROR)
        return Report('engine', level, message, values, status.device or 'none')

    def _speech_report(self, queue_length: int) -> Report:
        values = {'queue length': str(queue_length)}
        values |= {state.name.lower(): str(self._ends[state]) for state in State if state.is_end}
        last = self._last
        if last is None:
            return Report('speech', OK, 'nothing said yet', values)
        values['last: audio [s]'] = f'{last.audio_s:.2f}'
        if last.first_audio_s is not None:
            values['last: first audio after [s]'] = f'{last.first_audio_s:.3f}'
        if last.real_time_factor is not None:
            values['real-time factor'] = f'{last.real_time_factor:.3f}'
        if last.error is not None:
            values['last: error'] = f'{last.error.name} ({last.error.code})'
        if last.state in (State.FAILED, State.REFUSED):
            message = f'the last utterance was {last.state.name.lower()}: {last.error}'
            return Report('speech', WARN, message, values)
        return Report('speech', OK, 'well', values)

    def _guard_report(self) -> Report:
        values = {report: str(count) for report, count in sorted(self._guard.items())}
        last = self._last.guard if self._last else ()
        values['last'] = ', '.join(last)
        wrong = [report for report in last if report.partition(':')[2] in SPOKEN_WRONG]
        if wrong:
            message = 'the last utterance was spoken though it is wrong: ' + ', '.join(wrong)
            return Report('guard', WARN, message, values)
        return Report('guard', OK, 'well', values)

    def _player_report(self) -> Report:
        player = self._player
        values = {
            'playing': str(player.playing),
            'buffered [s]': f'{player.buffered_s:.3f}',
            'latency [s]': f'{player.latency_s:.3f}',
            'underruns': str(player.underruns),
            'device underruns': str(player.device_underruns),
            'dropped samples': str(player.dropped_samples),
            'muted': str(player.muted),
        }
        device = player.device or 'none'
        if player.error_code:
            return Report('player', ERROR, player.error_msg, values, device)
        if self._player_warns:
            return Report('player', WARN, 'sound was interrupted', values, device)
        return Report('player', OK, 'well', values, device)


def resident_bytes(pid: int) -> int:
    """Return the memory that a process has in use; 0 if it has ended."""
    try:
        with open(f'/proc/{pid}/statm', encoding='ascii') as file:
            pages = int(file.read().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf('SC_PAGE_SIZE')
