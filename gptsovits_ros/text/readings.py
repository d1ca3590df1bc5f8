"""Words whose pronunciation is given, on their way through the rules for other text.

Each such word is one placeholder: a letter that no rule reads, cuts or drops. Letters of Tangut, a
script of the 11th century, are taken, since characters for private use are not letters. The text
of a user loses them beforehand; they had no sound.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gptsovits_ros.errors import TextInvalidError
from gptsovits_ros.types import Reading

_FIRST, _LAST = 0x17000, 0x187F7
PLACEHOLDER = re.compile(f'([{chr(_FIRST)}-{chr(_LAST)}])')
MOST_READINGS = _LAST - _FIRST + 1


def split_at_placeholders(text: str) -> list[str]:
    """Return a text in pieces, each of which is a placeholder or has none."""
    return [part for part in PLACEHOLDER.split(text) if part]


class Placeholders:
    """Gives out the placeholders of one text; equal readings share one."""

    def __init__(self) -> None:
        self._characters: dict[Reading, str] = {}

    def add(self, reading: Reading) -> str:
        """Return the character that stands for a reading.

        Raises:
            TextInvalidError: if there are more than MOST_READINGS different ones.

        """
        if reading not in self._characters:
            if len(self._characters) == MOST_READINGS:
                raise TextInvalidError(
                    f'the text has more than {MOST_READINGS} different words with a '
                    'pronunciation of their own; send it in pieces'
                )
            self._characters[reading] = chr(_FIRST + len(self._characters))
        return self._characters[reading]

    @property
    def readings(self) -> Mapping[str, Reading]:
        """What each placeholder stands for."""
        return {character: reading for reading, character in self._characters.items()}
