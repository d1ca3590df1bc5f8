"""Rows of a benchmark: a table for people, JSON for programs."""

from __future__ import annotations

import datetime
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

Result = TypeVar('Result')
OUT = Path(__file__).parent / 'out' / 'latest.json'

# What is wanted of a full-size v2 voice, by kind of device and name of the row. All but the
# numbers of MORE are at most.
GOALS = {
    'cpu': {
        'first audio, 20 characters, p50': 0.4,
        'real-time factor': 0.35,
        'phrase from memory, p50': 0.005,
        'phrase from disk, p50': 0.005,
    },
    'cuda': {
        'first audio, 20 characters, p50': 0.03,
        'first audio, 20 characters, p95': 0.045,
        'semantic tokens': 1500.0,
        'real-time factor': 0.02,
        'largest GPU memory': 2048.0,
    },
}
MORE = ('semantic tokens',)


@dataclass(frozen=True)
class Row:
    """One measured quantity.

    Attributes:
        name: what was measured.
        device: where the models ran.
        threads: CPU threads of the models.
        load: one-minute load average of the machine when it was measured; a busy one is slower.
        value: the median of the runs, or the quantile that the name tells.
        spread: the lowest and the highest.
        unit: of the value.
        goal: what is wanted; None where there is no goal.
        ok: whether the goal is met; None without one.
        command: what measures it again.
        date: day of the measurement.

    """

    name: str
    device: str
    threads: int
    load: float
    value: float
    spread: tuple[float, float]
    unit: str
    goal: float | None
    ok: bool | None
    command: str
    date: str


@dataclass(frozen=True)
class Conditions:
    """What is equal for all rows of a run.

    Attributes:
        device: where the models run, e.g. "cpu" or "cuda:0".
        threads: CPU threads of the models.
        command: what measures it again.
        has_goals: whether the goals are for this voice; they are for a full-size one.
        note: added to each name, so that rows of other settings have other names.

    """

    device: str
    threads: int
    command: str
    has_goals: bool = True
    note: str = ''

    def row(self, name: str, values: Sequence[float], unit: str, quantile: float = 0.5) -> Row:
        """Return the row of some measured values."""
        value = float(np.quantile(values, quantile))
        goals = GOALS.get(self.device.partition(':')[0], {}) if self.has_goals else {}
        goal = goals.get(name)
        ok = None if goal is None else value >= goal if name in MORE else value <= goal
        return Row(
            name + self.note,
            self.device,
            self.threads,
            round(os.getloadavg()[0], 2),
            value,
            (float(min(values)), float(max(values))),
            unit,
            goal,
            ok,
            self.command,
            datetime.date.today().isoformat(),
        )

    def quantiles(self, name: str, values: Sequence[float], unit: str) -> list[Row]:
        """Return the rows of the median and of the 95th percentile of some measured values."""
        return [
            self.row(f'{name}, p50', values, unit),
            self.row(f'{name}, p95', values, unit, 0.95),
        ]


def timed(action: Callable[[], Result]) -> tuple[float, Result]:
    """Return how long an action takes [s], and its result."""
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table, with the conditions of each group of them below it."""
    width = max(len(row.name) for row in rows)
    lines = [f'{"quantity":<{width}} {"value":>10} {"lowest":>10} {"highest":>10} unit']
    for row in rows:
        goal = '' if row.goal is None else f'  goal {row.goal:g}: {"ok" if row.ok else "missed"}'
        low, high = row.spread
        lines.append(
            f'{row.name:<{width}} {row.value:>10.4g} {low:>10.4g} {high:>10.4g} {row.unit}{goal}'
        )
    first, loads = rows[0], [row.load for row in rows]
    lines.append(
        f'\n{first.device}, {first.threads} thread(s), load {min(loads):g} to {max(loads):g}; '
        f'measure it again: {first.command}'
    )
    return '\n'.join(lines)


def write(rows: Sequence[Row], path: Path = OUT) -> None:
    """Write the rows as JSON, in place of those that were measured before in the same way.

    The rows of other benchmarks, devices and numbers of threads stay in the file.
    """
    new = [asdict(row) for row in rows]
    measured = {_key(row) for row in new}
    old = [row for row in read(path) if _key(row) not in measured]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([*old, *new], indent=1) + '\n', encoding='utf-8')


def read(path: Path = OUT) -> list[dict]:
    """Return the rows of a file that `write` wrote; none if there is no such file."""
    return json.loads(path.read_text(encoding='utf-8')) if path.exists() else []


def _key(row: dict) -> tuple:
    return row['name'], row['device'], row['threads']
