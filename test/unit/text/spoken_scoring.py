"""How spoken forms are compared (letters and digits only, with alternatives), and hostile text."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path

_ALTERNATIVES = re.compile('alt: (.*)$')


@dataclass(frozen=True)
class Row:
    """One line of a table: `accepted` are all spoken forms that count as right."""

    written: str
    accepted: tuple[str, ...]
    note: str


def key(text: str) -> str:
    """Return what is compared: marks, spaces and case do not count."""
    return re.sub(r'[\W_]+', '', unicodedata.normalize('NFKC', text)).lower()


def accepted_forms(spoken: str, note: str) -> tuple[str, ...]:
    """Return the spoken form with every subset of the replacements in "alt: OLD=>NEW | ..."."""
    found = _ALTERNATIVES.search(note)
    if not found:
        return (spoken,)
    pairs = [tuple(part.strip().split('=>')) for part in found[1].split(' | ')]
    subsets = chain.from_iterable(combinations(pairs, size) for size in range(len(pairs) + 1))
    forms = []
    for subset in subsets:
        form = spoken
        for old, new in subset:
            form = form.replace(old, new)
        forms.append(form)
    return tuple(dict.fromkeys(forms))


def read_table(path: Path) -> list[Row]:
    """Return the rows of a table (input, spoken, note; tabs; the first line is the header)."""
    rows = []
    for line in path.read_text('utf-8').splitlines()[1:]:
        written, spoken, *note = line.split('\t')
        rows.append(Row(written, accepted_forms(spoken, ''.join(note)), ''.join(note)))
    return rows


def is_right(row: Row, spoken: str) -> bool:
    """Tell whether a spoken form is one of those accepted."""
    return key(spoken) in map(key, row.accepted)


def failures(rows: list[Row], speak: Callable[[str], str]) -> list[str]:
    """Return a line for each row whose spoken form is not accepted."""
    spoken = [(row, speak(row.written)) for row in rows]
    return [
        f'{row.written!r}: {form!r} instead of {row.accepted[0]!r}'
        for row, form in spoken
        if not is_right(row, form)
    ]


def random_texts(count: int) -> list[str]:
    """Return texts of 40 characters from all over Unicode, the same in every run."""
    source = random.Random(20261123)
    blocks = [(0x20, 0x7F), (0x30, 0x3A), (0x2000, 0x3400), (0x4E00, 0x9FFF), (0xFE00, 0xFFFF)]
    blocks.append((0, 0x110000))
    return [
        ''.join(chr(source.randrange(*source.choice(blocks))) for _ in range(40))
        for _ in range(count)
    ]
