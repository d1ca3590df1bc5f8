"""Voices on their way into their folder and out of it, so that a power cut loses none.

A new voice comes in `.new-<id>/NAME`. The one that it replaces waits in `.old-<id>/NAME` until it
is in its place, and one that is deleted goes to `.gone-<id>/NAME` first. Whatever a program that
died left of these, `settle` knows what to do with it. All of this needs the lock of the store.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from gptsovits_ros.voice.consent import CONSENT_FILE
from gptsovits_ros.voice.durable import PRIVATE_FOLDER, locked, sync_folder
from gptsovits_ros.voice.voice_file import NAME_PATTERN, VOICE_FILE

# Consent records of deleted voices, for those who must show later that there was one.
DELETED_FOLDER = '.deleted'
NEW, OLD, GONE = '.new-', '.old-', '.gone-'


class VoiceMoves:
    """Moves voices within one folder, which holds them all."""

    def __init__(self, root: Path) -> None:
        """Take the folder; it need not exist until something is moved."""
        self._root = root

    def names(self) -> list[str]:
        """Return the voices that are there at this moment or were moved aside, sorted."""
        found = set(voices_in(self._root))
        # One that is just being replaced was moved aside, or is back by now.
        for old in self._left_by(OLD):
            found.update(voices_in(old))
        return sorted(found.union(voices_in(self._root)))

    def any_aside(self) -> bool:
        """Tell whether a voice waits aside: somebody is replacing it, or died doing so."""
        return bool(self._left_by(OLD))

    def any_left(self) -> bool:
        """Tell whether there is anything on its way."""
        return bool(self._left_by(NEW, OLD, GONE))

    def new_folder(self) -> Path:
        """Return an empty folder for a new voice; who builds in it holds a lock on it."""
        return self._folder(NEW)

    def put(self, draft: Path) -> None:
        """Move a complete voice to its place; one that is there counts as deleted."""
        place = self._root / draft.name
        if place.exists():
            place.rename(self._folder(OLD) / place.name)
        draft.rename(place)
        sync_folder(self._root)
        self.settle()

    def remove(self, name: str, keep_consent: bool) -> None:
        """Remove a voice and its files."""
        # What lies in a folder for new voices that nobody holds is removed with all its files.
        gone = self._folder(GONE if keep_consent else NEW)
        (self._root / name).rename(gone / name)
        sync_folder(self._root)
        self.settle()

    def settle(self) -> None:
        """Bring voices that were moved aside back, and remove what is not needed any more."""
        for old in self._left_by(OLD):
            for folder in list(old.iterdir()):
                if not (self._root / folder.name).exists():
                    folder.rename(self._root / folder.name)
            self._discard(old)
        for gone in self._left_by(GONE):
            self._discard(gone)
        for new in self._left_by(NEW):
            with locked(new, 0) as is_abandoned:
                if is_abandoned:
                    shutil.rmtree(new)

    def _discard(self, work: Path) -> None:
        """Remove a folder with voices in it, but keep the consent that was given to each."""
        for record in work.glob(f'*/{CONSENT_FILE}'):
            kept = self._root / DELETED_FOLDER
            kept.mkdir(exist_ok=True, mode=PRIVATE_FOLDER)
            stamp = work.name.removeprefix(OLD).removeprefix(GONE)
            record.rename(kept / f'{record.parent.name}-{stamp}.yaml')
            sync_folder(kept)
        shutil.rmtree(work)

    def _left_by(self, *prefixes: str) -> list[Path]:
        if not self._root.is_dir():
            return []
        return sorted(entry for entry in self._root.iterdir() if entry.name.startswith(prefixes))

    def _folder(self, prefix: str) -> Path:
        """Make a folder for a voice on its way, named by the time."""
        stamp = datetime.now(timezone.utc).strftime('%Y%m%dT%H%M%SZ')
        folder = self._root / f'{prefix}{stamp}-{secrets.token_hex(4)}'
        folder.mkdir(mode=PRIVATE_FOLDER)
        return folder


def voices_in(root: Path) -> Iterator[str]:
    """Yield the names of the voices in a folder; none if it has gone."""
    try:
        entries = list(root.iterdir())
    except FileNotFoundError:
        return
    for entry in entries:
        if NAME_PATTERN.fullmatch(entry.name) and (entry / VOICE_FILE).is_file():
            yield entry.name
