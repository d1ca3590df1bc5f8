"""Files that survive a power cut and that only their owner can read; locks between programs."""

from __future__ import annotations

import fcntl
import os
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gptsovits_ros.errors import VoiceInvalidError

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
POLL_S = 0.02


def write_durably(path: Path, text: str) -> None:
    """Write a small private file; after a power cut it is the old or the new one."""
    part = path.with_name(f'.{path.name}.{uuid.uuid4().hex}.part')
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), 'w') as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def seal(folder: Path) -> None:
    """Make all below a folder private, and see to it that it is on the disk.

    Raises:
        VoiceInvalidError: something in it is neither a file nor a folder (a link, a pipe).

    """
    for path in sorted(folder.rglob('*'), reverse=True):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            path.chmod(PRIVATE_FOLDER)
            sync_folder(path)
        elif stat.S_ISREG(mode):
            path.chmod(PRIVATE_FILE)
            with path.open('rb') as file:
                os.fsync(file.fileno())
        else:
            raise VoiceInvalidError(
                f'{path.relative_to(folder)} is neither a file nor a folder; a voice holds '
                'nothing else'
            )
    folder.chmod(PRIVATE_FOLDER)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """See to it that the names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def locked(path: Path, wait_s: float) -> Iterator[bool]:
    """Hold a lock on a folder, or on a file, which is made; yield whether it is held.

    A lock ends with the program that holds it, however that ends.

    Args:
        path: what to lock.
        wait_s: how long to wait for another program that holds it [s].

    """
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    handle = os.open(path, flags | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        yield _take(handle, time.monotonic() + wait_s)
    finally:
        os.close(handle)


def _take(handle: int, until: float) -> bool:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(POLL_S)
