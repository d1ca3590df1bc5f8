"""What models take from the recordings of a voice, kept in one file of its folder.

With it the first use of a voice computes nothing from recordings, which need not even be kept. The
file remembers what it was computed from, since it means nothing to other models.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gptsovits_ros.errors import VoiceInvalidError
from gptsovits_ros.voice.voice_file import Voice

FORMAT = 'gptsovits_ros conditions 1'
# The largest, of v3 and v4, are below 3 MB.
MAX_FILE_BYTES = 16 << 20
# A model that was trained further differs everywhere, so samples of a file tell it.
SAMPLES, SAMPLE_BYTES = 256, 4096
# Sources whose names start so are recordings.
CLIP = 'clip'


@dataclass(frozen=True)
class StoredConditions:
    """The content of a conditions file.

    Attributes:
        tensors: by name, all finite; which ones there are is up to the version of the models.
        sources: what they were computed from: name -> fingerprint.

    """

    tensors: Mapping[str, Tensor]
    sources: Mapping[str, str]

    def fits(self, voice: Voice) -> bool:
        """Tell whether a voice has the models, the text and the recordings that made these.

        Recordings that were not kept are not compared.
        """
        ours = sources_of(voice)
        theirs = dict(self.sources)
        if not voice.clips:
            theirs = {key: value for key, value in theirs.items() if not key.startswith(CLIP)}
        return ours == theirs


def sources_of(voice: Voice) -> dict[str, str]:
    """Return a fingerprint of everything that the conditions of a voice depend on."""
    models = {
        'acoustic': voice.acoustic,
        'acoustic_base': voice.acoustic_base,
        'content': voice.content or voice.hubert,
        'speaker': voice.speaker,
    }
    clips = {f'{CLIP}{index}': clip for index, clip in enumerate(voice.clips)}
    text = json.dumps([voice.model_version, voice.prompt_language, voice.prompt_text])
    return {
        'text': hashlib.sha256(text.encode()).hexdigest(),
        **{name: fingerprint(path) for name, path in {**models, **clips}.items() if path},
    }


def fingerprint(path: Path) -> str:
    """Return a hash that tells one model or recording from another, in milliseconds.

    Of each file (of a folder: each directly in it) the size and samples of its content count. It
    is no protection from someone who changes a file on purpose; checksums are.
    """
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if file.is_file():
            size = file.stat().st_size
            digest.update(f'{size} '.encode())
            with file.open('rb') as stream:
                for offset in _offsets(size):
                    stream.seek(offset)
                    digest.update(stream.read(SAMPLE_BYTES))
    return digest.hexdigest()


def write_conditions(conditions: StoredConditions, path: Path) -> None:
    """Write the file."""
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in conditions.tensors.items()
    }
    metadata = {'format': FORMAT, 'sources': json.dumps(dict(conditions.sources))}
    path.write_bytes(save(tensors, metadata))


def read_conditions(path: Path) -> StoredConditions:
    """Read the file, on the CPU.

    Raises:
        VoiceInvalidError: it is damaged, too large, or something else.

    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise VoiceInvalidError(f'{path} is larger than {MAX_FILE_BYTES >> 20} MiB')
        with safe_open(path, framework='pt') as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise VoiceInvalidError(f'cannot read {path}: {error}') from error
    if metadata.get('format') != FORMAT:
        raise VoiceInvalidError(
            f'{path} is of format {metadata.get("format")!r}, not {FORMAT!r}; enrol again'
        )
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise VoiceInvalidError(f'{path} holds NaN or infinite numbers; enrol the voice again')
    return StoredConditions(tensors, _sources(path, metadata.get('sources', '')))


def _sources(path: Path, text: str) -> dict[str, str]:
    try:
        sources = json.loads(text)
    except (ValueError, RecursionError):
        sources = None
    if not isinstance(sources, dict) or not all(
        isinstance(value, str) for value in sources.values()
    ):
        raise VoiceInvalidError(f'{path} does not tell what it was computed from; enrol again')
    return sources


def _offsets(size: int) -> list[int]:
    """Return where to read in a file: everywhere if it is small, else evenly, both ends too."""
    if size <= SAMPLES * SAMPLE_BYTES:
        return list(range(0, size, SAMPLE_BYTES))
    last = size - SAMPLE_BYTES
    return [last * index // (SAMPLES - 1) for index in range(SAMPLES)]
