"""Which GPT-SoVITS version a SoVITS file is: by its header, its hash, its size and its rows.

gptsovits-spec section 1.2 gives the order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gptsovits_ros.checkpoint.archive import ZIP_MAGIC
from gptsovits_ros.errors import CheckpointError

V1_PHONEMES = 322
# Embedding of the phonemes; its rows tell the symbol set, its absence a LoRA file.
TEXT_EMBEDDING = 'enc_p.text_embedding.weight'


@dataclass(frozen=True)
class CheckpointKind:
    """What a SoVITS file is.

    Attributes:
        symbols: phoneme table, "v1" or "v2".
        version: model, "v1", "v2", "v2Pro", "v2ProPlus", "v3" or "v4".
        is_lora: True for a file of low-rank differences to a base model.

    """

    symbols: str
    version: str
    is_lora: bool = False


HEADERS = {
    b'00': CheckpointKind('v1', 'v1'),
    b'01': CheckpointKind('v2', 'v2'),
    b'02': CheckpointKind('v2', 'v3'),
    b'03': CheckpointKind('v2', 'v3', is_lora=True),
    b'04': CheckpointKind('v2', 'v4', is_lora=True),
    b'05': CheckpointKind('v2', 'v2Pro'),
    b'06': CheckpointKind('v2', 'v2ProPlus'),
}
PRETRAINED_MD5 = {
    'dc3c97e17592963677a4a1681f30c653': CheckpointKind('v2', 'v2'),  # s2G488k.pth; its rows say v1
    '6642b37f3dbb1f76882b69937c95a5f3': CheckpointKind('v2', 'v2'),
    '43797be674a37c1c83ee81081941ed0f': CheckpointKind('v2', 'v3'),
    '4f26b9476d0c5033e04162c486074374': CheckpointKind('v2', 'v4'),
    'c7e9fce2223f3db685cdfa1e6368728a': CheckpointKind('v2', 'v2Pro'),
    '66b313e39455b57ab1b0bc0b239c9d0a': CheckpointKind('v2', 'v2ProPlus'),
}
V1_BYTES = 82978 * 1024
V2_BYTES = 700 * 1024 * 1024


def detect_file(path: Path) -> CheckpointKind:
    """Guess from the file alone, as upstream does before it loads; `refine` has the last word."""
    with open(path, 'rb') as stream:
        head = stream.read(8192)
    known = PRETRAINED_MD5.get(hashlib.md5(head, usedforsecurity=False).hexdigest())
    if known:
        return known
    if head[:2] != ZIP_MAGIC:
        if head[:2] not in HEADERS:
            raise CheckpointError(
                f'{path} does not start like a GPT-SoVITS file (first bytes {head[:2]!r}); '
                'known are PK and ' + ', '.join(header.decode() for header in HEADERS)
            )
        return HEADERS[head[:2]]
    size = path.stat().st_size
    if size < V1_BYTES:
        return CheckpointKind('v1', 'v1')
    return CheckpointKind('v2', 'v2') if size < V2_BYTES else CheckpointKind('v2', 'v3')


def refine(guess: CheckpointKind, shapes: Mapping[str, tuple[int, ...]]) -> CheckpointKind:
    """Correct a guess by the shapes of the tensors: the rows of the phoneme table do not lie."""
    if TEXT_EMBEDDING not in shapes:
        return CheckpointKind('v2', guess.version, guess.is_lora)
    symbols = 'v1' if shapes[TEXT_EMBEDDING][0] == V1_PHONEMES else 'v2'
    if guess.version in ('v1', 'v2'):
        return CheckpointKind(symbols, symbols)
    return CheckpointKind(symbols, guess.version, guess.is_lora)
