"""The voices in memory: loaded at their first use, and given up when there are too many."""

from __future__ import annotations

import ctypes
import gc
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from gptsovits_ros.engine.device import MIB
from gptsovits_ros.engine.loaded_voice import LoadedVoice
from gptsovits_ros.engine.model_cache import FileState, file_states, size_bytes
from gptsovits_ros.voice.store import Voice, VoiceStore

log = logging.getLogger(__name__)


@dataclass
class _Resident:
    """A voice in memory.

    Attributes:
        loaded: the voice.
        files: its files as they were when it was loaded.
        users: how many utterances speak with it now.

    """

    loaded: LoadedVoice
    files: tuple[FileState, ...]
    users: int = 0


class VoicePool:
    """Loads voices, and unloads the least recently used one when a memory budget is exceeded.

    What several voices share is counted once. The voice used last and those that speak stay, so
    more than the budget can be in use; while a voice is loaded, the others are still there.
    """

    def __init__(
        self, store: VoiceStore, load: Callable[[Voice], LoadedVoice], budget_mb: int = 0
    ) -> None:
        """Take the store, what loads a voice, and the budget [MiB]; 0: no limit."""
        self._store = store
        self._load = load
        self._budget = budget_mb * MIB
        self._residents: OrderedDict[str, _Resident] = OrderedDict()

    @property
    def names(self) -> list[str]:
        """Voices in memory, the least recently used first."""
        return list(self._residents)

    @property
    def size_bytes(self) -> int:
        """Memory of the weights of all voices in memory."""
        residents = self._residents.values()
        return size_bytes(module for resident in residents for module in resident.loaded.modules)

    def voice(self, name: str) -> LoadedVoice:
        """Return a voice, loaded if it is not in memory or if its files have changed.

        Raises:
            GptsovitsError: there is no such voice, or a file of it cannot be used.

        """
        return self._resident(name).loaded

    def drop(self, name: str) -> None:
        """Give up a voice that was deleted or replaced, if it is in memory."""
        if self._residents.pop(name, None) is not None:
            _give_back_memory()
            log.info('voice "%s" unloaded', name)

    def clear(self) -> None:
        """Give up all voices that nobody uses."""
        names = [name for name, resident in self._residents.items() if not resident.users]
        for name in names:
            del self._residents[name]
        if names:
            _give_back_memory()
            log.info('unloaded: %s', ', '.join(names))

    @contextmanager
    def using(self, name: str) -> Iterator[LoadedVoice]:
        """Keep a voice in memory while it speaks; raises as `voice` does."""
        resident = self._resident(name)
        resident.users += 1
        try:
            yield resident.loaded
        finally:
            resident.users -= 1
            self._make_room()

    def _resident(self, name: str) -> _Resident:
        resident = self._residents.get(name)
        if resident is None or not self._is_current(name, resident):
            # First given up, so that an old and a new version are not in memory together.
            self._residents.pop(name, None)
            resident = self._loaded(name)
            self._residents[name] = resident
            self._make_room()
            self._warn_if_crowded(name)
        self._residents.move_to_end(name)
        return resident

    def _is_current(self, name: str, resident: _Resident) -> bool:
        """Tell whether this is still the voice of that name, as it is on disk."""
        voice = resident.loaded.voice
        # A bundled voice that is hidden by another one has not changed itself.
        return (
            voice.folder == self._store.folder(name) and file_states(voice.files) == resident.files
        )

    def _loaded(self, name: str) -> _Resident:
        start = time.monotonic()
        voice = self._store.voice(name)
        # Taken first, so that a change while it is being loaded is noticed at the next use.
        files = file_states(voice.files)
        resident = _Resident(self._load(voice), files)
        _give_back_memory()
        log.info(
            'voice "%s" (%s) loaded in %.1f s, %d MiB',
            name,
            voice.model_version,
            time.monotonic() - start,
            size_bytes(resident.loaded.modules) / MIB,
        )
        return resident

    def _make_room(self) -> None:
        """Unload voices that nobody uses, but never the one used last."""
        if not self._budget:
            return
        for name in self.names[:-1]:
            if self.size_bytes <= self._budget:
                return
            if not self._residents[name].users:
                del self._residents[name]
                _give_back_memory()
                log.info('voice "%s" unloaded', name)

    def _warn_if_crowded(self, name: str) -> None:
        if self._budget and self.size_bytes > self._budget:
            log.warning(
                'with voice "%s" %d MiB are in use, more than engine.memory_budget_mb allows (%d)',
                name,
                self.size_bytes / MIB,
                self._budget / MIB,
            )


def _give_back_memory() -> None:
    """Give the system what is no longer needed, where its C library can be asked to."""
    # Models of other packages refer to themselves, and would stay until some later day.
    gc.collect()
    # glibc keeps what was freed, half a gigabyte after a voice was loaded; others do not offer it.
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim is not None:
        trim(0)
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
