"""Download a zip file of model files and keep what is needed of it, unpacked."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path, PurePosixPath

from gptsovits_ros.errors import DownloadError
from gptsovits_ros.fetch import Fetcher
from gptsovits_ros.official_models import ModelArchive, ModelFile


def fetch_archive(fetcher: Fetcher, archive: ModelArchive) -> None:
    """Make sure that the members of an archive are there and right.

    The zip file is downloaded only if a member is missing, and deleted when all are unpacked.

    Raises:
        DownloadError: if it cannot be had or holds something else; members that are right stay.

    """
    root = fetcher.model_root
    missing = [member for member in archive.members if not (root / member.path).is_file()]
    if missing:
        fetcher.fetch([archive.file])
        try:
            _unpack(fetcher, archive.file, missing)
        except (OSError, zipfile.BadZipFile) as error:  # disk full, no permission, ...
            raise DownloadError(
                f'{root / archive.file.path} cannot be unpacked: {error}. It is kept; run the '
                'command again afterwards'
            ) from error
    # All are there: they are checked, and their sums recorded for later checks.
    fetcher.fetch(archive.members)
    (root / archive.file.path).unlink(missing_ok=True)


def _unpack(fetcher: Fetcher, file: ModelFile, members: list[ModelFile]) -> None:
    """Write members of a zip file to their places below the model root."""
    root = fetcher.model_root
    with zipfile.ZipFile(root / file.path) as archive:
        found = [(_find(archive, file, member), root / member.path) for member in members]
        fetcher.check_space(sum(info.file_size for info, _ in found))
        for info, path in found:
            _write(archive, info, path)


def _find(archive: zipfile.ZipFile, file: ModelFile, member: ModelFile) -> zipfile.ZipInfo:
    name = str(PurePosixPath(member.path).relative_to(PurePosixPath(file.path).parent))
    try:
        return archive.getinfo(name)
    except KeyError as error:
        raise DownloadError(
            f'{file.path} has no {name}; delete it and run the command again, or use another '
            '--endpoint'
        ) from error


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    """Write a member; the file takes its name only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + '.part')
    with archive.open(info) as source, part.open('wb') as output:
        shutil.copyfileobj(source, output, 1 << 20)
    part.replace(path)
