"""What is in a file, as a hash; a file that did not change is read once and never again."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from gptsovits_ros.engine.private_files import write_private

MAX_TABLE_BYTES = 4 * 1024 * 1024
MAX_FILES = 2000
BLOCK_BYTES = 1024 * 1024

log = logging.getLogger(__name__)


class FileHashes:
    """Hashes files by content, and remembers them by path, size and time of the last change.

    To read a voice of 1 GB takes seconds, to ask for its sizes and times microseconds. The table
    on disk keeps the hashes across restarts; without it everything is right, only slower.
    """

    def __init__(self, table: Path) -> None:
        """Take the file of the table; it need not exist."""
        self._table = table
        # By path: size [bytes], time of the last change [ns], hash.
        self._known = _read_table(table)

    def of(self, paths: Iterable[Path]) -> str:
        """Return one hash over all files, in this order, folders being looked into.

        Raises:
            OSError: a file cannot be read.

        """
        before = dict(self._known)
        whole = hashlib.blake2b(digest_size=16)
        for file in _files(paths):
            whole.update(self._hash(file))
        if self._known != before:
            self._save()
        return whole.hexdigest()

    def _hash(self, file: Path) -> bytes:
        """Return the hash of one file, moved to the end of what is known."""
        status = file.stat()
        name, state = str(file.resolve()), [status.st_size, status.st_mtime_ns]
        known = self._known.pop(name, None)
        if known is None or known[:2] != state:
            known = [*state, _content_hash(file)]
        self._known[name] = known
        return bytes.fromhex(known[2])

    def _save(self) -> None:
        for name in list(self._known)[:-MAX_FILES]:
            del self._known[name]
        try:
            write_private(self._table, json.dumps(self._known).encode())
        except OSError as error:
            log.debug('the hashes of files are not remembered: %s', error)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        yield from (file for file in inside if file.is_file())


def _content_hash(file: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with file.open('rb') as content:
        while block := content.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _read_table(path: Path) -> dict[str, list]:
    """Return a table that was saved; what is no such table is an empty one."""
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            return {}
        table = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(table, dict):
        return {}
    return {name: known for name, known in table.items() if _is_entry(known)}


def _is_entry(known: object) -> bool:
    if not isinstance(known, list) or [type(part) for part in known] != [int, int, str]:
        return False
    return len(known[2]) == 32 and set(known[2]) <= set('0123456789abcdef')
