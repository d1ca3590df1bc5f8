"""Records by key, in memory and on disk, both bounded; what is damaged is dropped."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gptsovits_ros.engine.private_files import TEMPORARY, write_private
from gptsovits_ros.voice.durable import sync_folder

# The last character is the version of what stands in a record.
MAGIC = b'gsv-phrase-1'
CHECKSUM_BYTES = 16
SUFFIX = '.phrase'
# A temporary file as old as this was left by a process that died.
ABANDONED_S = 3600.0

log = logging.getLogger(__name__)

# Which file a record was read from; a file that was replaced has another one.
_Identity = tuple[int, int]


@dataclass(frozen=True)
class _File:
    path: Path
    size: int
    used: float


class PhraseFiles:
    """A folder of records, one file each, with the latest ones in memory.

    A key has a shelf: a folder below the root. Files of the shelf `replaceable` and of those in
    it are removed, the least recently used first, to make room; those of other shelves stay until
    somebody takes them away. Several processes may use one folder.
    """

    def __init__(self, root: Path, disk_bytes: int, memory_bytes: int, replaceable: str) -> None:
        """Take the folder, the bounds of disk and memory [bytes], and the shelf that may go."""
        self._root = root
        self._disk_bytes = disk_bytes
        self._memory_bytes = memory_bytes
        self._replaceable = replaceable
        self._memory: OrderedDict[Path, tuple[_Identity, bytes]] = OrderedDict()
        self._in_memory = 0

    def __contains__(self, place: tuple[str, str]) -> bool:
        """Tell whether (shelf, key) has a file."""
        return self._path(*place).is_file()

    def get(self, shelf: str, key: str) -> bytes | None:
        """Return a record; None: there is none. A damaged one is removed and logged."""
        self._forget_removed_shelves()
        path = self._path(shelf, key)
        identity = _identity(path)
        if identity is None:
            self._forget(path)
            return None
        if path in self._memory and self._memory[path][0] == identity:
            self._memory.move_to_end(path)
            record = self._memory[path][1]
        else:
            record = self._read(path)
            if record is None:
                return None
            self._remember(path, record)
        if path.is_relative_to(self._root / self._replaceable):
            _touch(path)
        return record

    def put(self, shelf: str, key: str, record: bytes) -> bool:
        """Keep a record; False: the bound leaves no room for it.

        Raises:
            OSError: it cannot be written.

        """
        data = MAGIC + _checksum(record) + record
        path = self._path(shelf, key)
        if not self._make_room(len(data), path):
            return False
        write_private(path, data)
        self._remember(path, record)
        return True

    def drop(self, shelf: str, key: str) -> None:
        """Remove a record, if it is there."""
        path = self._path(shelf, key)
        self._forget(path)
        path.unlink(missing_ok=True)

    def drop_shelf(self, shelf: str) -> None:
        """Remove a shelf with all its records, if it is there, for good.

        Raises:
            OSError: it cannot be removed; some of it may be left.

        """
        folder = self._root / shelf
        if folder.is_dir():
            shutil.rmtree(folder)
            sync_folder(folder.parent)
        self._forget_removed_shelves()

    def keys(self, shelf: str) -> list[str]:
        """Return the keys of the records on a shelf."""
        folder = self._root / shelf
        return sorted(path.stem for path in folder.glob(f'*{SUFFIX}')) if folder.is_dir() else []

    def _path(self, shelf: str, key: str) -> Path:
        return self._root / shelf / f'{key}{SUFFIX}'

    def _read(self, path: Path) -> bytes | None:
        """Return what a file holds; None, and it is removed, if it is not what was written."""
        head = len(MAGIC) + CHECKSUM_BYTES
        try:
            with path.open('rb') as file:
                data = file.read(self._disk_bytes + 1)
        except OSError as error:
            log.warning('the phrase %s cannot be read: %s', path.name, error)
            return None
        record = data[head:]
        if data[:head] == MAGIC + _checksum(record):
            return record
        log.warning('the phrase %s is damaged and was removed from the cache', path.name)
        path.unlink(missing_ok=True)
        return None

    def _remember(self, path: Path, record: bytes) -> None:
        """Keep a record in memory, and give up the least recently used ones for it."""
        self._forget(path)
        identity = _identity(path)
        if identity is None or len(record) > self._memory_bytes:
            return
        self._memory[path] = identity, record
        self._in_memory += len(record)
        while self._in_memory > self._memory_bytes:
            self._forget(next(iter(self._memory)))

    def _forget(self, path: Path) -> None:
        if path in self._memory:
            self._in_memory -= len(self._memory.pop(path)[1])

    def _forget_removed_shelves(self) -> None:
        """Keep nothing in memory of a shelf that was removed, by whatever process."""
        shelves = {path.parent for path in self._memory}
        gone = {shelf for shelf in shelves if not shelf.is_dir()}
        for path in [path for path in self._memory if path.parent in gone]:
            self._forget(path)

    def _make_room(self, size: int, path: Path) -> bool:
        """Remove what may go until `size` more bytes fit; False, and nothing is: they cannot."""
        files = [file for file in self._files() if file.path != path]
        excess = sum(file.size for file in files) + size - self._disk_bytes
        folder = self._root / self._replaceable
        loose = sorted(
            (file for file in files if file.path.is_relative_to(folder)),
            key=lambda file: file.used,
        )
        if excess > sum(file.size for file in loose):
            return False
        for file in loose:
            if excess <= 0:
                break
            self._forget(file.path)
            file.path.unlink(missing_ok=True)
            excess -= file.size
        return True

    def _files(self) -> Iterator[_File]:
        """Yield all records; temporary files of processes that died are removed on the way."""
        for folder, _, names in os.walk(self._root):
            for name in names:
                path = Path(folder, name)
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue  # another process was quicker
                if path.suffix == SUFFIX:
                    yield _File(path, status.st_size, status.st_mtime)
                elif path.suffix == TEMPORARY and time.time() - status.st_mtime > ABANDONED_S:
                    path.unlink(missing_ok=True)


def _checksum(record: bytes) -> bytes:
    return hashlib.blake2b(record, digest_size=CHECKSUM_BYTES).digest()


def _identity(path: Path) -> _Identity | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size


def _touch(path: Path) -> None:
    """Note that a file was used; on a disk that cannot be written the order stays as it is."""
    try:
        os.utime(path)
    except OSError as error:
        log.debug('%s: %s', path.name, error)
