"""SHA-256 of every file of a voice, so that damage on the disk or on the way is noticed."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from gptsovits_ros.errors import VoiceInvalidError

CHECKSUM_FILE = 'checksums.txt'
MAX_FILE_BYTES = 1024 * 1024
_BLOCK = 1 << 20
# As sha256sum writes it, so that `sha256sum -c checksums.txt` checks a voice too.
_LINE = re.compile(r'([0-9a-f]{64})  (\S.*)')


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_checksums(folder: Path) -> None:
    """Write the checksums of all files below a folder into it."""
    lines = (f'{sha256(folder / name)}  {name}\n' for name in _names(folder))
    (folder / CHECKSUM_FILE).write_text(''.join(lines), encoding='utf-8')


def changed_files(folder: Path) -> list[str]:
    """Return the files that were changed, removed or added since the checksums were written.

    A folder without checksums (made by hand) is as it is: nothing has changed.

    Raises:
        VoiceInvalidError: the checksums themselves cannot be read.

    """
    known = _read(folder / CHECKSUM_FILE)
    if known is None:
        return []
    names = _names(folder)
    changed = {name for name in names if name not in known or sha256(folder / name) != known[name]}
    return sorted(changed | known.keys() - set(names))


def _names(folder: Path) -> list[str]:
    """Return all files below a folder but the checksums, relative to it."""
    paths = (path for path in folder.rglob('*') if path.is_file())
    return sorted({path.relative_to(folder).as_posix() for path in paths} - {CHECKSUM_FILE})


def _read(path: Path) -> dict[str, str] | None:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise VoiceInvalidError(f'{path} is larger than {MAX_FILE_BYTES >> 20} MiB')
        lines = path.read_text(encoding='utf-8').splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise VoiceInvalidError(f'cannot read {path}: {error}') from error
    found = [_LINE.fullmatch(line) for line in lines]
    if not all(found):
        raise VoiceInvalidError(f'{path} is damaged: "<sha256>  <name>" is expected in each line')
    return {match[2]: match[1] for match in found if match}
