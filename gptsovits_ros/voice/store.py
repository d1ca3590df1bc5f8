"""The voice store: one folder per voice, changed so that a power cut leaves old or new, whole.

A new voice is built in a folder of its own and moved to its place when it is complete and on the
disk (voice.moves). What a program that died left behind is settled by the next one that changes
the store (docs/voices.md).

Behind the folder of the voices lies that of the bundled voices, which came with the package. They
are read as if they lay in the same folder, and never changed; a voice of the same name hides one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from gptsovits_ros.errors import (
    VoiceExistsError,
    VoiceInUseError,
    VoiceInvalidError,
    VoiceNotFoundError,
    VoiceStoreBusyError,
    VoiceStoreError,
)
from gptsovits_ros.voice.bundled import BundledVoices
from gptsovits_ros.voice.checksums import changed_files, write_checksums
from gptsovits_ros.voice.default_file import forget_default, read_default, write_default
from gptsovits_ros.voice.durable import PRIVATE_FOLDER, locked, seal
from gptsovits_ros.voice.moves import VoiceMoves
from gptsovits_ros.voice.voice_file import (
    NAME_PATTERN,
    Voice,
    read_voice,
    read_voice_file,
    write_voice_file,
)

LOCK_FILE = '.lock'
# How often a voice is read anew that was replaced in the meantime.
MAX_READS = 10


def data_root() -> Path:
    """Return the folder for the data of this package, by the XDG base directory specification."""
    base = os.environ.get('XDG_DATA_HOME') or Path.home() / '.local' / 'share'
    return Path(base) / 'gptsovits_ros'


class VoiceStore:
    """Reads voices from a folder, anew each time, so that changes on disk are seen at once."""

    def __init__(
        self,
        voice_root: str | Path = '',
        model_root: str | Path = '',
        lock_wait_s: float = 5.0,
        bundled_root: str | Path = '',
    ) -> None:
        """Take the folders of a store.

        Args:
            voice_root: of the voices that can be changed; empty: below `data_root`.
            model_root: of shared models; empty: below `data_root`.
            lock_wait_s: how long a change waits for that of another program at most [s].
            bundled_root: of the voices that are only read; empty: that of the package.

        """
        self.voice_root = Path(voice_root) if voice_root else data_root() / 'voices'
        self.model_root = Path(model_root) if model_root else data_root() / 'models'
        self._lock_wait_s = lock_wait_s
        self._moves = VoiceMoves(self.voice_root)
        self._bundled = BundledVoices(bundled_root)
        self._before_removal: list[Callable[[str], None]] = []

    def before_removal(self, call: Callable[[str], None]) -> None:
        """Have something called with the name of a voice before its files are removed or replaced.

        For what others keep of a voice. The store is locked meanwhile; what it raises is raised by
        `create` or `delete`, and the voice stays.
        """
        self._before_removal.append(call)

    def names(self) -> list[str]:
        """Return the names of all voices, sorted; a missing store is an empty one."""
        return sorted({*self._moves.names(), *self._bundled.names()})

    def is_bundled(self, name: str) -> bool:
        """Tell whether the voice of this name came with the package; it is hidden by no other."""
        return name not in self._moves.names() and name in self._bundled.names()

    def folder(self, name: str) -> Path:
        """Return the folder that a voice of this name is read from, were there one."""
        return (self._bundled.root if self.is_bundled(name) else self.voice_root) / name

    def voice(self, name: str) -> Voice:
        """Return one voice.

        Raises:
            VoiceNotFoundError: no voice has that name (the message lists those that exist).
            VoiceInvalidError: its voice.yaml is wrong, or a file that it names is missing.

        """
        if name not in self._moves.names():
            if name not in self._bundled.names():
                raise self._not_found(name)
            return self._bundled.read(self._bundled.root / name, self.model_root)
        folder = self.voice_root / name
        for _ in range(MAX_READS):
            before = _identity(folder)
            try:
                return self.read(folder)
            except VoiceInvalidError:
                # Is somebody replacing it, or did somebody die doing so, or is it really damaged?
                if self._moves.any_aside():
                    self.recover()
                elif _identity(folder) == before:
                    raise
        return self.read(folder)

    def read(self, folder: Path, like_bundled: bool = False) -> Voice:
        """Return the voice in a folder that need not be in the store, as in `create`.

        Args:
            folder: of the voice.
            like_bundled: it is a copy of a bundled voice, whose base is always a bundled one.

        Raises:
            VoiceInvalidError: as `voice`.

        """
        if like_bundled:
            return self._bundled.read(folder, self.model_root)
        return read_voice(folder, self.model_root, (self.voice_root, self._bundled.root))

    @property
    def default(self) -> str:
        """Name of the voice that speaks where none is named; empty: there is no voice.

        It is the one that was set if it is there. Else the first by name in the voice root, since
        who made a voice means to hear it; and where there is none, the default of the package.
        """
        chosen = read_default(self.voice_root)
        if chosen in self.names():
            return chosen
        return next(iter(self._moves.names()), '') or self._bundled.default

    def set_default(self, name: str) -> None:
        """Let a voice speak where none is named, from now on.

        Raises:
            VoiceNotFoundError, VoiceInvalidError: as `voice`.
            VoiceStoreBusyError, VoiceStoreError: nothing has changed.

        """
        with self._changing():
            self.voice(name)
            write_default(self.voice_root, name)

    def create(self, name: str, build: Callable[[Path], None], overwrite: bool = False) -> Voice:
        """Add a voice, all of it or nothing.

        Args:
            name: a-z, 0-9, "-" and "_", at most 64.
            build: called with an empty folder named as the voice, in which it writes voice.yaml
                (`write_voice_file`) and all that belongs to the voice. It may `read` that folder.
            overwrite: replace a voice of that name.

        Raises:
            VoiceInvalidError: that is no name, or what was built is no whole voice.
            VoiceExistsError: there is such a voice in the voice root, and overwrite is False. One
                that is bundled is hidden by the new voice.
            VoiceInUseError: other voices of the voice root, or the new one itself, speak with the
                models of the one to be replaced or hidden.
            VoiceStoreBusyError, VoiceStoreError: another program changes the store, or it cannot
                be written.

        """
        check_name(name)
        with self._draft(name, overwrite) as draft:
            build(draft)
            tree = read_voice_file(draft)
            self.check_base(name, tree.get('base', ''))
            write_voice_file(draft, tree)  # in the present format
            self.read(draft)
            write_checksums(draft)
            seal(draft)
            with self._changing():
                self._check_free(name, overwrite)
                if name in self._moves.names():
                    self._tell_removal(name)
                self._moves.put(draft)
        return self.voice(name)

    def delete(self, name: str, keep_consent: bool = True) -> None:
        """Remove a voice and its files.

        Args:
            name: of the voice; it may be damaged.
            keep_consent: keep the record of the speaker's consent, in the folder `.deleted`.

        Raises:
            VoiceNotFoundError: there is no such voice.
            VoiceInUseError: other voices speak with its models.
            VoiceStoreBusyError, VoiceStoreError: as `create`, or it came with the package.

        """
        with self._changing():
            if self.is_bundled(name):
                raise VoiceStoreError(
                    f'voice "{name}" came with the package and cannot be deleted; a voice of '
                    'yours with its name hides it'
                )
            if name not in self.names():
                raise self._not_found(name)
            self._check_unused(name, 'cannot be deleted', 'delete first')
            self._tell_removal(name)
            if read_default(self.voice_root) == name:
                forget_default(self.voice_root)
            self._moves.remove(name, keep_consent)

    def changed_files(self, name: str) -> list[str]:
        """Return the files of a voice that differ from when it was stored, by their checksums.

        Raises:
            VoiceNotFoundError, VoiceInvalidError: as `voice`.

        """
        return changed_files(self.voice(name).folder)

    def dependants(self, name: str) -> list[str]:
        """Return the voices that speak with the models of a voice."""
        found, is_bundled = [], self.is_bundled(name)
        for other in self.names():
            try:
                base = read_voice_file(self.folder(other)).get('base')
            except VoiceInvalidError:
                # It cannot speak anyway; who wants it names it and gets its error.
                continue
            # A bundled voice never speaks with the models of one that hides its base.
            if base == name and (is_bundled or not self.is_bundled(other)):
                found.append(other)
        return found

    def models_of(self, name: str) -> dict[str, Any]:
        """Return what a new voice.yaml says to speak with the models of a voice.

        The sections "model" and "encoders", and "base" if a file of them lies in the folder of a
        voice and not with the shared models.

        Raises:
            VoiceNotFoundError, VoiceInvalidError: as `voice`.

        """
        voice = self.voice(name)
        tree = read_voice_file(voice.folder)
        found = {key: tree[key] for key in ('model', 'encoders')}
        own = any(path.is_relative_to(voice.folder.resolve()) for path in voice.models)
        if own and voice.base:
            raise VoiceInvalidError(
                f'voice "{name}" has models of its own and of "{voice.base}"; a new voice can '
                'only speak with those of one. Choose another base'
            )
        base = name if own else voice.base
        if base and self.is_bundled(name) and not self.is_bundled(base):
            raise VoiceInvalidError(
                f'bundled voice "{name}" has the models of the bundled voice "{base}", which '
                f'your voice of that name in {self.voice_root} hides; choose another base'
            )
        return {'base': base, **found} if base else found

    def check_base(self, name: str, base: str) -> None:
        """Refuse a new voice that would stand in the place of its base.

        Raises:
            VoiceInUseError: it would.

        """
        if base == name:
            raise VoiceInUseError(
                f'a voice "{name}" would take the place of the one whose models it speaks with; '
                'choose another name'
            )

    def recover(self) -> None:
        """Settle what a program that died left behind.

        Raises:
            VoiceStoreBusyError, VoiceStoreError: as `create`.

        """
        if self._moves.any_left():
            with self._changing():
                pass

    @contextmanager
    def _draft(self, name: str, overwrite: bool) -> Iterator[Path]:
        """Yield an empty folder for a new voice; it is removed if it is still there at the end."""
        with ExitStack() as stack, self._errors():
            with self._changing():
                self._check_free(name, overwrite)
                work = self._moves.new_folder()
                # Held while it is built, which may take long; others may change the store then.
                stack.enter_context(locked(work, 0))
            stack.callback(shutil.rmtree, work)
            draft = work / name
            draft.mkdir(mode=PRIVATE_FOLDER)
            yield draft

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the lock of the store, whose leftovers are settled first."""
        with self._errors():
            self.voice_root.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
            with locked(self.voice_root / LOCK_FILE, self._lock_wait_s) as held:
                if not held:
                    raise VoiceStoreBusyError(
                        f'another program is changing {self.voice_root}; nothing was changed. '
                        'Try again when it is done'
                    )
                self._moves.settle()
                yield

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Tell what the system refused as an error of the store."""
        try:
            yield
        except OSError as error:
            raise VoiceStoreError(
                f'{self.voice_root} cannot be changed: {error}. Its voices are as they were; make '
                'room, or choose another folder (engine.voice_root)'
            ) from error

    def _tell_removal(self, name: str) -> None:
        for call in self._before_removal:
            call(name)

    def _check_free(self, name: str, overwrite: bool) -> None:
        """Refuse a name that is taken."""
        if name in self._moves.names():
            if not overwrite:
                raise VoiceExistsError(
                    f'there is a voice "{name}" in {self.voice_root}; choose another name, or '
                    'let it be overwritten'
                )
            self._check_unused(name, 'cannot be replaced', 'delete first')
        elif (self.voice_root / name).exists():
            raise VoiceExistsError(
                f'{self.voice_root / name} is no voice, but stands in the way; move it away'
            )
        elif name in self._bundled.names():
            self._check_unused(
                name, 'came with the package and cannot be hidden by yours', 'choose another name'
            )

    def _check_unused(self, name: str, refusal: str, cure: str) -> None:
        """Refuse what would take the models away from other voices."""
        # From a bundled one nothing can: its base is always a bundled one, hidden or not.
        dependants = [other for other in self.dependants(name) if not self.is_bundled(other)]
        if dependants:
            raise VoiceInUseError(
                f'voice "{name}" {refusal}: {", ".join(dependants)} '
                f'{"speaks" if len(dependants) == 1 else "speak"} with its models; {cure}'
            )

    def _not_found(self, name: str) -> VoiceNotFoundError:
        """Return the error that tells which voices there are."""
        own, bundled = ', '.join(self._moves.names()), ', '.join(self._bundled.names())
        known = own or 'none'
        if bundled:
            known += f'; bundled: {bundled}'
        elif not own:
            known += '; `gptsovits_ros make-test-voice` makes one'
        return VoiceNotFoundError(f'no voice "{name}" in {self.voice_root}; voices there: {known}')


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a voice.

    Raises:
        VoiceInvalidError: it cannot.

    """
    if not NAME_PATTERN.fullmatch(name):
        raise VoiceInvalidError(
            f'{name[:80]!r} is no voice name: use a-z, 0-9, - and _, at most 64, not first - or _'
        )


def _identity(folder: Path) -> int:
    """Return what tells a folder from another one in its place; 0 if there is none."""
    try:
        return folder.stat().st_ino
    except FileNotFoundError:
        return 0
