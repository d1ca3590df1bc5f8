"""Cantonese text to phonemes (gptsovits-spec section 4.10)."""

from __future__ import annotations

import re
from collections.abc import Callable

from gptsovits_ros.errors import DependencyMissingError
from gptsovits_ros.text.symbols import PUNCTUATION, UNKNOWN

# The first of these that a syllable begins with is its first symbol, even where it is a vowel.
_BEGINNINGS = (
    'aa ai au ap at ak a p b e t d kw k gw g f h l m ng n s w c z j ong on ou oi ok o uk ung'
).split()
_SYLLABLE = re.compile('([a-z]+)([1-6])')


def symbols(jyutping: str) -> tuple[str, ...]:
    """Return the two symbols of a syllable: "gwong2" -> ("Ygw", "Yong2"), "m4" -> ("Ym", "Ym4").

    Whatever is not a syllable of Jyutping with a tone 1..6 gives one symbol, UNK.
    """
    match = _SYLLABLE.fullmatch(jyutping)
    if not match:
        return (UNKNOWN,)
    syllable, tone = match.groups()
    beginning = next((start for start in _BEGINNINGS if syllable.startswith(start)), None)
    if beginning is None:
        return (UNKNOWN,)
    rest = syllable.removeprefix(beginning) or beginning[-1]
    return f'Y{beginning}', f'Y{rest}{tone}'


class CantoneseG2p:
    """Turns normalised Cantonese text into phonemes.

    The library's dictionary is read when it is imported (1 s) and never changed. Calls only read,
    so one instance may serve several threads.
    """

    def __init__(self) -> None:
        """Load the dictionary.

        Raises:
            DependencyMissingError: if ToJyutping is not installed.

        """
        self._readings = _load_readings()

    def __call__(self, norm_text: str) -> tuple[list[str], list[int]]:
        """Return phonemes and the number of phonemes of each character of the text.

        Args:
            norm_text: what normalize_yue.normalize gives.

        Returns:
            phonemes: P symbols; a mark stands for itself, an unreadable character is UNK.
            word2ph: len(norm_text) numbers that sum to P: 2 per syllable (a few characters have
                two syllables), 1 for a mark or UNK.

        """
        phonemes: list[str] = []
        word2ph: list[int] = []
        for character, reading in self._readings(norm_text):
            spoken = _spoken(character, reading)
            phonemes.extend(spoken)
            word2ph.append(len(spoken))
        return phonemes, word2ph


def _spoken(character: str, reading: str | None) -> list[str]:
    if character in PUNCTUATION:
        return [character]
    if not reading:
        return [UNKNOWN]
    return [symbol for syllable in reading.split() for symbol in symbols(syllable)]


def _load_readings() -> Callable[[str], list[tuple[str, str | None]]]:
    """Return a function from a text to its characters and their readings."""
    try:
        from ToJyutping import get_jyutping_list
    except ImportError as error:
        raise DependencyMissingError(
            'Cantonese needs the library ToJyutping, which is not installed; run '
            'pip install "gptsovits_ros[yue]"'
        ) from error
    return get_jyutping_list
