"""What an enrolment found stays with the voice, and no file can make the reader do harm."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from gptsovits_ros.errors import GptsovitsError, VoiceInvalidError
from gptsovits_ros.voice.enroll.report import (
    NO_NUMBER,
    EnrolmentReport,
    PieceReport,
    Quality,
    QualityReport,
)
from gptsovits_ros.voice.enroll.report_file import REPORT_FILE, read_report, write_report
from gptsovits_ros.voice.export import export_voice
from gptsovits_ros.voice.importing import import_voice
from gptsovits_ros.voice.store import VoiceStore
from gptsovits_ros.voice.voice_file import write_voice_file

PIECE = PieceReport('a.wav', 0.5, 6.5, 0.9, Quality(6.0, 5.0, -20.0, 41.0, 15.0, 0.001, 8000.0))
QUALITY = QualityReport(
    9.0, 7.0, 0.9, PIECE, (PIECE, PIECE), '你好。', 'given', True, None, False, ('a note',)
)
REPORT = EnrolmentReport('anna', 'base', 'keep', 1.5, QUALITY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a voice "anna", with a report."""
    (tmp_path / 'anna').mkdir()
    write_report(REPORT, tmp_path / 'anna')
    return tmp_path / 'anna'


def test_a_report_is_read_as_it_was_written(folder):
    assert read_report(folder) == REPORT
    assert '你好。' in (folder / REPORT_FILE).read_text(encoding='utf-8')


def test_the_folder_tells_whose_report_it_is(folder):
    assert read_report(folder.rename(folder.with_name('bob'))) == replace(REPORT, name='bob')


def test_a_voice_without_a_report_has_none(tmp_path):
    assert read_report(tmp_path) is None


def test_whatever_is_written_can_be_read(folder):
    piece = replace(
        PIECE, clip='\x1b[2J\udcff.wav', quality=replace(PIECE.quality, snr_db=math.inf)
    )
    quality = replace(QUALITY, prompt=piece, text='a\nb\u3000' * 5000)
    write_report(replace(REPORT, quality=quality), folder)
    found = read_report(folder).quality
    assert found.prompt.clip == ' [2J .wav'
    assert found.prompt.quality.snr_db == NO_NUMBER
    assert found.text.startswith('a b ') and len(found.text) == 2000


def set_to(*path: str, value: object):
    """Return a change of one value of the file."""

    def change(tree: dict) -> None:
        *above, last = path
        for key in above:
            tree = tree[key]
        tree[last] = value

    return change


CHANGES = [
    (set_to('format', value=2), 'reads 1'),
    (set_to('format', value=True), 'reads 1'),
    (lambda tree: tree.pop('format'), 'reads 1'),
    (lambda tree: tree.pop('base'), 'must tell'),
    (set_to('name', value='bob'), 'name'),
    (set_to('surprise', value=1), 'must tell'),
    (set_to('base', value=7), 'base must be a str'),
    (set_to('base', value='\x1b[31m'), 'base must be one line'),
    (set_to('quality', 'text', value='x' * 2001), 'text must be one line'),
    (set_to('quality', 'notes', value=['x'] * 65), 'notes must be a list'),
    (set_to('quality', 'notes', value='x'), 'notes must be a list'),
    (set_to('quality', 'denoised', value=1), 'denoised must be a bool'),
    (set_to('quality', 'prompt', value=None), 'prompt. must tell'),
    (set_to('quality', 'prompt', 'quality', 'snr_db', value=math.nan), 'snr_db must be a number'),
    (set_to('quality', 'prompt', 'quality', 'snr_db', value=math.inf), 'snr_db must be a number'),
    (set_to('seconds', value=10**400), 'seconds must be a number'),
    (set_to('seconds', value=True), 'seconds must be a float'),
]


@pytest.mark.parametrize(('change', 'message'), CHANGES)
def test_a_file_that_is_no_report_is_refused(folder, change, message):
    tree = yaml.safe_load((folder / REPORT_FILE).read_text(encoding='utf-8'))
    change(tree)
    (folder / REPORT_FILE).write_text(yaml.safe_dump(tree), encoding='utf-8')
    with pytest.raises(VoiceInvalidError, match=f'{REPORT_FILE}.*{message}'):
        read_report(folder)


@pytest.mark.parametrize('text', ['[]', '', 'a: &a [1]\nb: *a', '[' * 50_000, 'x' * 70_000])
def test_what_is_no_report_at_all_is_refused(folder, text):
    (folder / REPORT_FILE).write_text(text, encoding='utf-8')
    with pytest.raises(VoiceInvalidError, match=REPORT_FILE):
        read_report(folder)


@pytest.fixture
def store(tiny_voice, tmp_path) -> VoiceStore:
    """Return a store with "tiny", and "anna", who speaks with its models and has a report."""
    store = VoiceStore(tmp_path / 'store', tmp_path)
    shutil.copytree(tiny_voice, store.voice_root / 'tiny')

    def build(folder: Path) -> None:
        shutil.copy(tiny_voice / 'prompt.wav', folder)
        prompt = {'audio': 'prompt.wav', 'text': '', 'language': 'en'}
        tree = {'languages': ['en'], 'prompt': prompt, **store.models_of('tiny')}
        write_voice_file(folder, tree)
        write_report(REPORT, folder)

    store.create('anna', build)
    return store


def test_the_report_travels_with_the_voice(store, tmp_path):
    archive = export_voice(store, 'anna', tmp_path / 'a').path
    voice = import_voice(store, archive, 'bob')
    assert read_report(voice.folder) == replace(REPORT, name='bob')


def test_a_voice_that_brings_a_report_that_is_none_is_not_imported(store, tmp_path):
    folder = store.voice('anna').folder
    (folder / REPORT_FILE).write_text('format: 1\nbase: x\n', encoding='utf-8')
    with pytest.raises(VoiceInvalidError, match=f'{REPORT_FILE} changed'):
        export_voice(store, 'anna', tmp_path / 'a')
    (folder / 'checksums.txt').unlink()
    archive = export_voice(store, 'anna', tmp_path / 'a').path
    with pytest.raises(GptsovitsError, match='must tell'):
        import_voice(store, archive, 'bob')
    assert store.names() == ['anna', 'tiny']


def test_a_damaged_report_keeps_no_voice_from_speaking(store):
    (store.voice('anna').folder / REPORT_FILE).write_text('x')
    assert store.voice('anna').name == 'anna'
