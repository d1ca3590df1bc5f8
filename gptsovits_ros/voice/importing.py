"""Read a voice from a .gsvvoice file, which may come from anybody.

Nothing of it is believed: names must be known ones, sizes within limits, contents as the manifest
says and of the kind that the name says. Until all is checked the voice is not in the store.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gptsovits_ros.audio.files import load_prompt_16k, read_audio
from gptsovits_ros.checkpoint.portable import (
    PORTABLE,
    check_encoder,
    check_model,
    check_tensors,
)
from gptsovits_ros.errors import VoiceArchiveError, VoiceInvalidError
from gptsovits_ros.text.user_lexicon import load_lexicon
from gptsovits_ros.voice.archive_layout import (
    MANIFEST_FILE,
    MAX_ARCHIVE_BYTES,
    MAX_FILES,
    MAX_MANIFEST_BYTES,
    MAX_RATIO,
    MAX_TOTAL_BYTES,
    ArchivedFile,
    Manifest,
    limit_of,
    manifest_of,
)
from gptsovits_ros.voice.conditions import read_conditions
from gptsovits_ros.voice.enroll.report_file import read_report
from gptsovits_ros.voice.store import VoiceStore
from gptsovits_ros.voice.voice_file import Voice

BLOCK = 1 << 20
ENCRYPTED = 0x1
# How a zip file ends; only one that is larger than an archive may be has a locator before it.
END, END_MAGIC = struct.Struct('<4s4H2LH'), b'PK\x05\x06'
LOCATOR_BYTES, LOCATOR_MAGIC = 20, b'PK\x06\x07'
MAX_DIRECTORY_BYTES = 64 * 1024
# What zipfile and zlib raise for files that are damaged, or made to do harm.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    UnicodeDecodeError,
    ValueError,
)


def import_voice(store: VoiceStore, path: Path, name: str = '', overwrite: bool = False) -> Voice:
    """Add the voice of an archive to the store, all of it or nothing.

    Args:
        store: where it goes to.
        path: the archive.
        name: of the voice in this store; empty: the one that it had.
        overwrite: replace a voice of that name.

    Raises:
        VoiceArchiveError: the archive is damaged, breaks a limit, or holds what a voice must not.
        GptsovitsError: what it holds is no voice that can speak here (a base voice or a shared
            model is missing), or as `VoiceStore.create`.

    """
    with _opened(path) as archive:
        entries = _checked_entries(archive)
        manifest = _read_manifest(archive, entries)

        def build(folder: Path) -> None:
            for file in manifest.files:
                with _damage_of(path):
                    _extract(archive, file, folder)
            check_content(store.read(folder))

        return store.create(name or manifest.name, build, overwrite)


def read_manifest(path: Path) -> Manifest:
    """Return what an archive says of itself.

    Raises:
        VoiceArchiveError: as `import_voice`; its files are not looked into.

    """
    with _opened(path) as archive:
        return _read_manifest(archive, _checked_entries(archive))


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        info = path.stat()
    except (OSError, ValueError) as error:
        raise VoiceArchiveError(f'{path} cannot be opened: {error}') from error
    if not stat.S_ISREG(info.st_mode):
        raise VoiceArchiveError(f'{path} is not a file')
    if info.st_size > MAX_ARCHIVE_BYTES:
        raise VoiceArchiveError(
            f'{path} has {info.st_size} bytes; at most {MAX_ARCHIVE_BYTES} are read'
        )
    try:
        _check_end(path)
        with _damage_of(path):
            archive = zipfile.ZipFile(path)
    except OSError as error:
        raise VoiceArchiveError(f'{path} cannot be read: {error}') from error
    with archive:
        yield archive


def _check_end(path: Path) -> None:
    """Refuse a zip file by its end, before the zip library reads a directory of any size."""
    with path.open('rb') as file:
        file.seek(-min(path.stat().st_size, END.size + LOCATOR_BYTES), os.SEEK_END)
        tail = file.read()
    if len(tail) < END.size:
        raise VoiceArchiveError(f'{path.name} is too short to be a voice archive')
    magic, _, _, _, _, directory_bytes, _, comment_bytes = END.unpack(tail[-END.size :])
    if magic != END_MAGIC or comment_bytes:
        raise VoiceArchiveError(f'{path.name} is no voice archive, or it was cut short')
    if directory_bytes > MAX_DIRECTORY_BYTES or tail.startswith(LOCATOR_MAGIC):
        raise VoiceArchiveError(f'{path.name} holds more than a voice archive may')


@contextmanager
def _damage_of(path: Path) -> Iterator[None]:
    """Tell whatever a damaged archive makes of the zip library as an error of the archive."""
    try:
        yield
    except _DAMAGE as error:
        raise VoiceArchiveError(
            f'{path.name} is damaged ({error}); export or download it again'
        ) from error


def _checked_entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the entries by name, after a look at all that the directory of the zip file says."""
    entries = archive.infolist()
    if not 1 <= len(entries) <= MAX_FILES + 1:
        raise VoiceArchiveError(
            f'the archive has {len(entries)} files; at most {MAX_FILES} may be'
        )
    for entry in entries:
        _check_entry(entry)
    found = {entry.filename: entry for entry in entries}
    if len(found) != len(entries):
        raise VoiceArchiveError('a file is in the archive twice')
    if sum(entry.file_size for entry in entries) > MAX_TOTAL_BYTES:
        raise VoiceArchiveError(f'the files have more than {MAX_TOTAL_BYTES} bytes together')
    _check_places(archive, entries)
    return found


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    limit = MAX_MANIFEST_BYTES if name == MANIFEST_FILE else limit_of(name)
    if entry.orig_filename != name:
        raise VoiceArchiveError(f'{name} has another name in the directory of the archive')
    if entry.flag_bits & ENCRYPTED:
        raise VoiceArchiveError(f'{name} is encrypted')
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise VoiceArchiveError(f'{name} is compressed by another method than deflate')
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise VoiceArchiveError(f'{name} is no file but a link or something else')
    if entry.file_size > limit:
        raise VoiceArchiveError(f'{name} has {entry.file_size} bytes; {limit} are allowed')
    if entry.file_size > MAX_RATIO * max(1, entry.compress_size):
        raise VoiceArchiveError(f'{name} is compressed more than {MAX_RATIO} times')


def _check_places(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse files that lie over one another, or behind something that is no file."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end or (end == 0 and entry.header_offset):
            raise VoiceArchiveError('files of the archive lie over one another')
        # Fixed part of the header before each file, its name, and the file.
        end = entry.header_offset + 30 + len(entry.filename) + entry.compress_size
    if end > archive.start_dir:
        raise VoiceArchiveError('a file of the archive reaches beyond its end')


def _read_manifest(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> Manifest:
    if MANIFEST_FILE not in entries:
        raise VoiceArchiveError(f'the archive has no {MANIFEST_FILE}; it is no voice archive')
    with _damage_of(Path(archive.filename or '')):
        text = archive.read(entries[MANIFEST_FILE]).decode('utf-8')
        try:
            tree = json.loads(text)
        except RecursionError as error:
            raise VoiceArchiveError(f'{MANIFEST_FILE} is nested too deep') from error
    manifest = manifest_of(tree)
    listed = {file.name: file.size for file in manifest.files}
    found = {name: entry.file_size for name, entry in entries.items() if name != MANIFEST_FILE}
    if listed != found or len(listed) != len(manifest.files):
        raise VoiceArchiveError(f'{MANIFEST_FILE} lists other files than the archive has')
    return manifest


def _extract(archive: zipfile.ZipFile, file: ArchivedFile, folder: Path) -> None:
    """Write one file, but never more of it than was announced."""
    target = folder / file.name
    target.parent.mkdir(exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with archive.open(file.name) as source, target.open('xb') as output:
        while block := source.read(BLOCK):
            size += len(block)
            if size > file.size:
                raise VoiceArchiveError(f'{file.name} is larger than {MANIFEST_FILE} says')
            digest.update(block)
            output.write(block)
    if (size, digest.hexdigest()) != (file.size, file.sha256):
        raise VoiceArchiveError(
            f'{file.name} is not what {MANIFEST_FILE} says; export or download it again'
        )


def check_content(voice: Voice) -> None:
    """Look whether each file of a voice is what its name says; models are not loaded.

    Raises:
        GptsovitsError: one is not, or conditions without recordings belong to other models.

    """
    own = voice.folder.resolve()
    for path in voice.folder.rglob(f'*{PORTABLE}'):
        check_tensors(path)
    for path, role in (
        (voice.semantic, 'semantic'),
        (voice.acoustic, 'acoustic'),
        (voice.acoustic_base, 'acoustic'),
        (voice.content, 'content'),
        (voice.token_table, 'token_table'),
    ):
        if path is not None and path.is_relative_to(own):
            check_model(path, role)
    for folder, class_name in ((voice.bert, 'BertModel'), (voice.hubert, 'HubertModel')):
        if folder is not None and folder.is_relative_to(own):
            check_encoder(folder, class_name)
    for clip in voice.clips:
        read_audio(clip)
    if voice.prompt_audio is not None and voice.prompt_text:
        load_prompt_16k(voice.prompt_audio)
    if voice.lexicon is not None:
        load_lexicon(voice.lexicon)
    read_report(voice.folder)
    if voice.conditions is not None:
        stored = read_conditions(voice.conditions)
        if voice.prompt_audio is None and not stored.fits(voice):
            raise VoiceInvalidError(
                'the voice was enrolled with other models than those here, and its recordings '
                'were not kept; export it with its models'
            )
