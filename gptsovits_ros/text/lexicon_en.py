"""The English pronouncing dictionary (CMUdict) and the words that are read by part of speech."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass

from gptsovits_ros.text.data_files import data_path


@dataclass(frozen=True)
class Homograph:
    """A word with two readings.

    Attributes:
        fitting: phonemes where the word's tag begins with `tag`, or `tag` with the word's tag.
        other: phonemes elsewhere.
        tag: Penn Treebank tag, or the beginning of several, e.g. "V".

    """

    fitting: str
    other: str
    tag: str

    def reading(self, tag: str) -> str:
        """Return the phonemes for the tag that the word has in its sentence."""
        # A tag that is shorter than the wanted one counts as fitting (VB for VBP).
        fits = tag.startswith(self.tag) or self.tag.startswith(tag)
        return self.fitting if fits else self.other


def load_lexicon() -> Mapping[str, str]:
    """Return the phonemes of 126 thousand lower-case words, as strings with spaces between."""
    with gzip.open(data_path('en_lexicon.txt.gz'), 'rt', encoding='ascii') as lines:
        return dict(line.rstrip('\n').split(' ', 1) for line in lines)


def load_homographs() -> Mapping[str, Homograph]:
    """Return the words with two readings."""
    lines = data_path('en_homographs.tsv').read_text(encoding='ascii').splitlines()
    fields = (line.split('\t') for line in lines)
    return {word: Homograph(fitting, other, tag) for word, fitting, other, tag in fields}
