"""English words to phonemes (ARPAbet with stress), gptsovits-spec section 4.7.

A word is looked up in this order: words with two readings by part of speech, the dictionary, short
words letter by letter, "'s" by rule, compounds by their parts, and last the neural network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property

from gptsovits_ros.errors import DependencyMissingError
from gptsovits_ros.text.lexicon_en import Homograph, load_homographs, load_lexicon
from gptsovits_ros.text.neural_g2p_en import NeuralG2P
from gptsovits_ros.text.symbols import is_known
from gptsovits_ros.text.tagger_en import PerceptronTagger

# What NLTK's TweetTokenizer, which the official frontend uses, does to normalised text: host names
# ("example.com"), words with inner ' or -, words, dots, and any other character alone.
_TOKEN = re.compile(
    r"""[A-Za-z]+(?:[.-][A-Za-z]+){0,126}[.][A-Za-z]{2,13}\b
    |[A-Za-z][A-Za-z'-]+[A-Za-z]
    |[A-Za-z]+
    |[.](?:[ ]*[.])+
    |\S""",
    re.VERBOSE,
)
_LONG_RUN = re.compile(r'([^A-Za-z0-9])\1{3,}')
_LETTER = re.compile('[A-Za-z]')
_POSSESSIVE = re.compile(r"([a-z]+)'s")

_SPELLED_LENGTH = 3
# Longest text that is cut into words at once; wordsegment recurses once per letter.
_COMPOUND_LENGTH = 100
_VOICELESS = ('P', 'T', 'K', 'F', 'TH', 'HH')
_SIBILANTS = ('S', 'Z', 'SH', 'ZH', 'CH', 'JH')
_NOT_IN_TRAINING = 'UW'  # the network knows it, the voices never heard it


def tokenize(text: str) -> list[str]:
    """Return the words and marks of normalised English text."""
    return _TOKEN.findall(_LONG_RUN.sub(r'\1\1\1', text))


class EnglishG2P:
    """Turns normalised English text into phonemes; each table is read when it is first needed."""

    @cached_property
    def _lexicon(self) -> Mapping[str, str]:
        return load_lexicon()

    @cached_property
    def _homographs(self) -> Mapping[str, Homograph]:
        return load_homographs()

    @cached_property
    def _tagger(self) -> PerceptronTagger:
        return PerceptronTagger()

    @cached_property
    def _network(self) -> NeuralG2P:
        return NeuralG2P()

    @cached_property
    def _segment_compound(self) -> Callable[[str], list[str]]:
        try:
            from wordsegment import Segmenter
        except ImportError as error:
            raise DependencyMissingError(
                'English words that are in no dictionary need the package wordsegment; '
                'install it with: pip install "gptsovits_ros[en]"'
            ) from error
        segmenter = Segmenter()
        segmenter.load()
        return segmenter.segment

    def load(self) -> None:
        """Read the tables that nearly every sentence needs; the 100 MB for unknown words wait."""
        self('I read the book.')

    def __call__(self, text: str) -> list[str]:
        """Return the phonemes of a text.

        Args:
            text: what `normalize_en.normalize` returned.

        Returns:
            ARPAbet symbols and punctuation of the symbol table.

        Raises:
            DependencyMissingError: for a word in no dictionary, without package wordsegment.

        """
        return [phoneme for _, spoken in self.words(text) for phoneme in spoken]

    def words(self, text: str) -> list[tuple[str, list[str]]]:
        """Return the words and marks of a text with the phonemes of each; takes what a call does.

        Raises:
            DependencyMissingError: as a call.

        """
        tokens = tokenize(text)
        tags = self._tags(tokens)
        return [
            (token, _of_table(self._token(token, tag)))
            for token, tag in zip(tokens, tags, strict=True)
        ]

    def _tags(self, tokens: list[str]) -> list[str]:
        """Return part-of-speech tags; blanks where no word asks for them."""
        if any(token.lower() in self._homographs for token in tokens):
            return self._tagger.tag(tokens)
        return [''] * len(tokens)

    def _token(self, token: str, tag: str) -> list[str]:
        if not _LETTER.search(token):
            return [token]
        if token == 'A':  # a letter by itself; the article is written "a"
            return ['EY1']
        word = token.lower()
        if len(word) == 1:
            return self._lexicon[word].split()
        homograph = self._homographs.get(word)
        if homograph:
            return homograph.reading(tag).split()
        return self._word(word)

    def _word(self, word: str) -> list[str]:
        known = self._lexicon.get(word)
        if known and len(word) > 1:  # a single letter here is a part of a compound: spelled
            return known.split()
        if len(word) <= _SPELLED_LENGTH:
            return [phoneme for letter in word for phoneme in self._letter(letter)]
        possessive = _POSSESSIVE.fullmatch(word)
        if possessive:
            return self._possessive(self._word(possessive[1]))
        parts = self._parts(word)
        if len(parts) == 1:
            return self._network(word)
        return [phoneme for part in parts for phoneme in self._word(part)]

    def _letter(self, letter: str) -> list[str]:
        if letter == 'a':
            return ['EY1']
        name = self._lexicon.get(letter)
        return name.split() if name else [letter]

    def _possessive(self, stem: list[str]) -> list[str]:
        last = stem[-1] if stem else ''
        if last in _VOICELESS:
            return [*stem, 'S']
        return [*stem, 'AH0', 'Z'] if last in _SIBILANTS else [*stem, 'Z']

    def _parts(self, word: str) -> list[str]:
        """Return the words that a compound consists of; the word itself if it is none."""
        pieces = (
            word[start : start + _COMPOUND_LENGTH]
            for start in range(0, len(word), _COMPOUND_LENGTH)
        )
        return [part for piece in pieces for part in self._segment_compound(piece)]


def _of_table(phonemes: list[str]) -> list[str]:
    """Return those phonemes that the voices know."""
    mapped = ('-' if phoneme == "'" else phoneme for phoneme in phonemes)
    return [
        phoneme for phoneme in mapped if phoneme != _NOT_IN_TRAINING and is_known(phoneme, 'v1')
    ]
