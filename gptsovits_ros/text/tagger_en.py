"""Parts of speech of English words, by an averaged perceptron.

Source: M. Honnibal, "A good part-of-speech tagger in about 200 lines of Python" (2013); the
weights are his (data/SOURCES_en.md), so the feature names here are those of the weight file.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence

from gptsovits_ros.text.data_files import data_path

_BEFORE = ('-START-', '-START2-')
_AFTER = ('-END-', '-END2-')


class PerceptronTagger:
    """Gives each word of a sentence its Penn Treebank tag, from left to right."""

    def __init__(self) -> None:
        """Read the weights (0.3 s)."""
        with gzip.open(data_path('en_tagger.json.gz'), 'rt', encoding='ascii') as file:
            model = json.load(file)
        self._tags: list[str] = model['tags']
        self._words: dict[str, int] = model['words']
        self._features: dict[str, list[int]] = model['features']

    def tag(self, words: Sequence[str]) -> list[str]:
        """Return one tag per word; punctuation marks are words of their own."""
        context = [*_BEFORE, *(_shape(word) for word in words), *_AFTER]
        previous, before_previous = _BEFORE
        tags = []
        for position, word in enumerate(words):
            number = self._words.get(word)
            if number is None:
                features = _features(
                    position + len(_BEFORE), word, context, previous, before_previous
                )
                number = self._best(features)
            before_previous, previous = previous, self._tags[number]
            tags.append(previous)
        return tags

    def _best(self, features: Iterator[str]) -> int:
        """Return the tag with the highest score; of equal ones the last in the alphabet."""
        scores = [0] * len(self._tags)
        for feature in features:
            pairs = self._features.get(feature, ())
            for number, weight in zip(pairs[::2], pairs[1::2], strict=True):
                scores[number] += weight
        return max(range(len(scores)), key=lambda number: (scores[number], number))


def _shape(word: str) -> str:
    """Return the form in which a word is looked up as context."""
    if '-' in word and not word.startswith('-'):
        return '!HYPHEN'
    if word.isdigit() and len(word) == 4:
        return '!YEAR'
    if word[0].isdigit():
        return '!DIGITS'
    return word.lower()


def _features(
    i: int, word: str, context: Sequence[str], previous: str, before_previous: str
) -> Iterator[str]:
    yield 'bias'
    yield f'i suffix {word[-3:]}'
    yield f'i pref1 {word[0]}'
    yield f'i-1 tag {previous}'
    yield f'i-2 tag {before_previous}'
    yield f'i tag+i-2 tag {previous} {before_previous}'
    yield f'i word {context[i]}'
    yield f'i-1 tag+i word {previous} {context[i]}'
    yield f'i-1 word {context[i - 1]}'
    yield f'i-1 suffix {context[i - 1][-3:]}'
    yield f'i-2 word {context[i - 2]}'
    yield f'i+1 word {context[i + 1]}'
    yield f'i+1 suffix {context[i + 1][-3:]}'
    yield f'i+2 word {context[i + 2]}'
