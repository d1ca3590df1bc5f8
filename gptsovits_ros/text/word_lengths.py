"""How many phonemes each word of a text has, where its pronunciation does not tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gptsovits_ros.text.g2p_ko import SPACE
from gptsovits_ros.text.symbols import PUNCTUATION
from gptsovits_ros.types import SpokenWord

_ENDS_OF_MORA = frozenset((*'aiueoIUN', 'cl'))
# What stands behind a mora belongs to it, unless it is a mark.
_ACCENTS = frozenset('[]#')


def of_characters(text: str, counts: Iterable[int]) -> list[SpokenWord]:
    """Return one word for each character; marks have no text."""
    return [
        SpokenWord('' if character in PUNCTUATION else character, count)
        for character, count in zip(text, counts, strict=True)
    ]


def of_spaces(text: str, phonemes: Sequence[str]) -> list[SpokenWord]:
    """Return the words of Korean, between spaces; all of it as one if phonemes have others."""
    lengths, length = [], 0
    for phoneme in phonemes:
        length += 1
        if phoneme == SPACE:
            lengths.append(length)
            length = 0
    lengths.append(length)
    words = text.split(' ')
    if len(words) != len(lengths):
        return of_whole(text, phonemes)
    return [SpokenWord(_bare(word), length) for word, length in zip(words, lengths, strict=True)]


def of_moras(moras: Iterable[tuple[str, int]], phonemes: Sequence[str]) -> list[SpokenWord]:
    """Return the words of Japanese by how many moras each has.

    Args:
        moras: the words, and how many moras each of them has; a mark has none.
        phonemes: of all of them, accents and marks among them.

    Returns:
        words whose phonemes sum to those that were given; all as one if the moras do not fit.

    """
    words = [(text, count) for text, count in moras if count]
    ends = [place for place, phoneme in enumerate(phonemes) if phoneme in _ENDS_OF_MORA]
    if len(ends) != sum(count for _, count in words):
        return of_whole(''.join(text for text, _ in words), phonemes)
    found, start, said = [], 0, 0
    for text, count in words:
        said += count
        end = ends[said - 1] + 1
        first = start
        while first < end and not phonemes[first].isalpha():
            first += 1
        if first > start:
            found.append(SpokenWord('', first - start))
        while end < len(phonemes) and phonemes[end] in _ACCENTS:
            end += 1
        found.append(SpokenWord(text, end - first))
        start = end
    if start < len(phonemes):
        found.append(SpokenWord('', len(phonemes) - start))
    return found


def of_whole(text: str, phonemes: Sequence[str]) -> list[SpokenWord]:
    """Return a text as one word."""
    return [SpokenWord(_bare(text), len(phonemes))]


def _bare(word: str) -> str:
    """Return a word without marks at its ends."""
    return word.strip(' ' + ''.join(PUNCTUATION))
