"""The text of the prompt: as given, where it fits to what is said in the slice, or as heard."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher

# Language -> letters or characters that people say in a second; far outside, a text is of
# something else. Wide, since some read slowly to robots.
LETTERS_PER_SECOND = {
    'zh': (1.2, 10.0),
    'yue': (1.2, 10.0),
    'ja': (1.5, 16.0),
    'ko': (1.2, 11.0),
    'en': (4.0, 32.0),
}
# A given text must agree so far with what whisper hears; it makes errors of its own.
MIN_AGREEMENT = 0.6
# Pieces of text that agree by chance are shorter than this [letters].
SHORTEST_BLOCK = 3
# The ends of the passage are looked for this near to where they must be.
NEAR_LETTERS = 8
# So much more must texts agree for an end that lies a letter further off; else a word that was
# misheard would be left out.
LETTER_COST = 0.02


@dataclass(frozen=True)
class Transcript:
    """What is said in the prompt.

    Attributes:
        text: empty: unknown.
        source: "given", "heard" (by whisper), "aligned" (a part of the given text), or "none".
        note: why it is not the given text, or why there is none; empty: nothing to say.

    """

    text: str
    source: str
    note: str = ''


def fits_duration(text: str, language: str, speech_s: float) -> bool:
    """Tell whether a text can have been said in a time [s]."""
    low, high = LETTERS_PER_SECOND[language]
    return low * speech_s <= len(_letters(text)[0]) <= high * speech_s


def agreement(text: str, heard: str) -> float:
    """Return how far two texts agree, from 0 to 1, letters and figures only."""
    return SequenceMatcher(None, _letters(text)[0], _letters(heard)[0], autojunk=False).ratio()


def aligned(text: str, heard: str) -> str:
    """Return the part of a text that was heard; empty if none agrees well enough."""
    letters, places = _letters(text)
    spoken, _ = _letters(heard)
    matcher = SequenceMatcher(None, letters, spoken, autojunk=False)
    blocks = [block for block in matcher.get_matching_blocks() if block.size >= SHORTEST_BLOCK]
    blocks = _one_passage(blocks, len(spoken))
    if not blocks:
        return ''
    # What was misheard before the first and behind the last block belongs to it as well.
    first = max(blocks[0].a - blocks[0].b, 0)
    behind = len(spoken) - blocks[-1].b - blocks[-1].size
    last = min(blocks[-1].a + blocks[-1].size + behind, len(letters)) - 1
    starts = _near(places, first, lambda place: _is_word_start(text, place))
    ends = _near(places, last, lambda place: _is_word_end(text, place))
    found = max(
        (
            (agreement(text[start : end + 1], heard) - LETTER_COST * (away + off), start, end)
            for start, away in starts
            for end, off in ends
            if start <= end
        ),
        default=(0.0, 0, -1),
    )
    _, start, end = found
    if agreement(text[start : end + 1], heard) < MIN_AGREEMENT:
        return ''
    return text[start : end + 1] + _marks_behind(text, end + 1)


def _one_passage(blocks: list, length: int) -> list:
    """Drop blocks that lie too far from the largest to be of the same passage."""
    if not blocks:
        return []
    largest = max(blocks, key=lambda block: block.size)
    shift = largest.a - largest.b
    return [block for block in blocks if abs(block.a - block.b - shift) <= max(length // 4, 4)]


def _near(places: list[int], index: int, suits: Callable[[int], bool]) -> list[tuple[int, int]]:
    """Return places near a letter that can be an end of the passage, and how far off they are."""
    first = max(index - NEAR_LETTERS, 0)
    near = enumerate(places[first : index + NEAR_LETTERS + 1], first)
    return [(place, abs(number - index)) for number, place in near if suits(place)]


def _is_word_start(text: str, place: int) -> bool:
    return place == 0 or not (_in_word(text[place - 1]) and _in_word(text[place]))


def _is_word_end(text: str, place: int) -> bool:
    return place + 1 == len(text) or not (_in_word(text[place]) and _in_word(text[place + 1]))


def _marks_behind(text: str, place: int) -> str:
    """Return the punctuation that stands directly behind a passage."""
    end = place
    while end < len(text) and unicodedata.category(text[end]).startswith('P'):
        end += 1
    return text[place:end]


def _in_word(character: str) -> bool:
    """Tell whether words of several such characters are written without a gap."""
    return character in "'’" or character.isalnum() and ord(character) < 0x2E80


def _letters(text: str) -> tuple[str, list[int]]:
    """Return the letters and figures of a text in lower case, and where each of them stands."""
    letters, places = [], []
    for place, character in enumerate(text):
        for letter in unicodedata.normalize('NFKC', character).lower():
            if letter.isalnum():
                letters.append(letter)
                places.append(place)
    return ''.join(letters), places
