"""How spoken forms are compared: letters and digits only, with alternatives."""

from __future__ import annotations

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


def failures(rows: list[Row], speak: Callable[[str], str]) -> list[str]:
    """Return a line for each row whose spoken form is not accepted."""
    lines = []
    for row in rows:
        spoken = speak(row.written)
        if key(spoken) not in map(key, row.accepted):
            lines.append(f'{row.written!r}: {spoken!r} instead of {row.accepted[0]!r}')
    return lines
