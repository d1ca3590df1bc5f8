"""Read torch zip archives without trusting them.

A pickle can name any function of any installed module and have it called. Here the only things
that can be built are tensors, plain containers and a stand-in for the `utils.HParams` of official
files; everything else is refused by name (gptsovits-spec sections 1.2 and 12.22).
"""

from __future__ import annotations

import collections
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from gptsovits_ros.errors import CheckpointError, CheckpointUnsafeError

# Newer families overwrite the first two bytes of the zip, "PK", by a version number.
ZIP_MAGIC = b'PK'
MAX_FILE_BYTES = 4 << 30
# The pickle holds names, shapes and settings, no weights; official ones are below 200 kB.
MAX_PICKLE_BYTES = 16 << 20

_STORAGE_TYPES = {
    'DoubleStorage': torch.float64,
    'FloatStorage': torch.float32,
    'HalfStorage': torch.float16,
    'BFloat16Storage': torch.bfloat16,
    'LongStorage': torch.int64,
    'IntStorage': torch.int32,
    'ShortStorage': torch.int16,
    'CharStorage': torch.int8,
    'ByteStorage': torch.uint8,
    'BoolStorage': torch.bool,
}


def read_header(path: Path) -> bytes:
    """Return the first two bytes of a checkpoint file."""
    with _open(path) as stream:
        return stream.read(2)


def read_archive(path: Path) -> Any:
    """Return what a torch zip archive holds: tensors in plain containers, HParams as dicts.

    Raises:
        CheckpointUnsafeError: the pickle asks for an object that is not on the allow-list.
        CheckpointError: the file is missing, too large, damaged, or no torch zip archive.

    """
    with _open(path) as stream:
        data = bytearray(stream.read(MAX_FILE_BYTES + 1))
    if len(data) > MAX_FILE_BYTES:
        raise CheckpointError(
            f'{path} is larger than {MAX_FILE_BYTES >> 30} GiB; no such model exists'
        )
    data[:2] = ZIP_MAGIC
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _plain(_unpickle(path, archive))
    except zipfile.BadZipFile as error:
        raise CheckpointError(
            f'{path} is not a torch zip archive ({error}); is the download complete?'
        ) from error


def _open(path: Path) -> io.BufferedReader:
    try:
        return open(path, 'rb')
    except OSError as error:
        raise CheckpointError(f'cannot read the checkpoint {path}: {error.strerror}') from error


def _unpickle(path: Path, archive: zipfile.ZipFile) -> Any:
    pickles = [info for info in archive.infolist() if info.filename.endswith('data.pkl')]
    if len(pickles) != 1:
        raise CheckpointError(f'{path} is a zip file but no torch archive: it has no data.pkl')
    if pickles[0].file_size > MAX_PICKLE_BYTES:
        raise CheckpointError(
            f'{path}: the object table of {pickles[0].file_size} bytes is too large'
        )
    root = pickles[0].filename[: -len('data.pkl')]
    try:
        return _Unpickler(path, archive, root, archive.read(pickles[0])).load()
    except CheckpointError:
        raise
    # A damaged pickle can fail in any way; whatever it is, the file is to blame.
    except Exception as error:
        raise CheckpointError(f'{path} is damaged: {type(error).__name__}: {error}') from error


class _Unpickler(pickle.Unpickler):
    """Builds nothing but what `find_class` lists.

    The classes and functions that it hands out are made anew for each file, so that a pickle which
    writes attributes onto them changes nothing outside itself.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile, root: str, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self._path = path
        self._archive = archive
        self._root = root
        self._storages: dict[str, torch.Tensor] = {}
        self._hparams = type('HParams', (_HParams,), {})

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ('utils', 'HParams'):
            return self._hparams
        if (module, name) == ('collections', 'OrderedDict'):
            return collections.OrderedDict
        if (module, name) == ('torch._utils', '_rebuild_tensor_v2'):
            return lambda storage, offset, size, stride, *_: torch.as_strided(
                storage, size, stride, offset
            )
        if (module, name) == ('torch._utils', '_rebuild_parameter'):
            return lambda data, *_: data
        if module == 'torch' and name in _STORAGE_TYPES:
            return _STORAGE_TYPES[name]
        raise CheckpointUnsafeError(
            f'{self._path} asks to build "{module}.{name}", which is not allowed in a checkpoint: '
            'do not use this file, it may run code; get the voice from its author again'
        )

    def persistent_load(self, pid: Any) -> torch.Tensor:
        kind, dtype, key, _location, count = pid
        if kind != 'storage' or not isinstance(dtype, torch.dtype) or not str(key).isalnum():
            raise CheckpointError(f'{self._path} is damaged: unknown storage {pid!r}')
        if key not in self._storages:
            info = self._archive.getinfo(f'{self._root}data/{key}')
            expected = int(count) * dtype.itemsize
            if info.file_size != expected:
                raise CheckpointError(
                    f'{self._path} is damaged: storage {key} has {info.file_size} bytes '
                    f'instead of {expected}'
                )
            raw = bytearray(self._archive.read(info))
            self._storages[key] = (
                torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
            )
        return self._storages[key]


class _HParams:
    """Stands in for the settings tree of official files; only carries attributes."""


def _plain(value: Any) -> Any:
    """Turn HParams and ordered dicts into plain dicts, at any depth."""
    if isinstance(value, _HParams):
        return {name: _plain(item) for name, item in vars(value).items()}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return value
