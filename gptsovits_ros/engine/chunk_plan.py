"""When the tokens of a segment become sound, and when that may leave (docs/performance.md).

The first piece is small, so that it is soon there; later ones are larger, since a piece costs
SoVITS its neighbours too. Where pieces end depends on nothing that is measured: the same request
with the same seed is the same audio on a busy machine. What is measured, the pace of the models,
only tells how many pieces to have before the first one leaves, so that a machine slower than
speech does not fall silent within a segment.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

# Tokens whose sound is the first piece; 40 ms each. With the look-ahead they are more than the 11
# that a GPT makes at least, so that one which ends at once is known before anything is heard.
FIRST_TOKENS = 8
# A piece is so many times as long as the one before. The models keep up with a player that starts
# at once if they take less than about the inverse of the time of speech.
GROWTH = 1.3
# Longer pieces would save little, and a cancel waits for the piece that is being made.
LARGEST_TOKENS = 25

# What a piece takes of SoVITS beyond its own tokens, in tokens.
CONTEXT_TOKENS = 7
# A machine may well become so many times slower than it was.
RESERVE = 1.15
# How much of a measured pace is the newest value.
NEWEST = 0.2

Result = TypeVar('Result')


def stops(first: int = FIRST_TOKENS) -> Iterator[int]:
    """Yield how many tokens have become sound after each piece, without end."""
    size, stop = float(first), 0
    while True:
        stop += int(size)
        yield stop
        size = min(size * GROWTH, LARGEST_TOKENS)


@dataclass(frozen=True)
class Pace:
    """How fast the models are.

    Attributes:
        draw_s: to draw a token [s].
        decode_s: to make the sound of a token, its share of neighbours not counted [s].

    """

    draw_s: float
    decode_s: float


class PaceMeter:
    """Measures the models of a voice while they speak."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without any knowledge."""
        self._clock = clock
        self._draw_s: float | None = None
        self._decode_s: float | None = None

    @property
    def pace(self) -> Pace | None:
        """What was measured; None before the first segment."""
        if self._draw_s is None or self._decode_s is None:
            return None
        return Pace(self._draw_s, self._decode_s)

    def drawn(self, tokens: Iterable[int]) -> Iterator[int]:
        """Yield tokens and measure what each takes, but the first, which waits for the text."""
        iterator = iter(tokens)
        is_first = True
        while True:
            start = self._clock()
            token = next(iterator, None)
            if token is None:
                return
            if not is_first:
                self.drew(self._clock() - start)
            is_first = False
            yield token

    def drew(self, took_s: float) -> None:
        """Take what a token that somebody else drew took [s]."""
        self._draw_s = _smoothed(self._draw_s, took_s)

    def decoded(self, tokens: int, decode: Callable[[], Result]) -> Result:
        """Return the result of a decode of so many tokens, and measure what it takes."""
        start = self._clock()
        result = decode()
        took = self._clock() - start
        self._decode_s = _smoothed(self._decode_s, took / (tokens + CONTEXT_TOKENS))
        return result


@dataclass(frozen=True)
class ChunkPlan:
    """How a segment is cut into pieces.

    Attributes:
        lookahead: tokens that must be known behind those that become sound.
        head_start: pieces to have before the first one leaves.
        overlaps: whether tokens are drawn while those before them become sound.

    """

    lookahead: int
    head_start: int = 1
    overlaps: bool = False

    @classmethod
    def of(
        cls,
        lookahead: int,
        tokens: float,
        token_duration_s: float,
        pace: Pace | None,
        overlaps: bool,
    ) -> ChunkPlan:
        """Return the plan of a segment.

        Args:
            lookahead: of the acoustic model.
            tokens: that the segment is expected to take.
            token_duration_s: how long a token is heard [s].
            pace: of the models; None: not known, and taken for fast enough.
            overlaps: whether tokens are drawn while those before them become sound.

        """
        held = 1
        if pace is not None:
            held = head_start(lookahead, round(tokens), token_duration_s, pace, overlaps)
        return cls(lookahead, held, overlaps)

    def ready(self, tokens: Iterable[int], known: list[int]) -> Iterator[int | None]:
        """Collect tokens in `known`; yield each stop when its sound can be made, None at the end.

        A stop is how many tokens have become sound once that of this piece was made.
        """
        ends = stops()
        stop = next(ends)
        for token in tokens:
            known.append(token)
            if len(known) == stop + self.lookahead:
                yield stop
                stop = next(ends)
        yield None


class WholePlan:
    """The plan of a segment that is decoded in one piece."""

    head_start = 1
    overlaps = False

    def ready(self, tokens: Iterable[int], known: list[int]) -> Iterator[int | None]:
        """Collect all tokens in `known`, and yield None."""
        known.extend(tokens)
        yield None


Plan = ChunkPlan | WholePlan


def head_start(
    lookahead: int, tokens: int, token_duration_s: float, pace: Pace, overlaps: bool
) -> int:
    """Return how many pieces to have before the first leaves, so that the player never waits.

    The player is taken to start with the first piece, and to play without a pause. Arguments are
    those of ChunkPlan.of.
    """
    made_at, heard_s = _timeline(lookahead, tokens, token_duration_s, pace, overlaps)

    def suffices(first: int) -> bool:
        later = zip(made_at[first + 1 :], heard_s[first:], strict=False)
        return all(at <= made_at[first] + heard for at, heard in later)

    # With all of them made there is none to wait for.
    return 1 + next(filter(suffices, range(len(made_at))))


def _timeline(
    lookahead: int, tokens: int, token_duration_s: float, pace: Pace, overlaps: bool
) -> tuple[list[float], list[float]]:
    """Return for each piece when it is made, and the length of all sound up to its end [s]."""
    made_at, heard_s = [], []
    now_s, drawn, done = 0.0, 0, 0
    ends = itertools.takewhile(lambda stop: stop + lookahead < tokens, stops())
    for end, known in [*((stop, stop + lookahead) for stop in ends), (tokens, tokens)]:
        if overlaps:
            now_s = max(now_s, pace.draw_s * known)
        else:
            now_s += pace.draw_s * (known - drawn)
        now_s += pace.decode_s * (end - done + CONTEXT_TOKENS)
        made_at.append(RESERVE * now_s)
        heard_s.append(end * token_duration_s)
        drawn, done = known, end
    return made_at, heard_s


def _smoothed(before: float | None, newest: float) -> float:
    return newest if before is None else before + NEWEST * (newest - before)
