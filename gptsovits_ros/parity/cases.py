"""Which code compares which golden case."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.parity.report import Row, todo

# Prefix of a case folder -> module of this package with `run(folder) -> Iterator[Row]`; the first
# that fits is used.
MODULES = {
    'ckpt_format': 'checkpoint',
    'text': 'text',
    'bert_hubert_tiny': 'encoders',
    'audio': 'audio',
    't2s_': 'semantic',
    's2_v3': 'cfm',
    's2_v4': 'cfm',
    'v3v4_cfm': 'cfm',
    's2_': 'acoustic',
    'pipeline_glue': 'glue',
    'e2e_': 'end_to_end',
    'train_': 'training',
    'scaled_adam': 'training',
}
# Folders beside the cases that hold facts, not cases.
NOT_CASES = ('tables',)


def find_cases(folder: Path, names: list[str]) -> list[Path]:
    """Return the case folders in a folder of goldens, or those of the given names.

    Raises:
        ConfigurationError: no such folder or case.

    """
    found = (
        {
            path.name: path
            for path in sorted(folder.iterdir())
            if path.is_dir() and path.name not in NOT_CASES
        }
        if folder.is_dir()
        else {}
    )
    if not found:
        raise ConfigurationError(f'{folder} holds no golden cases')
    unknown = [name for name in names if name not in found]
    if unknown:
        raise ConfigurationError(
            f'no case "{unknown[0]}" in {folder}; there are {", ".join(found)}'
        )
    return [found[name] for name in names or found]


def run_case(folder: Path) -> Iterator[Row]:
    """Yield the rows of one case."""
    for prefix, module in MODULES.items():
        if folder.name.startswith(prefix):
            yield from importlib.import_module(f'gptsovits_ros.parity.{module}').run(folder)
            return
    yield todo(folder.name, 'all', 'unknown case')
