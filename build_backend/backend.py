"""The build backend: setuptools', plus an editable install that carries the generated interfaces.

An editable install by setuptools alone leaves generated files in the source tree and installs no
share/ folder. Here it is the ordinary wheel in which a .pth file to the source tree replaces the
Python sources, so `pip install -e .` and `pip install .` differ in nothing but where the code is
read from.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import tempfile
import zipfile
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import (
    build_sdist,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    'build_editable',
    'build_sdist',
    'build_wheel',
    'get_requires_for_build_editable',
    'get_requires_for_build_sdist',
    'get_requires_for_build_wheel',
    'prepare_metadata_for_build_editable',
    'prepare_metadata_for_build_wheel',
]

SOURCE_ROOT = Path(__file__).resolve().parent.parent
WORK_FOLDER = SOURCE_ROOT / '.work' / 'setuptools'  # as build_base in setup.cfg
PTH_NAME = 'gptsovits_ros.pth'

get_requires_for_build_editable = get_requires_for_build_wheel
prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None) -> str:
    """Build the wheel and return its file name.

    :raises SystemExit: if setuptools cannot build it; its text says why.
    """
    # setuptools packs whatever an earlier build left in its work folder, deleted modules included.
    shutil.rmtree(WORK_FOLDER, ignore_errors=True)
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None) -> str:
    """Build a wheel that reads its Python sources from the source tree; return its file name."""
    with tempfile.TemporaryDirectory() as folder:
        name = build_wheel(folder, config_settings, metadata_directory)
        make_editable(Path(folder, name), Path(wheel_directory, name), SOURCE_ROOT)
    return name


def make_editable(wheel: Path, target: Path, source_root: Path) -> None:
    """Copy a wheel without the files that the source tree has, with a .pth file to that tree."""
    record: list[str] = []
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(target, 'w') as new:
        members = {info.filename: info for info in old.infolist()}
        record_name = next(name for name in members if name.endswith('.dist-info/RECORD'))
        for name, info in members.items():
            if name != record_name and not (source_root / name).is_file():
                _write(new, info, old.read(info), record)
        _write(new, zipfile.ZipInfo(PTH_NAME), f'{source_root}\n'.encode(), record)
        record.append(f'{record_name},,\n')
        new.writestr(members[record_name], ''.join(record))


def _write(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, data: bytes, record: list[str]
) -> None:
    """Write one member with its mode, and its line of the RECORD."""
    archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()
    record.append(f'{info.filename},sha256={digest},{len(data)}\n')
