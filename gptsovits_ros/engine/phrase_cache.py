"""Phrases that are heard at once, because they were made before (docs/phrases.md).

What is kept is an utterance as the engine gave it: chunks with all their fields, the samples as
16-bit integers, which is what the node publishes. Knows nothing of ROS and needs no torch.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgpack

from gptsovits_ros import __version__
from gptsovits_ros.audio.pcm import from_s16le, to_s16le
from gptsovits_ros.engine import wire
from gptsovits_ros.engine.file_hashes import FileHashes
from gptsovits_ros.engine.phrase_files import PhraseFiles
from gptsovits_ros.engine.private_files import cache_root
from gptsovits_ros.errors import (
    AudioInvalidError,
    CanceledError,
    ConfigurationError,
    GptsovitsError,
    VoiceStoreError,
)
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import AudioChunk, SpeechRequest
from gptsovits_ros.voice.store import Voice

MIB = 1 << 20
SPOKEN = 'spoken'
PRERENDERED = 'prerendered'
# What the guard did that leaves a segment right; after all else something is wrong with it.
MENDED = ('retried', 'safe')

log = logging.getLogger(__name__)


class PhraseCache:
    """Answers requests that were answered before. Used by one thread.

    A phrase is known by its text, all other fields of the request, the content of all files of
    the voice and of the lexicon, and the version of this package. Device and precision are no
    part of it: what a workstation prerendered is for the robot too.

    Attributes:
        folder: where the phrases are.

    """

    def __init__(self, settings: EngineSettings) -> None:
        """Open the cache that the settings describe; nothing is written yet."""
        folder = cache_root(settings.cache_root) / 'phrases'
        self.folder = folder
        self._mode = settings.cache
        self._size_mb = settings.cache_mb
        self._reading = settings.upstream_compatible
        self._is_marked = settings.watermark
        self._lexicon = (Path(settings.lexicon),) if settings.lexicon else ()
        self._hashes = FileHashes(folder / 'files.json')
        self._files = PhraseFiles(
            folder, settings.cache_mb * MIB, settings.cache_memory_mb * MIB, SPOKEN
        )
        self._is_failure_told = False

    def speak(
        self,
        request: SpeechRequest,
        voice: Voice,
        synthesize: Callable[[], Iterator[AudioChunk]],
        cancelled: Callable[[], bool],
    ) -> Iterator[AudioChunk]:
        """Yield the audio of a request, from the cache if it is there.

        Only what was spoken to its end is kept; a cache that cannot be read or written changes
        nothing but the time that it takes.

        Args:
            request: what to say.
            voice: the voice that says it.
            synthesize: starts to make the audio (a generator).
            cancelled: asked before each chunk from the cache.

        Raises:
            CanceledError: cancelled() said yes.
            GptsovitsError: what `synthesize` raises.

        """
        key = self._key_if_readable(request, voice)
        known = () if key is None else self._known(key, request, voice)
        if known:
            log.debug('%d chunks come from the phrase cache', len(known))
            for chunk in known:
                if cancelled():
                    raise CanceledError('the utterance was cancelled')
                yield chunk
            return
        # What is left of a text that is resumed is no phrase.
        is_kept, spoken = self._keeps(request) and not request.first_segment, []
        with closing(synthesize()) as chunks:
            for chunk in chunks:
                if is_kept:
                    spoken.append(chunk)
                yield chunk
        # Drawn anew, a phrase that came out wrong may come out right the next time.
        if spoken and (request.seed is not None or not faults(spoken)):
            # Of a voice that was deleted or replaced meanwhile nothing is kept.
            if key is not None and key == self._key_if_readable(request, voice):
                self._keep(key, voice, spoken)

    def key(self, request: SpeechRequest, voice: Voice) -> str:
        """Return what a phrase is known by; raises OSError if a file of the voice is gone."""
        said = {
            'request': wire.to_map(replace(request, voice='', first_segment=0, marks=False), []),
            'voice': self._voice_hash(voice),
            'upstream_compatible': self._reading,
            'watermark': self._is_marked,
            'version': __version__,
        }
        plain = json.dumps(said, sort_keys=True).encode()
        return hashlib.blake2b(plain, digest_size=20).hexdigest()

    def prepare(self, voice: Voice) -> None:
        """Read all files of a voice that were not read before, so that no request has to."""
        try:
            self._voice_hash(voice)
        except OSError as error:
            self._tell(error)

    def is_prerendered(self, request: SpeechRequest, voice: Voice) -> bool:
        """Tell whether a phrase is on the shelf of prerendered ones, undamaged."""
        return self._files.get(_prerendered(voice.name), self.key(request, voice)) is not None

    def add(self, request: SpeechRequest, voice: Voice, chunks: Sequence[AudioChunk]) -> None:
        """Put a phrase on the shelf of prerendered ones, from which nothing removes it.

        Raises:
            ConfigurationError: there is no room for it.
            OSError: it cannot be written.

        """
        if not self._files.put(
            _prerendered(voice.name), self.key(request, voice), _packed(chunks)
        ):
            raise ConfigurationError(
                f'the phrase cache is full ({self._size_mb} MiB of prerendered phrases); raise '
                'engine.cache_mb, or remove phrases that are no longer in the file (--prune)'
            )

    def prune(self, voice: Voice, wanted: Sequence[SpeechRequest]) -> int:
        """Remove the prerendered phrases of a voice but the wanted ones; return how many."""
        keep = {self.key(request, voice) for request in wanted}
        stale = [key for key in self._files.keys(_prerendered(voice.name)) if key not in keep]
        for key in stale:
            self._files.drop(_prerendered(voice.name), key)
        return len(stale)

    def forget(self, name: str) -> None:
        """Remove all phrases of a voice that is going to be deleted or replaced.

        Raises:
            VoiceStoreError: they cannot be removed.

        """
        try:
            for shelf in (_prerendered(name), _spoken(name)):
                self._files.drop_shelf(shelf)
            # Releases before this one did not tell apart whose these are.
            for key in self._files.keys(SPOKEN):
                self._files.drop(SPOKEN, key)
        except OSError as error:
            raise VoiceStoreError(
                f'what voice "{name}" said cannot be removed from {self.folder} ({error}), so the '
                'voice stays as it is; make that folder writable, or remove it, and try again'
            ) from error

    def _voice_hash(self, voice: Voice) -> str:
        """Return a hash of all files that a voice is read with."""
        return self._hashes.of((*voice.files, *self._lexicon))

    def _known(self, key: str, request: SpeechRequest, voice: Voice) -> tuple[AudioChunk, ...]:
        """Return the chunks of a phrase; none if it is not there, or not to be used."""
        shelves = [_prerendered(voice.name)]
        if self._keeps(request):
            shelves.append(_spoken(voice.name))
        try:
            for shelf in shelves:
                record = self._files.get(shelf, key)
                if record is not None:
                    return _from_segment(request.first_segment, self._chunks(shelf, key, record))
        except OSError as error:
            self._tell(error)
        return ()

    def _key_if_readable(self, request: SpeechRequest, voice: Voice) -> str | None:
        """Return what a phrase is known by; None, and it is told: the voice cannot be read."""
        try:
            return self.key(request, voice)
        except OSError as error:
            self._tell(error)
        return None

    def _chunks(self, shelf: str, key: str, record: bytes) -> tuple[AudioChunk, ...]:
        try:
            return _unpacked(record)
        except (GptsovitsError, ValueError, TypeError) as error:
            log.warning('the phrase %s is no phrase and was removed: %s', key[:8], error)
            self._files.drop(shelf, key)
        return ()

    def _keep(self, key: str, voice: Voice, chunks: Sequence[AudioChunk]) -> None:
        try:
            self._files.put(_spoken(voice.name), key, _packed(chunks))
        except AudioInvalidError as error:
            log.debug('a phrase is not kept: %s', error)
        except OSError as error:
            self._tell(error)
        else:
            self._is_failure_told = False

    def _keeps(self, request: SpeechRequest) -> bool:
        """Tell whether what is spoken is kept, and served again."""
        return self._mode == 'all' or self._mode == 'seeded' and request.seed is not None

    def _tell(self, error: OSError) -> None:
        """Log a failure, once until something can be kept again."""
        if not self._is_failure_told:
            log.warning('the phrase cache cannot be used, and speech goes on: %s', error)
        self._is_failure_told = True


def faults(chunks: Sequence[AudioChunk]) -> list[str]:
    """Return what the guard found and could not mend, "<fault>:<action>" each (docs/guard.md)."""
    reports = [report for chunk in chunks for report in chunk.guard]
    return [report for report in reports if report.rpartition(':')[2] not in MENDED]


def _prerendered(name: str) -> str:
    return f'{PRERENDERED}/{name}'


def _spoken(name: str) -> str:
    return f'{SPOKEN}/{name}'


def _from_segment(first: int, chunks: tuple[AudioChunk, ...]) -> tuple[AudioChunk, ...]:
    return tuple(chunk for chunk in chunks if chunk.segment_index >= first)


def _packed(chunks: Sequence[AudioChunk]) -> bytes:
    return msgpack.packb([[wire.to_map(chunk, []), to_s16le(chunk.samples)] for chunk in chunks])


def _unpacked(record: bytes) -> tuple[AudioChunk, ...]:
    """Return chunks; raises GptsovitsError, ValueError or TypeError if they are none."""
    return tuple(
        wire.from_map(AudioChunk, fields, [from_s16le(pcm).astype('<f4').tobytes()])
        for fields, pcm in msgpack.unpackb(record)
    )
