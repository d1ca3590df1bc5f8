"""Latin words as strings of letters: without accents, and apart where capitals begin."""

from __future__ import annotations

import re
import unicodedata

_HUMPS = re.compile('[A-Z]+(?![a-z])|[A-Z]?[a-z]+')


def without_accents(text: str) -> str:
    """Return the text without marks above and below its letters: "café" is "cafe"."""
    decomposed = unicodedata.normalize('NFD', text)
    return ''.join(char for char in decomposed if unicodedata.category(char) != 'Mn')


def humps(word: str) -> list[str]:
    """Return the parts of a word in camel case: "OpenAI" is Open and AI."""
    return _HUMPS.findall(word)


def has_acronym(parts: list[str]) -> bool:
    """Tell whether one of several parts is in capitals: AI in "OpenAI"."""
    return len(parts) > 1 and any(part.isupper() and len(part) > 1 for part in parts)
