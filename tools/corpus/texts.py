"""The sentences of the corpus, and which of them stay out of training."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / 'texts'
# In the order in which they are spoken: what a robot says most comes first.
FILES = {
    'en': ('en_robot.txt', 'en_written.txt', 'en_wordnet.txt'),
    'zh': ('zh_robot.txt', 'zh_mixed.txt', 'zh_written.txt'),
}
# Every fiftieth line of a file is for development.
DEV_PERIOD, DEV_LINE = 50, 7


@dataclass(frozen=True)
class Sentence:
    """One line of a text file.

    Attributes:
        text: what is said, numbers as words.
        language: "en" or "zh"; Mandarin may hold English words.
        is_dev: True where it is never spoken in the training split.

    """

    text: str
    language: str
    is_dev: bool


def sentences(language: str) -> list[Sentence]:
    """Return all sentences of a language, each once, without those held out for the judge."""
    held_out = set((FOLDER / 'held_out.sha256').read_text(encoding='ascii').split())
    found: dict[str, Sentence] = {}
    for name in FILES[language]:
        lines = (FOLDER / name).read_text(encoding='utf-8').splitlines()
        for number, line in enumerate(lines):
            text = line.strip()
            if text and text not in found and fingerprint(text) not in held_out:
                found[text] = Sentence(text, language, number % DEV_PERIOD == DEV_LINE)
    return list(found.values())


def fingerprint(text: str) -> str:
    """Return the SHA-256 of the letters of a sentence, so that marks and case do not count."""
    letters = ''.join(c for c in unicodedata.normalize('NFKC', text).lower() if c.isalnum())
    return hashlib.sha256(letters.encode()).hexdigest()
