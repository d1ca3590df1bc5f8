"""Make gptsovits_ros/text/data/ko_pronunciation.json from the tables of g2pk2 (Apache-2.0).

    pip download --no-deps --dest /tmp/wheels g2pk2==0.0.3
    python tools/build_ko_data.py /tmp/wheels/g2pk2-0.0.3-py3-none-any.whl

The SHA-256 of the wheel is checked and its files are read as text; nothing of it is imported or
run, for importing g2pk2 downloads data and runs pip. Two runs give the same bytes.
data/SOURCES_ko.md says what the file holds.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import io
import json
import re
import sys
import zipfile
from pathlib import Path

from gptsovits_ros.text.jamo import CODAS, from_notation, to_letters

DATA = Path(__file__).resolve().parents[1] / 'gptsovits_ros' / 'text' / 'data'
WHEEL_SHA256 = 'e708316125248c10432cbead85cf52dd9ed252c423cce531f9df617386978cf2'
GAP, END = r'\1', r'(\W|$)'
MAYBE_SPACE = '( ?)'


def sandhi(table: str) -> dict[str, dict[str, str]]:
    """Return what becomes of a coda and the onset behind it: coda -> onset or "end" -> both."""
    header, *rows = (line.split(',') for line in table.splitlines())
    cells = {}
    for coda, *results in rows:
        for onset, result in zip(header[1:], results, strict=True):
            if result:
                following = 'end' if onset == END else onset.removeprefix(MAYBE_SPACE)
                # The numbers of rules stand in brackets behind the result.
                cells[coda, following] = result.partition('(')[0]
    found: dict[str, dict[str, str]] = {letter: {} for letter in CODAS}
    for (coda, following), result in cells.items():
        # A later row may go on with what an earlier one gave: first {ㄻ}ㄹ -> {ㅁ}ㄹ, then {ㅁ}ㄴ.
        parts = result.split(GAP)
        if len(parts) == 2 and parts[0] > coda and tuple(parts) in cells:
            result = cells[tuple(parts)]
        found[to_letters(coda)][to_letters(following)] = in_notation(result)
    return found


def in_notation(result: str) -> str:
    """Return a cell of the table in the notation of gptsovits_ros.text.jamo; the gap is "_"."""
    written = re.sub(
        '[\u11a8-\u11c2]', lambda match: '{' + to_letters(match[0]) + '}', result.replace(GAP, '_')
    )
    written = to_letters(written)
    if from_notation(written).replace('_', GAP) != result:
        raise SystemExit(f'the cell {result!a} has letters that the notation lacks')
    return written


def words(idioms: str) -> dict[str, str]:
    """Return words with a spelling that follows no rule, and how they sound."""
    found = {}
    for line in idioms.splitlines():
        written, mark, spoken = line.partition('#')[0].strip().partition('===')
        # Words with Latin letters cannot be met: those are spelled out before.
        if mark and not re.search('[A-Za-z]', written):
            if re.escape(written) != written:
                raise SystemExit(f'{written} is a pattern, not a word')
            found[written] = spoken
    return found


def counters(numerals: str) -> str:
    """Return the nouns that are counted with native numerals, separated by spaces."""
    for node in ast.walk(ast.parse(numerals)):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == 'BOUND_NOUNS':
            return ast.literal_eval(node.value)
    raise SystemExit('BOUND_NOUNS is not assigned: is this g2pk2 0.0.3?')


def dump(tables: dict) -> str:
    """Return JSON with real characters; a line for each coda."""
    text = json.dumps(tables, ensure_ascii=False, indent=1)
    folded = re.sub(r'\{([^{}]*(?:\{[ㄱ-ㅎ]\}[^{}]*)*)\}', _folded, text)
    if json.loads(folded) != tables:
        raise SystemExit('the layout of the JSON changed its content')
    return folded + '\n'


def _folded(match: re.Match[str]) -> str:
    return re.sub(r'\n\s*', ' ', match[0]) if '_' in match[0] else match[0]


def main() -> int:
    """Write the data file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('wheel', type=Path, help='g2pk2-0.0.3-py3-none-any.whl')
    wheel_bytes = parser.parse_args().wheel.read_bytes()
    if hashlib.sha256(wheel_bytes).hexdigest() != WHEEL_SHA256:
        raise SystemExit('this is not the wheel of g2pk2 0.0.3 (its SHA-256 differs)')
    wheel = zipfile.ZipFile(io.BytesIO(wheel_bytes))

    def source(name: str) -> str:
        return wheel.read('g2pk2/' + name).decode('utf-8-sig')

    tables = {
        'sandhi': sandhi(source('table.csv')),
        'words': words(source('idioms.txt')),
        'native_counters': counters(source('numerals.py')),
    }
    (DATA / 'ko_pronunciation.json').write_text(dump(tables), encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
