"""Zip files of models, against the local server."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace

import pytest

from gptsovits_ros.errors import DownloadError
from gptsovits_ros.fetch import OK, Fetcher
from gptsovits_ros.fetch_archive import fetch_archive
from gptsovits_ros.official_models import ModelArchive, ModelFile

from .model_server import URL_PATH, running_server

NETWORK = bytes(range(256)) * 500
TABLE = 'a\tb\n' * 100


def zipped(*names):
    """Return a zip file with a network, a table, and what else has these names."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('Model/network.onnx', NETWORK)
        archive.writestr('Model/table.txt', TABLE)
        for name in names:
            archive.writestr(name, 'not asked for')
    return output.getvalue()


def archive_of(content, network=NETWORK):
    """Return the description of a zip file with this content and this network."""
    versions = ('v2',)
    return ModelArchive(
        ModelFile(
            'text/Model.zip',
            len(content),
            hashlib.sha256(content).hexdigest(),
            versions,
            'a zip file',
            url=URL_PATH,
        ),
        (
            ModelFile(
                'text/Model/network.onnx',
                len(network),
                hashlib.sha256(network).hexdigest(),
                versions,
                'network',
            ),
            ModelFile('text/Model/table.txt', 0, '', versions, 'table'),
        ),
    )


@pytest.fixture
def server():
    with running_server() as state:
        state.linked_sha256 = ''
        yield state


@pytest.fixture
def fetcher(server, tmp_path, monkeypatch):
    monkeypatch.setenv('NO_PROXY', '127.0.0.1')
    return Fetcher(tmp_path / 'models', endpoint=server.endpoint)


def names_below(folder):
    """Return the names of all model files."""
    return {path.name for path in folder.glob('text/**/*') if path.is_file()}


def test_an_archive_is_kept_unpacked_and_only_what_is_needed_of_it(fetcher, server):
    server.content = zipped('Model/readme', '../../evil')
    archive = archive_of(server.content)
    fetch_archive(fetcher, archive)
    assert names_below(fetcher.model_root) == {'network.onnx', 'table.txt'}
    assert (fetcher.model_root / 'text/Model/network.onnx').read_bytes() == NETWORK
    # The sum of the table was recorded.
    assert [state for _, state in fetcher.verify(archive.members)] == [OK, OK]


def test_members_that_are_there_are_not_downloaded_again(fetcher, server):
    server.content = zipped()
    fetch_archive(fetcher, archive_of(server.content))
    server.requests.clear()
    fetch_archive(fetcher, archive_of(server.content))
    assert server.requests == []


def test_a_member_that_was_deleted_comes_back_alone(fetcher, server):
    server.content = zipped()
    fetch_archive(fetcher, archive_of(server.content))
    (fetcher.model_root / 'text/Model/table.txt').unlink()
    before = (fetcher.model_root / 'text/Model/network.onnx').stat().st_mtime_ns
    fetch_archive(fetcher, archive_of(server.content))
    assert (fetcher.model_root / 'text/Model/table.txt').read_text() == TABLE
    assert (fetcher.model_root / 'text/Model/network.onnx').stat().st_mtime_ns == before


def test_a_folder_copied_there_by_hand_is_checked_and_kept(fetcher, server):
    folder = fetcher.model_root / 'text/Model'
    folder.mkdir(parents=True)
    (folder / 'network.onnx').write_bytes(b'mine')
    (folder / 'table.txt').write_text(TABLE)
    with pytest.raises(DownloadError, match='move it away'):
        fetch_archive(fetcher, archive_of(zipped()))
    assert (folder / 'network.onnx').read_bytes() == b'mine'
    assert server.requests == []


def test_another_archive_than_the_pinned_one_is_never_unpacked(fetcher, server):
    archive = archive_of(zipped())
    server.content = zipped()[:-1] + b'!'
    with pytest.raises(DownloadError, match='not the official file'):
        fetch_archive(fetcher, archive)
    assert names_below(fetcher.model_root) == set()


def test_an_archive_without_a_member_is_named(fetcher, server):
    server.content = zipped()
    archive = archive_of(server.content)
    wanted = replace(archive.members[1], path='text/Model/other.txt')
    with pytest.raises(DownloadError, match=r'Model\.zip has no Model/other\.txt'):
        fetch_archive(fetcher, replace(archive, members=(wanted,)))


def test_what_is_no_zip_file_is_told(fetcher, server):
    server.content = b'no zip file' * 100
    with pytest.raises(DownloadError, match='cannot be unpacked'):
        fetch_archive(fetcher, archive_of(server.content))


def test_too_little_space_for_the_unpacked_files_is_told_before(fetcher, server):
    server.content = zipped()
    archive = archive_of(server.content)
    fetcher.fetch([archive.file])
    full = replace(fetcher, free_bytes=lambda folder: 100_000)
    with pytest.raises(DownloadError, match='MB are free'):
        fetch_archive(full, archive)
    assert names_below(fetcher.model_root) == {'Model.zip'}
