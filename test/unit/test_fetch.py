"""Downloads, against a local server with the layout of Hugging Face."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import replace

import pytest

from gptsovits_ros import fetch
from gptsovits_ros.checkpoint import load_cfm
from gptsovits_ros.errors import DownloadError
from gptsovits_ros.fetch import Fetcher
from gptsovits_ros.official_models import (
    G2PW,
    LANGUAGE_IDENTIFIER,
    OFFICIAL_FILES,
    VERSIONS,
    files_for,
)
from gptsovits_ros.text import g2pw, language

from .model_server import CONTENT, FILE, SHA256, URL_PATH, running_server

UNPINNED = replace(FILE, sha256='', size=len(CONTENT) + 1000)


@pytest.fixture
def server():
    with running_server() as state:
        yield state


@pytest.fixture
def fetcher(server, tmp_path, monkeypatch):
    monkeypatch.setenv('NO_PROXY', '127.0.0.1')
    waits = []
    yield Fetcher(
        tmp_path / 'models', endpoint=server.endpoint, revision='main', sleep=waits.append
    )


def files_below(folder):
    """Return the names of all files that a finished download leaves, but for its lock files."""
    found = {str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()}
    return found - {fetch.LOCK_NAME, '.fetch.running'}


def test_a_file_arrives_through_a_redirect_and_is_recorded(fetcher, server):
    fetcher.fetch([FILE])
    assert (fetcher.model_root / FILE.path).read_bytes() == CONTENT
    assert files_below(fetcher.model_root) == {FILE.path}
    assert [path for path, _ in server.requests] == [URL_PATH, '/storage/xyz']
    lock = json.loads((fetcher.model_root / fetch.LOCK_NAME).read_text())
    assert lock['files'] == {FILE.path: {'size': len(CONTENT), 'sha256': SHA256}}


def test_a_present_file_is_not_asked_for_again(fetcher, server):
    fetcher.fetch([FILE])
    server.requests.clear()
    fetcher.fetch([FILE])
    assert server.requests == []


def test_a_file_copied_there_by_hand_is_checked_and_recorded(fetcher, server):
    path = fetcher.model_root / FILE.path
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    fetcher.fetch([FILE])
    assert server.requests == []
    assert FILE.path in json.loads((fetcher.model_root / fetch.LOCK_NAME).read_text())['files']


def test_a_file_that_an_older_release_accepted_is_checked_against_the_new_sum(fetcher, server):
    fetcher.fetch([FILE])
    with pytest.raises(DownloadError, match='not the official file'):
        fetcher.fetch([replace(FILE, sha256='0' * 64)])


def test_a_wrong_file_copied_there_by_hand_is_named_and_kept(fetcher):
    path = fetcher.model_root / FILE.path
    path.parent.mkdir(parents=True)
    path.write_bytes(b'mine')
    with pytest.raises(DownloadError, match='move it away'):
        fetcher.fetch([FILE])
    assert path.read_bytes() == b'mine'


def test_a_cut_connection_is_resumed_where_it_stopped(fetcher, server):
    server.cut_after = [2 * fetch.BLOCK + 5000, fetch.BLOCK]
    fetcher.fetch([FILE])
    assert (fetcher.model_root / FILE.path).read_bytes() == CONTENT
    asked = [byte_range for path, byte_range in server.requests if path == '/storage/xyz']
    assert asked == [None, f'bytes={2 * fetch.BLOCK}-', f'bytes={3 * fetch.BLOCK}-']


def test_a_later_run_resumes_what_an_earlier_one_left(fetcher, server):
    server.cut_after = [100_000] + [0] * 10
    with pytest.raises(DownloadError, match='go on where it stopped'):
        fetcher.fetch([FILE])
    assert not (fetcher.model_root / FILE.path).exists()
    server.cut_after.clear()
    server.requests.clear()
    fetcher.fetch([FILE])
    assert server.requests[-1] == ('/storage/xyz', f'bytes={fetch.BLOCK}-')
    assert (fetcher.model_root / FILE.path).read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_taken_anew(fetcher, server):
    server.cut_after = [100_000] + [0] * 10
    with pytest.raises(DownloadError):
        fetcher.fetch([FILE])
    server.cut_after.clear()
    server.etag = '"two"'
    fetcher.fetch([FILE])
    assert (fetcher.model_root / FILE.path).read_bytes() == CONTENT


def test_a_server_without_ranges_gives_the_whole_file_again(fetcher, server):
    server.ranges_work = False
    server.cut_after = [100_000]
    fetcher.fetch([FILE])
    assert (fetcher.model_root / FILE.path).read_bytes() == CONTENT


def test_a_whole_part_file_is_only_checked(fetcher, server):
    part = fetcher.model_root / (FILE.path + '.part')
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT)
    fetcher.fetch([FILE])
    assert server.requests == []
    assert files_below(fetcher.model_root) == {FILE.path}


def test_a_part_file_longer_than_the_file_is_thrown_away(fetcher, server):
    part = fetcher.model_root / (FILE.path + '.part')
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT + b'more')
    part.with_name(part.name + '.etag').write_text(server.etag)
    fetcher.fetch([FILE])
    assert (fetcher.model_root / FILE.path).read_bytes() == CONTENT


def test_other_content_of_the_right_size_is_refused_and_deleted(fetcher, server):
    server.linked_sha256 = ''
    server.content = CONTENT[:-1] + b'!'
    with pytest.raises(DownloadError, match='not the official file'):
        fetcher.fetch([FILE])
    assert files_below(fetcher.model_root) == set()


@pytest.mark.parametrize('change', [{'linked_sha256': 'f' * 64}, {'content': CONTENT + b'!'}])
def test_a_server_that_declares_another_file_is_refused_before_the_download(
    fetcher, server, change
):
    vars(server).update(change)
    with pytest.raises(DownloadError, match='nothing was downloaded'):
        fetcher.fetch([FILE])
    assert not any(name.endswith('.bin') for name in files_below(fetcher.model_root))


def test_more_bytes_than_declared_are_refused(fetcher, server, monkeypatch):
    monkeypatch.setattr(fetch, '_declared', lambda response, offset: fetch._Expected(0, ''))
    server.content = CONTENT * 2
    with pytest.raises(DownloadError, match='more than'):
        fetcher.fetch([FILE])
    assert not any(name.endswith('.part') for name in files_below(fetcher.model_root))


def test_an_unpinned_file_is_checked_by_what_the_server_declares(fetcher, server):
    server.content = CONTENT[:-1] + b'!'
    with pytest.raises(DownloadError, match='not the official file'):
        fetcher.fetch([UNPINNED])
    server.content = CONTENT
    fetcher.fetch([UNPINNED])
    assert (fetcher.model_root / FILE.path).read_bytes() == CONTENT


def test_an_unpinned_file_must_be_the_same_at_every_download(fetcher, server):
    server.linked_sha256 = ''
    fetcher.fetch([UNPINNED])
    (fetcher.model_root / FILE.path).unlink()
    server.content = CONTENT[:-1] + b'!'
    with pytest.raises(DownloadError, match='not the official file'):
        fetcher.fetch([UNPINNED])


def test_an_unpinned_file_of_a_very_different_size_is_refused(fetcher, server):
    server.content, server.linked_sha256 = CONTENT[:1000], ''
    with pytest.raises(DownloadError, match='1000 bytes'):
        fetcher.fetch([UNPINNED])


@pytest.mark.parametrize('status', [401, 403, 404])
def test_a_refusal_is_not_tried_again(fetcher, server, status):
    server.statuses = [status] * 10
    with pytest.raises(DownloadError, match=f'answers {status}'):
        fetcher.fetch([FILE])
    assert len(server.statuses) == 9


def test_a_busy_server_is_asked_again_with_growing_pauses(server, tmp_path):
    waits, states = [], []
    server.statuses = [503, 429, 500]
    Fetcher(
        tmp_path,
        endpoint=server.endpoint,
        revision='main',
        sleep=waits.append,
        on_progress=lambda progress: states.append(progress.state),
    ).fetch([FILE])
    assert waits == [2.0, 4.0, 8.0]
    assert states.count(fetch.RETRYING) == 3
    assert states[-1] == fetch.DONE


def test_a_server_that_is_not_there_is_given_up_after_some_attempts(tmp_path):
    waits = []
    gone = Fetcher(tmp_path, endpoint='http://127.0.0.1:1', sleep=waits.append)
    with pytest.raises(DownloadError, match='127.0.0.1:1'):
        gone.fetch([FILE])
    assert len(waits) == fetch.MAX_ATTEMPTS - 1


def test_too_little_space_is_told_before_the_download(server, tmp_path):
    full = Fetcher(tmp_path, endpoint=server.endpoint, free_bytes=lambda folder: 1_000_000)
    with pytest.raises(DownloadError, match='1 MB are free'):
        full.fetch([FILE])
    assert server.requests == []


def test_a_disk_that_fills_up_meanwhile_is_told_and_the_part_is_kept(fetcher, server, monkeypatch):
    def fail_at_the_end(self, file, state, done, total, note=''):
        if state == fetch.DOWNLOADING and done == len(CONTENT):
            raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Fetcher, '_report', fail_at_the_end)
    with pytest.raises(DownloadError, match='No space left on device'):
        fetcher.fetch([FILE])
    assert FILE.path + '.part' in files_below(fetcher.model_root)


def test_two_downloads_into_one_folder_are_refused(fetcher):
    fetcher.model_root.mkdir()
    with contextlib.ExitStack() as stack:
        stack.enter_context(fetch._exclusive(fetcher.model_root / '.fetch.running'))
        with pytest.raises(DownloadError, match='another download'):
            fetcher.fetch([FILE])
    fetcher.fetch([FILE])


def test_an_encrypted_endpoint_may_not_lead_to_an_open_one(fetcher):
    class Answer:
        def __init__(self, url, history=()):
            self.url, self.history, self.status_code, self.headers = url, history, 200, {}

    secure = replace(fetcher, endpoint='https://mirror.example')
    answer = Answer('http://storage.example/x', [Answer('https://mirror.example/x')])
    with pytest.raises(DownloadError, match='not encrypted'):
        secure._check_status(FILE, answer, fetcher.model_root)


@pytest.mark.parametrize(
    'change',
    [
        {'endpoint': 'file:///etc'},
        {'endpoint': 'mirror'},
        {'revision': '../../other'},
        {'revision': ''},
    ],
)
def test_a_strange_endpoint_or_revision_is_refused(fetcher, change):
    with pytest.raises(DownloadError, match=r'not a'):
        replace(fetcher, **change)


def test_a_damaged_lock_file_is_named(fetcher):
    fetcher.model_root.mkdir()
    (fetcher.model_root / fetch.LOCK_NAME).write_text('{"files": []}')
    with pytest.raises(DownloadError, match='delete it'):
        fetcher.fetch([FILE])


def test_verify_reads_every_byte(fetcher):
    unknown = replace(FILE, path='unknown.bin', sha256='')
    assert list(fetcher.verify([FILE])) == [(FILE, fetch.MISSING)]
    fetcher.fetch([FILE])
    (fetcher.model_root / 'unknown.bin').write_bytes(b'x')
    assert [state for _, state in fetcher.verify([FILE, unknown])] == [fetch.OK, fetch.UNKNOWN]
    (fetcher.model_root / FILE.path).write_bytes(CONTENT[:-1] + b'!')
    assert list(fetcher.verify([FILE])) == [(FILE, fetch.DAMAGED)]


def test_a_file_that_is_elsewhere_has_its_own_address(fetcher):
    assert fetcher.url(FILE).startswith(fetcher.endpoint)
    assert fetcher.url(replace(FILE, url='https://a.example/b')) == 'https://a.example/b'
    assert fetcher.url(replace(FILE, url='/a/b')) == f'{fetcher.endpoint}/a/b'
    assert LANGUAGE_IDENTIFIER.url.startswith('https://')
    assert len(bytes.fromhex(LANGUAGE_IDENTIFIER.sha256)) == 32


def test_the_table_is_sound():
    files = (*OFFICIAL_FILES, LANGUAGE_IDENTIFIER, G2PW.file, *G2PW.members)
    paths = [file.path for file in files]
    assert len(set(paths)) == len(paths)
    for file in files:
        assert not file.path.startswith('/') and '..' not in file.path
        assert file.size > 0 or file in G2PW.members
        assert file.sha256 == '' or len(bytes.fromhex(file.sha256)) == 32


@pytest.mark.parametrize('version', VERSIONS)
def test_every_version_has_its_encoders_gpt_and_sovits(version):
    names = ' '.join(file.path for file in files_for(version))
    for part in ('hubert-base/pytorch_model.bin', 'roberta-wwm-ext-large/', 's1', 's2G'):
        assert part in names
    assert 's2D' not in names
    # v3 and v4 learn without a discriminator, and draw a mel that needs a vocoder.
    draws_mel = version in ('v3', 'v4')
    assert draws_mel == ('bigvgan_generator' in names or 'vocoder.pth' in names)
    assert draws_mel == ('s2D' not in ' '.join(f.path for f in files_for(version, training=True)))


def test_files_lie_where_the_engine_and_the_text_frontend_look_for_them():
    paths = {file.path for file in (*OFFICIAL_FILES, *G2PW.members, LANGUAGE_IDENTIFIER)}
    assert f'{g2pw.MODEL_FOLDER}/g2pW.onnx' in paths
    assert {g2pw.TOKENIZER, language.IDENTIFIER} <= paths
    assert {path.rpartition('/')[2] for path in paths} >= {
        load_cfm.BIGVGAN_CONFIG,
        load_cfm.BIGVGAN_WEIGHTS,
    }
