"""How long it takes until a phrase of the cache is there: from memory, and from disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bench.report import Row, timed
from bench.setup import Setup
from gptsovits_ros.engine.phrase_cache import PhraseCache
from gptsovits_ros.semantic.generate import never
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import AudioChunk, SpeechRequest
from gptsovits_ros.voice.store import VoiceStore

RATE = 32000
# Five seconds in pieces as they are streamed.
PIECES, PIECE_S = 10, 0.5
TIMES = 100


def measure(setup: Setup) -> Iterator[Row]:
    """Yield the rows; what is done is what the engine does between a request and its first chunk.

    The models have no part in it, so noise stands for speech.
    """
    folder = setup.voice_folder()
    conditions = setup.conditions('cpu')
    store = VoiceStore(folder.parent)
    request = SpeechRequest('Good morning, what can I do for you?', seed=1)
    with tempfile.TemporaryDirectory() as root:
        settings = EngineSettings(cache='seeded', cache_root=root)
        cache = PhraseCache(settings)
        hash_s, _ = timed(lambda: cache.prepare(store.voice(folder.name)))
        yield conditions.row('first look at the files of a voice', [hash_s], 's')
        list(cache.speak(request, store.voice(folder.name), _noise, never))
        for name, cached in (
            ('memory', cache),
            ('disk', PhraseCache(replace(settings, cache_memory_mb=0))),
        ):
            times = [_first_chunk(cached, store, folder.name, request) for _ in range(TIMES)]
            yield from conditions.quantiles(f'phrase from {name}', times, 's')


def _first_chunk(
    cache: PhraseCache, store: VoiceStore, name: str, request: SpeechRequest
) -> float:
    """Return how long the first chunk of a phrase that is there takes [s]."""
    return timed(lambda: next(cache.speak(request, store.voice(name), _nothing, never)))[0]


def _noise() -> Iterator[AudioChunk]:
    noise = np.random.default_rng(0)
    for _ in range(PIECES):
        samples = noise.uniform(-0.5, 0.5, int(PIECE_S * RATE)).astype(np.float32)
        yield AudioChunk(samples, RATE)


def _nothing() -> Iterator[AudioChunk]:
    raise AssertionError('the phrase is not in the cache')
