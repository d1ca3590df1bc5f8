"""What a segment should look like, and what is wrong with it if it does not (docs/guard.md).

Semantic tokens are judged before they are decoded, the sound after it. Pure functions of numbers:
nothing here draws, decodes or loads torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gptsovits_ros.semantic.token_table import TokenTable
from gptsovits_ros.types import SamplingParameters

# Tokens (25 per second) per phoneme of each class, and for the silence around a clip: a fit to the
# 2138 English and Mandarin clips of two synthetic readers (docs/guard.md has quantiles).
VOWEL_TOKENS = 3.15
CONSONANT_TOKENS = 0.75
MARK_TOKENS = 4.43
EDGE_TOKENS = 6.73

# A prompt may be read this much slower or faster than by those readers; beyond it, its text is
# more likely wrong than its pace.
SLOWEST, FASTEST = 1.7, 0.6

# All clips of the fit lie within 0.70 and 1.97 of what is expected. A band is wider, since voices
# differ, and has a second more for a pause, which weighs most in the shortest texts.
LOW_FACTOR, HIGH_FACTOR = 0.55, 2.0
HIGH_EXTRA_TOKENS = 25

# Tokens that repeat those `period` before them: 16 at most in the clips, all of it silence.
LOOP_TOKENS = 25
LONGEST_PERIOD = 50

# Clips of different texts share runs of 7 tokens at most with the last seconds of another.
TAIL_TOKENS = 75
LEAK_WINDOW, LEAK_EQUAL, LEAK_DISTINCT = 15, 12, 6
# Before there are LEAK_WINDOW tokens: so many in a row, which no pair of clips shares.
EARLY_LEAK_EQUAL = 8
# A text that repeats so many phonemes of the prompt may well sound as the prompt does.
SHARED_PHONEMES = 8

# A segment that is expected to take no more (1.2 s) is judged whole before it is heard: most
# faults are met in the shortest texts, and little time would be gained.
BRIEF_TOKENS = 30

# Below -50 dBFS there is no speech.
SILENT_PEAK = 10 ** (-50 / 20)

# The setting that is tried last.
SAFE_TEMPERATURE, SAFE_TOP_K, SAFE_PENALTY = 0.6, 5, 1.35

_MARKS = frozenset(('!', '?', '…', ',', '.', '-', 'SP', 'SP2', 'SP3', '停', '空'))
# Vowels, and moraic sounds as long as one, without a digit for tone or stress: Japanese, Korean,
# and the two English ones that occur without.
_BARE_VOWELS = frozenset((*'aeiouIUN', 'ER', 'IH', *'ㅏㅐㅓㅔㅗㅜㅡㅣ'))


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an attempt.

    Attributes:
        name: "too_short", "too_long", "loop", "leak", "skipped", "repeated", "silent" or
            "not_finite".
        severity: what is worse is larger; from 0.

    """

    name: str
    severity: float


@dataclass(frozen=True)
class Prompt:
    """What the guard knows of the voice.

    Attributes:
        phonemes: symbols of what is said in the prompt; empty: not known.
        tokens: semantic tokens of the prompt; empty without a prompt.

    """

    phonemes: tuple[str, ...] = ()
    tokens: tuple[int, ...] = ()

    @property
    def pace(self) -> float:
        """How many times as long as expected this voice takes, [FASTEST, SLOWEST]."""
        if not self.phonemes or not self.tokens:
            return 1.0
        return min(max(len(self.tokens) / expected_tokens(self.phonemes), FASTEST), SLOWEST)


@dataclass(frozen=True)
class SpokenOrder:
    """Which phonemes the tokens of a segment should say, one after the other.

    Attributes:
        table: what the tokens of each phoneme are like.
        phoneme_ids: of the segment.

    """

    table: TokenTable
    phoneme_ids: np.ndarray

    def faults(self, tokens: Sequence[int], is_whole: bool) -> tuple[Fault, ...]:
        """Return whether some were skipped or repeated, in all tokens or the first ones."""
        table = self.table
        leaps = table.leaps(self.phoneme_ids, tokens, is_whole)
        found = []
        if leaps.skip > table.skip_limit:
            found.append(Fault('skipped', leaps.skip / table.skip_limit))
        if leaps.repeat > table.repeat_limit:
            found.append(Fault('repeated', leaps.repeat / table.repeat_limit))
        return tuple(found)


@dataclass(frozen=True)
class SegmentGuard:
    """Judges the tokens of one segment.

    Attributes:
        low: fewer tokens are too few.
        high: more tokens are too many; no more than high + 1 need be drawn.
        tail: last tokens of the prompt; empty: leaks are not looked for.
        fits: False if the text is expected to need more tokens than the model can make.
        is_brief: whether nothing of it may be heard before all of it was judged.
        order: what the tokens should say; None: it is not known how to tell.

    """

    low: float
    high: int
    tail: tuple[int, ...] = ()
    fits: bool = True
    is_brief: bool = False
    order: SpokenOrder | None = None

    @classmethod
    def of(
        cls,
        phonemes: Sequence[str],
        prompt: Prompt,
        token_limit: int,
        order: SpokenOrder | None = None,
    ) -> SegmentGuard:
        """Return the guard of a segment.

        Args:
            phonemes: symbols of the segment.
            prompt: what is known of the voice.
            token_limit: most tokens that the model can make; a text that needs more is cut short
                by it, which is reported as "too_long".
            order: what the tokens should say, where the voice has a token table.

        """
        expected = expected_tokens(phonemes) * prompt.pace
        shared = longest_common_run(phonemes, prompt.phonemes)
        is_repeated = shared >= min(SHARED_PHONEMES, len(phonemes))
        return cls(
            low=min(LOW_FACTOR * expected, token_limit / 2),
            # Below the limit, so that reaching it is seen.
            high=min(round(HIGH_FACTOR * expected) + HIGH_EXTRA_TOKENS, token_limit - 1),
            tail=() if is_repeated else prompt.tokens[-TAIL_TOKENS:],
            fits=expected < token_limit,
            is_brief=expected <= BRIEF_TOKENS,
            order=order,
        )

    def faults(self, tokens: Sequence[int]) -> tuple[Fault, ...]:
        """Return what is wrong with all tokens of a segment; empty: nothing."""
        found = []
        if len(tokens) < self.low:
            found.append(Fault('too_short', self.low / max(len(tokens), 1)))
        if len(tokens) > self.high:
            found.append(Fault('too_long', 2.0))
        return (*found, *self._patterns(tokens), *self._disorder(tokens, is_whole=True))

    def early_faults(self, tokens: Sequence[int]) -> tuple[Fault, ...]:
        """Return what is wrong with the first tokens of a segment, whatever follows."""
        found = (*self._patterns(tokens), *self._disorder(tokens, is_whole=False))
        leaked = longest_leak(tokens, self.tail)
        if not found and leaked >= EARLY_LEAK_EQUAL:
            return (Fault('leak', 1 + leaked / LEAK_WINDOW),)
        return found

    def _patterns(self, tokens: Sequence[int]) -> tuple[Fault, ...]:
        """Return the faults that can be seen in any stretch of tokens."""
        found = []
        looped = longest_loop(tokens)
        if looped >= LOOP_TOKENS:
            found.append(Fault('loop', looped / LOOP_TOKENS))
        leaked = leaked_tokens(tokens, self.tail)
        if leaked:
            found.append(Fault('leak', 1 + leaked / LEAK_WINDOW))
        return tuple(found)

    def _disorder(self, tokens: Sequence[int], is_whole: bool) -> tuple[Fault, ...]:
        return self.order.faults(tokens, is_whole) if self.order else ()

    def is_retry_worth(self, faults: Sequence[Fault]) -> bool:
        """Tell whether another attempt may be better than one with these faults."""
        return any(self.fits or fault.name != 'too_long' for fault in faults)


def expected_tokens(phonemes: Sequence[str]) -> float:
    """Return how many tokens a clip with these phonemes takes."""
    return EDGE_TOKENS + sum(_phoneme_tokens(symbol) for symbol in phonemes)


def longest_loop(tokens: Sequence[int]) -> int:
    """Return for how many tokens the longest pattern goes on that was heard twice already.

    That is the longest stretch of tokens, each equal to the one a period before it, of at least
    two periods; 0 if no pattern comes three times.
    """
    array, longest = np.asarray(tokens), 0
    for period in range(1, min(LONGEST_PERIOD, len(tokens) // 3) + 1):
        run = _longest_true_run(array[period:] == array[:-period])
        if run >= 2 * period:
            longest = max(longest, run)
    return longest


def leaked_tokens(tokens: Sequence[int], tail: Sequence[int]) -> int:
    """Return how many tokens lie in stretches that are nearly those of the tail of the prompt.

    A stretch of LEAK_WINDOW tokens counts if LEAK_EQUAL of them are equal, token for token, and
    LEAK_DISTINCT of those differ from each other: silence sounds alike everywhere.
    """
    rows, columns = len(tokens) - LEAK_WINDOW + 1, len(tail) - LEAK_WINDOW + 1
    if rows < 1 or columns < 1:
        return 0
    spoken, prompt = np.asarray(tokens), np.asarray(tail)
    equal = spoken[:, None] == prompt[None, :]  # [S, tail]
    matches = sum(
        equal[k : k + rows, k : k + columns].astype(np.int64) for k in range(LEAK_WINDOW)
    )
    leaked = np.zeros(len(tokens), dtype=bool)
    for row, column in np.argwhere(matches >= LEAK_EQUAL):
        window = spoken[row : row + LEAK_WINDOW]
        same = window == prompt[column : column + LEAK_WINDOW]
        if len(np.unique(window[same])) >= LEAK_DISTINCT:
            leaked[row : row + LEAK_WINDOW] = True
    return int(leaked.sum())


def longest_leak(tokens: Sequence[int], tail: Sequence[int]) -> int:
    """Return the length of the longest run of tokens that the tail of the prompt has too.

    Only runs with LEAK_DISTINCT different tokens count.
    """
    longest = 0
    for offset in range(-len(tokens) + 1, len(tail)):
        start = max(0, -offset)
        run: list[int] = []
        for spoken, prompt in zip(tokens[start:], tail[start + offset :], strict=False):
            run = [*run, spoken] if spoken == prompt else []
            if len(set(run)) >= LEAK_DISTINCT:
                longest = max(longest, len(run))
    return longest


def longest_common_run(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the length of the longest run of symbols that occurs in both."""
    longest, before = 0, [0] * (len(second) + 1)
    for symbol in first:
        here = [0]
        for column, other in enumerate(second):
            here.append(before[column] + 1 if symbol == other else 0)
        longest, before = max(longest, *here), here
    return longest


def wave_faults(wave: np.ndarray) -> tuple[Fault, ...]:
    """Return what is wrong with a waveform, float32 [T]; both are worse than any tokens."""
    if not np.isfinite(wave).all():
        return (Fault('not_finite', 200.0),)
    if not len(wave) or np.abs(wave).max() < SILENT_PEAK:
        return (Fault('silent', 100.0),)
    return ()


def safe_sampling(sampling: SamplingParameters) -> SamplingParameters:
    """Return a steadier way to draw tokens, never a livelier one than that given."""
    return replace(
        sampling,
        temperature=min(sampling.temperature, SAFE_TEMPERATURE),
        top_k=min(sampling.top_k, SAFE_TOP_K),
        repetition_penalty=max(sampling.repetition_penalty, SAFE_PENALTY),
    )


def _phoneme_tokens(symbol: str) -> float:
    if symbol in _MARKS:
        return MARK_TOKENS
    # Tones and stresses are written as digits behind vowels and finals.
    is_vowel = symbol[-1].isdigit() or symbol in _BARE_VOWELS
    return VOWEL_TOKENS if is_vowel else CONSONANT_TOKENS


def _longest_true_run(values: np.ndarray) -> int:
    """Return the length of the longest run of True in bool [N]."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], values.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max(initial=0))
