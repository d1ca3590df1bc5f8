"""Draw a segment, look at it, draw again: what the engine does about what the guard finds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from gptsovits_ros.engine.guard import (
    Fault,
    SegmentGuard,
    retry_seed,
    safe_sampling,
    wave_faults,
)
from gptsovits_ros.types import SamplingParameters

Generator = TypeVar('Generator')


@dataclass(frozen=True)
class Models(Generic[Generator]):
    """How tokens and sound of the segment are made.

    Attributes:
        draw: yields tokens; raises CanceledError.
        decode: returns the waveform float32 [T] of tokens; raises CanceledError.
        generator: returns a new source of randomness for a seed.

    """

    draw: Callable[[SamplingParameters, Generator], Iterator[int]]
    decode: Callable[[list[int], Generator], np.ndarray]
    generator: Callable[[int], Generator]


@dataclass(frozen=True)
class Retries:
    """How often, and with which seeds.

    Attributes:
        count: attempts with other seeds, from 1; the one with the safe setting comes on top.
        seed: of the utterance.
        segment: number of the segment in the utterance.

    """

    count: int
    seed: int
    segment: int


@dataclass(frozen=True)
class _Attempt(Generic[Generator]):
    """One try at a segment; `wave` is None until it is worth decoding."""

    how: str
    tokens: list[int]
    generator: Generator
    faults: tuple[Fault, ...]
    wave: np.ndarray | None = None

    @property
    def severity(self) -> float:
        return sum(fault.severity for fault in self.faults)


def speak_guarded(
    guard: SegmentGuard,
    models: Models[Generator],
    sampling: SamplingParameters,
    generator: Generator,
    retries: Retries,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the waveform of a segment, float32 [T], and what the guard did.

    The first attempt draws from `generator` as if there were no guard. If something is wrong with
    it, others follow, each with a seed of its own, the last with a safe setting. Of attempts that
    all are wrong the best is spoken.

    Returns:
        The waveform, and "<fault>:<action>" for each fault that was met: "retried" (another seed
        was right), "safe" (the safe setting was), "replaced" (another attempt is spoken, with a
        fault of its own), "kept" (it is spoken, as the best there is), "cut" (too long, spoken up
        to the end of the band) or "silenced" (samples that are no numbers were set to 0).

    Raises:
        CanceledError: the caller wants no more.

    """
    attempts = []
    for attempt in _attempts(guard, models, sampling, generator, retries):
        if not attempt.faults:
            attempt = _decoded(attempt, models)
        attempts.append(attempt)
        if not guard.is_retry_worth(attempt.faults):
            break
    spoken = _best(attempts, models) if attempt.faults else attempt
    return _samples(spoken), _report(attempts, spoken)


def _attempts(
    guard: SegmentGuard,
    models: Models[Generator],
    sampling: SamplingParameters,
    generator: Generator,
    retries: Retries,
) -> Iterator[_Attempt[Generator]]:
    """Yield attempts, drawn one by one as they are asked for."""
    plans = [('first', sampling), *[('retried', sampling)] * retries.count]
    plans.append(('safe', safe_sampling(sampling)))
    for number, (how, drawing) in enumerate(plans):
        if number:
            generator = models.generator(retry_seed(retries.seed, retries.segment, number))
        # One more than there should be shows that there are too many; all others are not needed.
        tokens = list(itertools.islice(models.draw(drawing, generator), guard.high + 1))
        yield _Attempt(how, tokens[: guard.high], generator, guard.faults(tokens))


def _decoded(attempt: _Attempt[Generator], models: Models[Generator]) -> _Attempt[Generator]:
    """Return an attempt with its waveform, and what is wrong with that."""
    if attempt.wave is not None:
        return attempt
    wave = np.zeros(0, dtype=np.float32)
    if attempt.tokens:
        wave = models.decode(attempt.tokens, attempt.generator)
    return replace(attempt, wave=wave, faults=attempt.faults + wave_faults(wave))


def _best(attempts: list[_Attempt[Generator]], models: Models[Generator]) -> _Attempt[Generator]:
    """Return the least bad attempt, decoded; one that can be heard, if there is any."""
    decoded = []
    for attempt in sorted(attempts, key=lambda attempt: attempt.severity):
        decoded.append(_decoded(attempt, models))
        if not wave_faults(decoded[-1].wave):
            return decoded[-1]
    return min(decoded, key=lambda attempt: attempt.severity)


def _samples(attempt: _Attempt[Generator]) -> np.ndarray:
    """Return a waveform that can be played whatever happened."""
    return np.nan_to_num(attempt.wave, nan=0.0, posinf=0.0, neginf=0.0)


def _report(attempts: list[_Attempt[Generator]], spoken: _Attempt[Generator]) -> tuple[str, ...]:
    """Return "<fault>:<action>" for each kind of fault, in the order in which they came."""
    last_resort = {'too_long': 'cut', 'not_finite': 'silenced'}
    kept = [fault.name for fault in spoken.faults]
    away = 'replaced' if kept else spoken.how
    names = dict.fromkeys([fault.name for attempt in attempts for fault in attempt.faults] + kept)
    return tuple(
        f'{name}:{last_resort.get(name, "kept") if name in kept else away}' for name in names
    )
