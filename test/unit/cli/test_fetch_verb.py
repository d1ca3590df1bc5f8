"""The verb fetch: what it prints and returns; the downloads have tests of their own."""

from __future__ import annotations

import argparse
import json

import pytest

from gptsovits_ros import fetch as downloads
from gptsovits_ros import fetch_archive
from gptsovits_ros.cli import fetch
from gptsovits_ros.errors import DownloadError
from gptsovits_ros.official_models import G2PW, LANGUAGE_IDENTIFIER, OFFICIAL_FILES, files_for


def run(*argv):
    """Run the verb as the command line does."""
    parser = argparse.ArgumentParser()
    fetch.add_arguments(parser)
    return fetch.run(parser.parse_args(list(argv)))


@pytest.fixture
def fetched(monkeypatch):
    """Replace the download by one that only reports; return what was asked for."""
    asked = []

    def fake(self, files):
        files = list(files)
        asked.append((self, files))
        for file in files:
            self.on_progress(downloads.Progress(file.path, downloads.DOWNLOADING, 5, 10))
            self.on_progress(downloads.Progress(file.path, downloads.DONE, 10, 10))

    monkeypatch.setattr(downloads.Fetcher, 'fetch', fake)
    return asked


@pytest.mark.parametrize(
    'argv, version, training',
    [
        ([], 'v2', False),
        (['--version', 'v2Pro'], 'v2Pro', False),
        (['--version', 'v4'], 'v4', False),
        (['--training'], 'v2', True),
    ],
)
def test_the_files_of_one_version_are_fetched(fetched, tmp_path, argv, version, training):
    assert run('--model-root', str(tmp_path), *argv) == 0
    fetcher, files = fetched[0]
    assert fetcher.model_root == tmp_path
    assert files == list(files_for(version, training))


def test_the_language_identifier_is_fetched_if_asked_for(fetched, tmp_path):
    assert run('--model-root', str(tmp_path), '--language-id') == 0
    ((_, files),) = fetched
    assert files == [*files_for('v2'), LANGUAGE_IDENTIFIER]


def test_g2pw_is_fetched_if_asked_for_and_counts_as_present_when_it_is_unpacked(
    fetched, tmp_path, capsys, monkeypatch
):
    asked = []
    monkeypatch.setattr(
        fetch_archive, 'fetch_archive', lambda fetcher, archive: asked.append(archive)
    )
    assert run('--model-root', str(tmp_path)) == 0
    assert asked == []
    assert run('--model-root', str(tmp_path), '--g2pw') == 0
    assert asked == [G2PW]
    for member in G2PW.members:
        (tmp_path / member.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / member.path).touch()
    run('--list', '--model-root', str(tmp_path))
    assert capsys.readouterr().out.splitlines()[-1].startswith('present')


def test_g2pw_is_verified_if_asked_for(tmp_path, capsys):
    assert run('--verify', '--g2pw', '--model-root', str(tmp_path)) == 1
    assert 'missing  text/G2PWModel/g2pW.onnx' in capsys.readouterr().out


def test_the_endpoint_is_the_option_else_the_variable_else_the_official_one(
    fetched, tmp_path, monkeypatch
):
    monkeypatch.delenv('HF_ENDPOINT', raising=False)
    run('--model-root', str(tmp_path))
    monkeypatch.setenv('HF_ENDPOINT', 'https://mirror.example')
    run('--model-root', str(tmp_path))
    run('--model-root', str(tmp_path), '--endpoint', 'http://here.example')
    assert [fetcher.endpoint for fetcher, _ in fetched] == [
        'https://huggingface.co',
        'https://mirror.example',
        'http://here.example',
    ]


def test_the_default_folder_is_that_of_the_engine(fetched, tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_DATA_HOME', str(tmp_path))
    run()
    assert fetched[0][0].model_root == tmp_path / 'gptsovits_ros' / 'models'


def test_progress_can_be_json_lines(fetched, tmp_path, capsys):
    run('--model-root', str(tmp_path), '--json')
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {
        'path': files_for('v2')[0].path,
        'state': 'downloading',
        'done': 5,
        'total': 10,
        'note': '',
    }
    assert len(lines) == 2 * len(files_for('v2'))


def test_progress_is_a_bar_per_file(fetched, tmp_path, capsys):
    run('--model-root', str(tmp_path))
    output = capsys.readouterr()
    assert 'pytorch_model.bin' in output.err
    assert '8 files for v2' in output.out


def test_list_names_every_file_and_downloads_nothing(fetched, tmp_path, capsys):
    (tmp_path / OFFICIAL_FILES[0].path).parent.mkdir()
    (tmp_path / OFFICIAL_FILES[0].path).write_text('{}')
    assert run('--list', '--model-root', str(tmp_path)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(OFFICIAL_FILES) + 2
    assert 'lid.176.bin' in lines[-2]
    assert 'G2PWModel.zip' in lines[-1]
    assert [line.split()[0] for line in lines[:2]] == ['present', 'missing']
    assert fetched == []


def test_verify_fails_while_a_file_is_missing_or_damaged(fetched, tmp_path, capsys, monkeypatch):
    states = [downloads.OK, downloads.MISSING]
    monkeypatch.setattr(
        downloads.Fetcher, 'verify', lambda self, files: zip(files, states, strict=False)
    )
    assert run('--verify', '--model-root', str(tmp_path)) == 1
    assert capsys.readouterr().out.split()[::2] == ['ok', 'missing']
    states[1] = downloads.UNKNOWN
    assert run('--verify', '--model-root', str(tmp_path)) == 0
    states[1] = downloads.DAMAGED
    assert run('--verify', '--model-root', str(tmp_path)) == 1
    assert fetched == []


def test_a_failed_download_is_an_error(tmp_path, monkeypatch):
    def fail(self, files):
        raise DownloadError('no network')

    monkeypatch.setattr(downloads.Fetcher, 'fetch', fail)
    with pytest.raises(DownloadError, match='no network'):
        run('--model-root', str(tmp_path))


def test_list_and_verify_exclude_each_other(capsys):
    with pytest.raises(SystemExit):
        run('--list', '--verify')
