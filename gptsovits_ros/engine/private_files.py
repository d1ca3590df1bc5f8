"""Files that only their owner can read, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

TEMPORARY = '.tmp'


def cache_root(root: str | Path = '') -> Path:
    """Return a folder for what can be made again; empty: by the XDG base directory spec."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(root).expanduser() if root else Path(base) / 'gptsovits_ros'


def write_private(path: Path, data: bytes) -> None:
    """Write a file (mode 0600) in one step; folders that are missing are made (0700).

    Raises:
        OSError: it cannot be written; what was there before stays, and nothing else is left.

    """
    make_private_folder(path.parent)
    handle, name = tempfile.mkstemp(suffix=TEMPORARY, dir=path.parent)
    try:
        with open(handle, 'wb') as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner only."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(mode=0o700, exist_ok=True)
