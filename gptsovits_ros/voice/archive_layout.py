"""What a .gsvvoice file may hold: a zip file with a manifest and few files of known names.

Every model in it is a .safetensors file, so that nothing in it can run. Names are fixed by what a
file is for; there is no other way to place a file, and none to place one outside the voice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gptsovits_ros.errors import VoiceArchiveError
from gptsovits_ros.voice.consent import CONSENT_FILE
from gptsovits_ros.voice.enroll.report_file import MAX_FILE_BYTES as MAX_REPORT_BYTES
from gptsovits_ros.voice.enroll.report_file import REPORT_FILE
from gptsovits_ros.voice.voice_file import (
    CONDITIONS_FILE,
    LEXICON_FILE,
    MAX_VOICE_FILE_BYTES,
    NAME_PATTERN,
    VOICE_FILE,
)

SUFFIX = '.gsvvoice'
MANIFEST_FILE = 'manifest.json'
FORMAT, FORMAT_VERSION = 'gsvvoice', 1
MIB = 1 << 20
# A v3 voice with all encoders has 2.1 GB; beyond 4 GiB zip files are of another kind.
MAX_ARCHIVE_BYTES = MAX_TOTAL_BYTES = 4095 * MIB
MAX_FILES = 64
MAX_MANIFEST_BYTES = 64 * 1024
# Text shrinks to a tenth; what shrinks more is there to fill the disk.
MAX_RATIO = 100
AUDIO_SUFFIXES = ('wav', 'flac', 'ogg', 'opus', 'mp3', 'aiff', 'aif')

# Which names there are, and how large such a file may be.
_AUDIO = '|'.join(AUDIO_SUFFIXES)
_LIMITS = {
    re.escape(VOICE_FILE): MAX_VOICE_FILE_BYTES,
    re.escape(LEXICON_FILE): MIB,
    re.escape(CONSENT_FILE): 16 * 1024,
    re.escape(REPORT_FILE): MAX_REPORT_BYTES,
    re.escape(CONDITIONS_FILE): 16 * MIB,
    rf'(prompt|reference_\d{{1,2}})\.({_AUDIO})': 64 * MIB,
    r'(semantic|acoustic|acoustic_base|content|speaker|vocoder)\.safetensors': 4096 * MIB,
    r'token_table\.safetensors': 64 * MIB,
    r'(bert|hubert)/model\.safetensors': 4096 * MIB,
    r'(bert|hubert)/(tokenizer\.json|vocab\.txt)': 16 * MIB,
    r'(bert|hubert|vocoder)/config\.json': 64 * 1024,
    r'vocoder/bigvgan_generator\.safetensors': 4096 * MIB,
}


@dataclass(frozen=True)
class ArchivedFile:
    """One file of an archive.

    Attributes:
        name: in the archive and in the folder of the voice.
        size: in bytes.
        sha256: of its content.

    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What an archive says of itself.

    Attributes:
        name: of the voice.
        needs: what must be there where it is imported: a base voice, names of shared models.
        files: all of the archive but the manifest.

    """

    name: str
    needs: tuple[str, ...]
    files: tuple[ArchivedFile, ...]


def limit_of(name: str) -> int:
    """Return how large a file of this name may be.

    Raises:
        VoiceArchiveError: a voice has no such file.

    """
    for pattern, limit in _LIMITS.items():
        if re.fullmatch(pattern, name):
            return limit
    raise VoiceArchiveError(
        f'{name[:100]!r} is no file that a voice archive holds; models must be .safetensors files'
    )


def manifest_tree(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest as it is written as JSON."""
    return {
        'format': FORMAT,
        'format_version': FORMAT_VERSION,
        'name': manifest.name,
        'needs': list(manifest.needs),
        'files': [vars(file) for file in manifest.files],
    }


def manifest_of(tree: Any) -> Manifest:
    """Return the manifest in parsed JSON.

    Raises:
        VoiceArchiveError: it is none, or of a later release.

    """
    if not isinstance(tree, Mapping) or tree.get('format') != FORMAT:
        raise VoiceArchiveError(f'{MANIFEST_FILE} is not that of a voice archive')
    if tree.get('format_version') != FORMAT_VERSION:
        raise VoiceArchiveError(
            f'the archive is of format version {tree.get("format_version")!r:.20}, but this '
            f'release reads {FORMAT_VERSION}; export it with the same release'
        )
    name, needs, files = tree.get('name'), tree.get('needs'), tree.get('files')
    if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
        raise VoiceArchiveError(f'{MANIFEST_FILE} names no voice')
    if not isinstance(needs, list) or not all(isinstance(need, str) for need in needs):
        raise VoiceArchiveError(f'{MANIFEST_FILE} does not tell what the voice needs')
    if not isinstance(files, list) or not 1 <= len(files) <= MAX_FILES:
        raise VoiceArchiveError(f'{MANIFEST_FILE} lists no files, or more than {MAX_FILES}')
    return Manifest(name, tuple(needs), tuple(map(_archived_file, files)))


def _archived_file(tree: Any) -> ArchivedFile:
    if isinstance(tree, dict) and tree.keys() == {'name', 'size', 'sha256'}:
        name, size, sha256 = tree['name'], tree['size'], tree['sha256']
        if (
            isinstance(name, str)
            and type(size) is int
            and isinstance(sha256, str)
            and re.fullmatch('[0-9a-f]{64}', sha256)
        ):
            if not 0 <= size <= limit_of(name):
                raise VoiceArchiveError(f'{name} has {size} bytes; {limit_of(name)} are allowed')
            return ArchivedFile(name, size, sha256)
    raise VoiceArchiveError(f'{MANIFEST_FILE} does not tell name, size and SHA-256 of each file')
