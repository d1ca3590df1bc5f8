"""Draw a segment, look at it, draw again: what the engine does about what the guard finds.

Tokens become sound piece by piece, by a plan. Until the first piece has left, a segment that is
wrong is drawn again and nobody hears it; from then on it is spoken as it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np

from gptsovits_ros.engine.chunk_plan import Plan
from gptsovits_ros.engine.guard import (
    Fault,
    SegmentGuard,
    safe_sampling,
    wave_faults,
)
from gptsovits_ros.engine.seeds import attempt_seed
from gptsovits_ros.types import SamplingParameters

# Takes all tokens that are known, and how many of them have become sound after this piece (None:
# all, and there will be no more); returns the waveform float32 [T] that follows the last piece.
Decode = Callable[[Sequence[int], int | None], np.ndarray]


@dataclass(frozen=True)
class Models:
    """How tokens and sound of the segment are made.

    Attributes:
        draw: yields tokens, by a seed, and no more than so many (None: any number); raises
            CanceledError. To be closed, since it may draw ahead of the one who takes them.
        decoder: returns what decodes the tokens of that seed, piece by piece; that raises
            CanceledError.
        plan: which pieces.

    """

    draw: Callable[[SamplingParameters, int, int | None], Generator[int, None, None]]
    decoder: Callable[[int], Decode]
    plan: Plan


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
class Piece:
    """Sound that may be heard.

    Attributes:
        wave: float32 [T].
        is_end: whether it is the last of the segment.
        tokens: all that were known of the segment.
        made: how many of them have become sound.
        report: what the guard did; only in the last piece.

    """

    wave: np.ndarray
    is_end: bool
    tokens: tuple[int, ...]
    made: int
    report: tuple[str, ...] = ()


@dataclass
class _Attempt:
    """One try at a segment, and what has become of it so far.

    Attributes:
        how: what is reported where it is right.
        sampling: how its tokens are drawn.
        seed: of its randomness.
        tokens: drawn so far, one more than the guard allows at most.
        is_drawn: whether these are all.
        made: how many of them have become sound.
        token_faults: what is wrong with them.
        wave: all of its sound, once that was made at once.
        sound_faults: what is wrong with what was made of it.
        is_heard: whether some of it was.

    """

    how: str
    sampling: SamplingParameters
    seed: int
    tokens: list[int] = field(default_factory=list)
    is_drawn: bool = False
    made: int = 0
    token_faults: tuple[Fault, ...] = ()
    wave: np.ndarray | None = None
    sound_faults: tuple[Fault, ...] = ()
    is_heard: bool = False

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self.token_faults + self.sound_faults

    @property
    def severity(self) -> float:
        return sum(fault.severity for fault in self.faults)


def speak(models: Models, sampling: SamplingParameters, seed: int) -> Generator[Piece, None, None]:
    """Yield a segment, whatever it sounds like.

    Raises:
        CanceledError: the caller wants no more.

    """
    return _after_head_start(_as_it_comes(models, sampling, seed), models.plan.head_start)


def speak_guarded(
    guard: SegmentGuard, models: Models, sampling: SamplingParameters, retries: Retries
) -> Generator[Piece, None, None]:
    """Yield a segment that was judged before it is heard, as far as the plan lets it be.

    The first attempt is what would be spoken without a guard. If something is wrong with it before
    its first piece is made, others follow, each with a seed of its own, the last with a safe
    setting. Of attempts that all are wrong the best is spoken.

    The last piece has "<fault>:<action>" for each fault that was met: "retried" (another seed was
    right), "safe" (the safe setting was), "replaced" (another attempt is spoken, with a fault of
    its own), "kept" (it is spoken, as the best there is or because some of it was heard), "cut"
    (too long, spoken up to the end of the band) or "silenced" (samples that are no numbers were
    set to 0).

    Raises:
        CanceledError: the caller wants no more.

    """
    pieces = _judged(guard, models, sampling, retries)
    return _after_head_start(pieces, models.plan.head_start)


def _after_head_start(
    pieces: Generator[Piece, None, None], count: int
) -> Generator[Piece, None, None]:
    """Yield pieces, the first ones together once there are so many.

    That changes when sound leaves and nothing else: which attempt it is of was decided by then.
    """
    held: list[Piece] = []
    with closing(pieces):
        for number, piece in enumerate(pieces, 1):
            held.append(piece)
            if number >= count or piece.is_end:
                wave = np.concatenate([one.wave for one in held])
                yield replace(piece, wave=wave)
                held.clear()


def _as_it_comes(
    models: Models, sampling: SamplingParameters, seed: int
) -> Generator[Piece, None, None]:
    """Yield each piece of a segment."""
    tokens: list[int] = []
    decode = models.decoder(seed)
    with closing(models.draw(sampling, seed, None)) as drawn:
        for stop in models.plan.ready(drawn, tokens):
            made = len(tokens) if stop is None else stop
            yield Piece(decode(tokens, stop), stop is None, tuple(tokens), made)


def _judged(
    guard: SegmentGuard, models: Models, sampling: SamplingParameters, retries: Retries
) -> Generator[Piece, None, None]:
    """Yield each piece of the attempt that is spoken."""
    attempts: list[_Attempt] = []
    for attempt in _planned(sampling, retries):
        attempts.append(attempt)
        yield from _unless_wrong(guard, models, attempts)
        if attempt.is_heard:
            return
        if not guard.is_retry_worth(attempt.faults):
            break
    best = _best(guard, models, attempts)
    tokens = tuple(best.tokens[: guard.high])
    yield Piece(_playable(best.wave), True, tokens, len(tokens), _report(attempts, best))


def _planned(sampling: SamplingParameters, retries: Retries) -> Iterator[_Attempt]:
    """Yield attempts of which nothing was drawn yet."""
    plans = [('first', sampling), *[('retried', sampling)] * retries.count]
    plans.append(('safe', safe_sampling(sampling)))
    for number, (how, drawing) in enumerate(plans):
        yield _Attempt(how, drawing, attempt_seed(retries.seed, retries.segment, number))


def _unless_wrong(
    guard: SegmentGuard, models: Models, attempts: list[_Attempt]
) -> Iterator[Piece]:
    """Yield the last attempt; nothing if something is wrong with it before any of it has left."""
    attempt, held = attempts[-1], []
    with closing(_waves(guard, models, attempt)) as waves:
        for wave in waves:
            held.append(wave)
            sound = np.concatenate(held)
            faults = wave_faults(sound)
            if not attempt.is_heard:
                # Where speech begins with silence, that is not all there is.
                if faults and (attempt.is_drawn or faults[0].name == 'not_finite'):
                    attempt.sound_faults = faults
                    return
                if (guard.is_brief or faults) and not attempt.is_drawn:
                    continue
                attempt.is_heard = True
            elif not np.isfinite(sound).all():
                attempt.sound_faults = faults
            report = _report(attempts, attempt) if attempt.is_drawn else ()
            tokens = tuple(attempt.tokens[: guard.high])
            yield Piece(_playable(sound), attempt.is_drawn, tokens, attempt.made, report)
            held.clear()


def _waves(
    guard: SegmentGuard, models: Models, attempt: _Attempt
) -> Generator[np.ndarray, None, None]:
    """Yield the sound of an attempt, whose tokens are judged before each piece.

    It ends before the first piece that must not be heard.
    """
    decode = models.decoder(attempt.seed)
    with closing(_drawn(guard, models, attempt)) as drawn:
        for stop in models.plan.ready(drawn, attempt.tokens):
            attempt.is_drawn = stop is None
            if attempt.is_drawn:
                attempt.token_faults = guard.faults(attempt.tokens)
            elif not attempt.is_heard:
                attempt.token_faults = guard.early_faults(attempt.tokens)
            if attempt.token_faults and not attempt.is_heard:
                return
            tokens = attempt.tokens[: guard.high]
            attempt.made = len(tokens) if stop is None else stop
            yield decode(tokens, stop)


def _drawn(guard: SegmentGuard, models: Models, attempt: _Attempt) -> Generator[int, None, None]:
    """Draw the tokens of an attempt; one too many is enough to see that there are too many."""
    return models.draw(attempt.sampling, attempt.seed, guard.high + 1)


def _best(guard: SegmentGuard, models: Models, attempts: list[_Attempt]) -> _Attempt:
    """Return the least bad attempt, decoded; one that can be heard, if there is any."""
    for attempt in sorted(attempts, key=lambda attempt: attempt.severity):
        _complete(guard, models, attempt)
        if not attempt.sound_faults:
            return attempt
    return min(attempts, key=lambda attempt: attempt.severity)


def _complete(guard: SegmentGuard, models: Models, attempt: _Attempt) -> None:
    """Draw what was not drawn to its end, by its seed, and make all of its sound."""
    if not attempt.is_drawn:
        with closing(_drawn(guard, models, attempt)) as drawn:
            attempt.tokens = list(drawn)
        attempt.token_faults = guard.faults(attempt.tokens)
        attempt.is_drawn = True
    known: list[int] = []
    decode = models.decoder(attempt.seed)
    stops = models.plan.ready(attempt.tokens[: guard.high], known)
    attempt.wave = np.concatenate([decode(known, stop) for stop in stops])
    attempt.sound_faults = wave_faults(attempt.wave)


def _playable(wave: np.ndarray) -> np.ndarray:
    """Return a waveform that can be played whatever happened."""
    return np.nan_to_num(wave, nan=0.0, posinf=0.0, neginf=0.0)


def _report(attempts: list[_Attempt], spoken: _Attempt) -> tuple[str, ...]:
    """Return "<fault>:<action>" for each kind of fault, in the order in which they came."""
    last_resort = {'too_long': 'cut', 'not_finite': 'silenced'}
    kept = [fault.name for fault in spoken.faults]
    away = 'replaced' if kept else spoken.how
    names = dict.fromkeys([fault.name for attempt in attempts for fault in attempt.faults] + kept)
    return tuple(
        f'{name}:{last_resort.get(name, "kept") if name in kept else away}' for name in names
    )
