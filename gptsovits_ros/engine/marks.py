"""When words, phonemes and shapes of the mouth begin in the sound of a segment (docs/marks.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gptsovits_ros.engine.alignment import by_durations, by_table, silence_before
from gptsovits_ros.semantic.token_table import TokenTable
from gptsovits_ros.text.visemes import SILENCE, visemes
from gptsovits_ros.types import Mark, Phonemes


class SegmentMarks:
    """The marks of one segment, told piece by piece as its sound is made.

    What was told stays: later tokens only move what was not told yet.
    """

    def __init__(self, phonemes: Phonemes, table: TokenTable | None, expected: float) -> None:
        """Take a segment.

        Args:
            phonemes: what is said.
            table: of the voice; None: it has none, and mean durations must do.
            expected: tokens that the segment is likely to take; counts without a table, until all
                are known.

        """
        self._ids = phonemes.ids
        self._symbols = [symbol for span in phonemes.spans for symbol in span.phonemes]
        self._words = {first: (text, last) for text, first, last in _words(phonemes)}
        self._table = table
        self._expected = expected
        self._told = 0  # phonemes
        self._told_end = 0.0  # of the last of them [tokens]
        self._made = 0  # tokens that have become sound

    def of_piece(
        self, tokens: Sequence[int], stop: int, is_end: bool, duration_s: float
    ) -> tuple[Mark, ...]:
        """Return the marks that begin in a piece, in order; times count from its start.

        Args:
            tokens: all that are known of the segment.
            stop: how many of them have become sound with this piece.
            is_end: whether it is the last piece.
            duration_s: how long the piece is, without a pause behind it [s].

        """
        if stop <= self._made:
            return ()
        onsets = np.maximum(self._onsets(tokens, is_end), self._made)
        if is_end:
            onsets = np.minimum(onsets, stop)
        scale, made = duration_s / (stop - self._made), self._made
        end = len(self._symbols) if is_end else int(np.searchsorted(onsets[:-1], stop))

        def mark(kind: str, text: str, start: float, finish: float) -> Mark:
            return Mark(kind, text, float((start - made) * scale), float((finish - start) * scale))

        found = []
        for place in range(self._told, max(end, self._told)):
            start, finish = onsets[place], onsets[place + 1]
            if place in self._words:
                text, last = self._words[place]
                found.append(mark('word', text, start, onsets[last]))
            if finish <= start:
                continue
            symbol = self._symbols[place]
            shapes = visemes(symbol)
            if _has_sound(symbol):
                found.append(mark('phoneme', symbol, start, finish))
            edges = np.linspace(start, finish, len(shapes) + 1)
            found.extend(
                mark('viseme', shape, edges[part], edges[part + 1])
                for part, shape in enumerate(shapes)
            )
        if is_end:
            found.append(mark('viseme', SILENCE, onsets[-1], stop))
        if end > self._told:
            self._told, self._told_end = end, float(onsets[end])
        self._made = stop
        return tuple(found)

    def _onsets(self, tokens: Sequence[int], is_end: bool) -> np.ndarray:
        """Return onsets of all phonemes; those that were told count no more."""
        if self._table is not None:
            return by_table(self._table, self._ids, self._symbols, tokens, is_end)
        total = len(tokens) if is_end else max(self._expected, len(tokens))
        if not self._told:
            self._told_end = silence_before(self._symbols, total)
        # Where the segment is over sooner than was foreseen, the rest has what is left.
        start = self._told_end if self._told_end < total else self._made
        rest = by_durations(self._symbols[self._told :], start, total)
        return np.concatenate((np.zeros(self._told), rest))


def _words(phonemes: Phonemes) -> Iterator[tuple[str, int, int]]:
    """Yield each word with the numbers of its first sound, and of the phoneme behind its last."""
    symbols = [symbol for span in phonemes.spans for symbol in span.phonemes]
    place = 0
    for span in phonemes.spans:
        for word in span.words:
            end = place + word.phonemes
            sounds = [at for at in range(place, end) if _has_sound(symbols[at])]
            if word.text and sounds:
                yield word.text, sounds[0], sounds[-1] + 1
            place = end


def _has_sound(symbol: str) -> bool:
    return visemes(symbol) not in ((), (SILENCE,))
