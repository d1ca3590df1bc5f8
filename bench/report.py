"""Rows of a benchmark: a table for people, JSON for programs."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

Result = TypeVar('Result')
OUT = Path(__file__).parent / 'out' / 'latest.json'


@dataclass(frozen=True)
class Row:
    """One measured quantity.

    Attributes:
        name: what was measured.
        device: where the models ran.
        threads: CPU threads of the models.
        load: one-minute load average of the machine when it was measured; a busy one is slower.
        value: the median of the runs.
        spread: the lowest and the highest.
        unit: of the value.
        goal: what is wanted; None where there is no goal.
        ok: whether the goal is met; None without one.
        command: what measures it again.

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


@dataclass(frozen=True)
class Conditions:
    """What is equal for all rows of a run."""

    device: str
    threads: int
    command: str

    def row(
        self,
        name: str,
        values: Sequence[float],
        unit: str,
        goal: float | None = None,
        more_is_better: bool = False,
    ) -> Row:
        """Return the row of some measured values."""
        value = statistics.median(values)
        ok = None if goal is None else value >= goal if more_is_better else value <= goal
        return Row(
            name,
            self.device,
            self.threads,
            round(os.getloadavg()[0], 2),
            value,
            (min(values), max(values)),
            unit,
            goal,
            ok,
            self.command,
        )


def timed(action: Callable[[], Result]) -> tuple[float, Result]:
    """Return how long an action takes [s], and its result."""
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table."""
    lines = [f'{"quantity":<44} {"median":>10} {"lowest":>10} {"highest":>10} unit']
    for row in rows:
        goal = '' if row.goal is None else f'  goal {row.goal:g}: {"ok" if row.ok else "missed"}'
        low, high = row.spread
        lines.append(
            f'{row.name:<44} {row.value:>10.4g} {low:>10.4g} {high:>10.4g} {row.unit}{goal}'
        )
    first = rows[0]
    lines.append(
        f'\n{first.device}, {first.threads} thread(s), load {first.load:g}; '
        f'measure it again: {first.command}'
    )
    return '\n'.join(lines)


def write(rows: Sequence[Row], path: Path = OUT) -> None:
    """Write the rows as JSON."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + '\n', encoding='utf-8')
