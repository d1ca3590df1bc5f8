"""Case ckpt_format: files written by upstream's own writers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from gptsovits_ros.checkpoint.archive import read_header
from gptsovits_ros.checkpoint.detect import detect_file
from gptsovits_ros.checkpoint.weights import read_weights
from gptsovits_ros.parity.report import Row, compared


def run(folder: Path) -> Iterator[Row]:
    """Yield a row per file: the error is the number of facts that differ from upstream's."""
    for wanted in json.loads((folder / 'meta.json').read_text(encoding='utf-8')):
        path = folder / wanted['file']
        guess = detect_file(path)
        weights = read_weights(path)
        facts = {
            'first2bytes': read_header(path).decode(),
            'fast_detect': [guess.symbols, guess.version, guess.is_lora],
            'final_model_version': weights.kind.version,
            'symbol_version': weights.kind.symbols,
            'keys': {
                name: [list(tensor.shape), str(tensor.dtype)]
                for name, tensor in weights.tensors.items()
            },
            'info': weights.info,
            'config_top_keys': list(weights.settings),
            'lora_rank': weights.lora_rank,
        }
        differ = [name for name, value in facts.items() if value != wanted[name]]
        yield compared(
            folder.name, path.name, len(differ), 0, ', '.join(differ) or f'{len(facts)} facts'
        )
