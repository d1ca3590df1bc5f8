"""What a run tells the world: JSON lines for programs, a bar for people, a CSV for plots."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gptsovits_ros.errors import ConfigurationError

LOG_FILE = 'log.csv'
COLUMNS = ('step', 'seconds', 'name', 'value')


class Progress:
    """Writes lines, bar and log of one run.

    A line of JSON has "event" and, where it applies, "step"; events are "message" (with "text"),
    "train" and "dev" (with "values"), "saved" and "stopped" (with "reason").
    """

    def __init__(self, folder: Path, write_line: Callable[[str], None], show_bar: bool) -> None:
        self._path = folder / LOG_FILE
        self._write_line = write_line
        self._show_bar = show_bar
        self._bar: tqdm | None = None
        self._started = time.monotonic()

    def start(self, step: int, steps: int) -> None:
        """Begin, or go on, at a step; what the log has beyond it came from work that was lost."""
        rows = [row for row in read_log(self._path) if row[0] <= step]
        if rows:
            self._started -= rows[-1][1]
        with open(self._path, 'w', encoding='utf-8', newline='') as stream:
            csv.writer(stream).writerows([COLUMNS, *rows])
        if self._show_bar:
            self._bar = tqdm(total=steps, initial=step, unit='step', dynamic_ncols=True)

    def advance(self, step: int) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(step - self._bar.n)

    def values(self, event: str, step: int, values: Mapping[str, float]) -> None:
        """Report numbers of a step."""
        seconds = round(time.monotonic() - self._started, 1)
        numbers = {name: float(f'{value:.6g}') for name, value in values.items()}
        with open(self._path, 'a', encoding='utf-8', newline='') as stream:
            csv.writer(stream).writerows(
                (step, seconds, name, value) for name, value in numbers.items()
            )
        if self._bar is not None:
            self._bar.set_postfix({name: f'{value:.3g}' for name, value in numbers.items()})
        self.event(event, step=step, seconds=seconds, values=numbers)

    def message(self, text: str) -> None:
        """Report something that people should read."""
        self.event('message', text=text)

    def event(self, event: str, **fields: Any) -> None:
        """Write one line of JSON."""
        self._write_line(json.dumps({'event': event, **fields}, ensure_ascii=False))

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()


def read_log(path: Path) -> list[tuple[int, float, str, float]]:
    """Return the rows of a log; a last line that was cut short by a kill is left out.

    Raises:
        ConfigurationError: the file cannot be read.

    """
    if not path.exists():
        return []
    rows = []
    try:
        with open(path, encoding='utf-8', newline='') as stream:
            for cells in csv.reader(stream):
                if len(cells) == len(COLUMNS) and cells[0].isdecimal():
                    rows.append((int(cells[0]), float(cells[1]), cells[2], float(cells[3])))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f'cannot read the log {path}: {error}') from error
    return rows
