"""Memory of processes, as Linux counts it."""

from __future__ import annotations

from pathlib import Path


def resident_mib(pid: int | str = 'self') -> float:
    """Return the memory that a process holds now [MiB]."""
    return _status_mib(pid, 'VmRSS')


def largest_mib(pid: int | str = 'self') -> float:
    """Return the most memory that a process has held [MiB]."""
    return _status_mib(pid, 'VmHWM')


def open_files(pid: int) -> int:
    """Return how many files, sockets and pipes a process has open."""
    return len(list(Path(f'/proc/{pid}/fd').iterdir()))


def threads(pid: int) -> int:
    """Return how many threads a process has."""
    return len(list(Path(f'/proc/{pid}/task').iterdir()))


def _status_mib(pid: int | str, name: str) -> float:
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith(f'{name}:'):
            return int(line.split()[1]) / 1024
    raise ValueError(f'/proc/{pid}/status has no {name}')
