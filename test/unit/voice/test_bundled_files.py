"""What lies in the folder of the bundled voices: little, of few kinds, and whole."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import gptsovits_ros
from gptsovits_ros.errors import GptsovitsError
from gptsovits_ros.voice.bundled import BundledVoices
from gptsovits_ros.voice.conditions import read_conditions
from gptsovits_ros.voice.default_file import read_default
from gptsovits_ros.voice.importing import check_content
from gptsovits_ros.voice.store import VoiceStore
from gptsovits_ros.voice.voice_file import read_voice_file, write_voice_file

FOLDER = Path(gptsovits_ros.__file__).parent / 'bundled'
KINDS = ('.safetensors', '.yaml', '.opus', '.wav', '.flac', '.md')
MAX_BYTES = 30_000_000


def faults(folder: Path, nowhere: Path) -> Iterator[str]:
    """Yield what is wrong with a folder of bundled voices; nowhere: a folder without models."""
    files = [path for path in folder.rglob('*') if not path.is_dir()]
    for path in files:
        if path.suffix not in KINDS or path.is_symlink():
            yield f'{path.relative_to(folder)} is of no known kind'
    if sum(path.stat().st_size for path in files) > MAX_BYTES:
        yield f'more than {MAX_BYTES} bytes in all'
    voices = BundledVoices(folder / 'voices')
    places = [path for path in voices.root.glob('*') if path.is_dir()]
    if sorted(path.name for path in places) != voices.names():
        yield 'a folder is no voice'
    if read_default(voices.root) not in (voices.names() or ['']):
        yield 'the default is no voice'
    for name in voices.names():
        try:
            voice = voices.read(voices.root / name, nowhere)
            check_content(voice)
            if voice.conditions and not read_conditions(voice.conditions).fits(voice):
                yield f'{name}: its conditions belong to other models'
        except GptsovitsError as error:
            yield f'{name}: {error}'


def test_the_bundled_voices_are_whole(tmp_path):
    assert (FOLDER / 'README.md').is_file()
    assert list(faults(FOLDER, tmp_path / 'nowhere')) == []


def test_the_package_reads_its_own_folder(package_voices):
    assert package_voices == FOLDER.resolve() / 'voices'


@pytest.fixture
def whole(tiny_archived, tmp_path) -> Path:
    """Return a folder with a voice in our formats, and one on its models."""
    root = tmp_path / 'bundled' / 'voices'
    shutil.copytree(tiny_archived, root / 'core')
    shutil.rmtree(root / 'core' / 'bert')
    tree = read_voice_file(root / 'core')
    tree['encoders'] = {'hubert': tree['encoders']['hubert']}
    write_voice_file(root / 'core', tree)
    (root / 'mia').mkdir()
    shutil.copyfile(root / 'core' / 'prompt.wav', root / 'mia' / 'prompt.wav')
    write_voice_file(root / 'mia', {**tree, 'base': 'core'})
    (root / 'default.yaml').write_text('voice: mia\n')
    return root.parent


@pytest.fixture(scope='module')
def tiny_archived(tiny_voice, tmp_path_factory) -> Path:
    """Return the stand-in with all models as safetensors; do not change it."""
    from gptsovits_ros.voice.export import export_voice
    from gptsovits_ros.voice.importing import import_voice

    work = tmp_path_factory.mktemp('archived')
    archive = work / 'tiny.gsvvoice'
    export_voice(VoiceStore(tiny_voice.parent, work), 'tiny', archive)
    voice = import_voice(VoiceStore(work / 'voices', work), archive)
    (voice.folder / 'checksums.txt').unlink()
    return voice.folder


def test_a_whole_folder_has_no_fault(whole, tmp_path):
    # A trained voice has one content file; HuBERT of the stand-in brings its config.
    expected = ['voices/core/hubert/config.json is of no known kind']
    assert list(faults(whole, tmp_path / 'nowhere')) == expected


@pytest.mark.parametrize(
    ('damage', 'fault'),
    [
        (lambda voices: (voices / 'mia' / 'prompt.wav').unlink(), 'mia: .*prompt.audio'),
        (lambda voices: (voices / 'mia' / 'prompt.wav').write_bytes(b'x'), 'mia: .*prompt.wav'),
        (lambda voices: cut(voices / 'core' / 'acoustic.safetensors'), 'core: .*acoustic'),
        (lambda voices: (voices / 'core' / 'voice.yaml').unlink(), 'a folder is no voice'),
        (lambda voices: (voices / 'default.yaml').write_text('voice: x'), 'the default is no'),
        (lambda voices: (voices / 'default.yaml').unlink(), 'the default is no voice'),
        (lambda voices: (voices / 'mia' / 'a.ckpt').touch(), 'a.ckpt is of no known kind'),
        (lambda voices: (voices / 'a.md').write_bytes(bytes(MAX_BYTES)), 'more than 30000000'),
    ],
)
def test_a_planted_fault_is_found(whole, tmp_path, damage, fault):
    damage(whole / 'voices')
    text = '\n'.join(faults(whole, tmp_path / 'nowhere'))
    assert re.search(fault, text), text


def cut(path: Path) -> None:
    """Take the last bytes of a file away."""
    path.write_bytes(path.read_bytes()[:-10])
