"""A voice goes into one file and comes out of it the same; a file that lies is refused."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gptsovits_ros.audio.files import write_wav
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.kept_conditions import Conditions, keep_conditions
from gptsovits_ros.errors import (
    GptsovitsError,
    VoiceArchiveError,
    VoiceExistsError,
    VoiceInvalidError,
    VoiceStoreError,
)
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest
from gptsovits_ros.voice import archive_layout, export, importing
from gptsovits_ros.voice.consent import Consent, write_consent
from gptsovits_ros.voice.export import export_voice
from gptsovits_ros.voice.importing import import_voice, read_manifest
from gptsovits_ros.voice.store import LOCK_FILE, VoiceStore
from gptsovits_ros.voice.voice_file import read_voice_file, write_voice_file

REQUEST = SpeechRequest('你好。', seed=1, guard_retries=0, sample_steps=2)
CONSENT = Consent('Anna Example', '2026-05-17', 'the robot at the desk')
MALFORMED = 500


def speech(store: VoiceStore, name: str) -> np.ndarray:
    """Return what a voice says, in an engine of its own."""
    settings = EngineSettings(
        voice_root=str(store.voice_root),
        model_root=str(store.model_root),
        default_voice=name,
        threads=1,
    )
    return np.concatenate([chunk.samples for chunk in Engine.load(settings).synthesize(REQUEST)])


@pytest.fixture
def here(tiny_voice, tmp_path) -> VoiceStore:
    """Return a store with the stand-in as "tiny", and "anna", who speaks with its models."""
    store = VoiceStore(tmp_path / 'here', tmp_path / 'models')
    shutil.copytree(tiny_voice, store.voice_root / 'tiny')
    store.create('anna', lambda folder: build_anna(store, folder))
    return store


def build_anna(store: VoiceStore, folder: Path) -> None:
    """Write a small voice that has all kinds of files but models."""
    time = np.arange(3 * 8000, dtype=np.float32) / 8000
    write_wav(folder / 'clip 1.wav', 0.3 * np.sin(2000 * time), 8000)
    write_wav(folder / 'b.wav', 0.3 * np.sin(1500 * time[:8000]), 8000)
    prompt = {'audio': 'clip 1.wav', 'text': '', 'language': 'en'}
    tree = {**store.models_of('tiny'), 'prompt': prompt, 'references': ['b.wav']}
    write_voice_file(folder, {'description': 'Anna.', 'languages': ['zh', 'en'], **tree})
    write_consent(CONSENT, folder)
    (folder / 'lexicon.yaml').write_text('format: 1\nen:\n  ROS: {say: ross}\n')


@pytest.fixture
def archive(here, tmp_path) -> Path:
    """Return an archive of "anna" without models."""
    return export_voice(here, 'anna', tmp_path / 'anna.gsvvoice').path


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    paths = (path for path in folder.rglob('*') if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def entries(store: VoiceStore) -> set[str]:
    """Return what lies in the folder of the voices, beside the lock."""
    return {path.name for path in store.voice_root.iterdir()} - {LOCK_FILE}


# Of these one has a speaker encoder, one a vocoder in a folder, and one a vocoder in a file.
@pytest.mark.parametrize('version', ['v2pro', 'v3', 'v4'])
def test_a_voice_speaks_the_same_after_export_and_import(tiny_voices, tmp_path, version):
    here = VoiceStore(tmp_path / 'here', tmp_path)
    shutil.copytree(tiny_voices / version, here.voice_root / version)
    exported = export_voice(here, version, tmp_path / 'voice')
    there = VoiceStore(tmp_path / 'there', tmp_path)
    voice = import_voice(there, exported.path)
    assert (voice.name, voice.model_version.lower(), exported.needs) == (version, version, ())
    assert not [
        path for path in voice.folder.rglob('*') if path.suffix in ('.pth', '.ckpt', '.bin')
    ]
    np.testing.assert_array_equal(speech(there, version), speech(here, version))
    # Once more, now that nothing needs to be made portable.
    again = export_voice(there, version, tmp_path / 'again')
    twice = import_voice(there, again.path, 'twice')
    assert contents(twice.folder) == contents(voice.folder)


def test_an_archive_holds_only_known_files_and_is_private(archive):
    with zipfile.ZipFile(archive) as file:
        assert sorted(file.namelist()) == [
            'consent.yaml',
            'lexicon.yaml',
            'manifest.json',
            'prompt.wav',
            'reference_1.wav',
            'voice.yaml',
        ]
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert read_manifest(archive).needs[0] == 'voice tiny'


def test_every_model_that_a_voice_can_have_is_carried(here):
    voice = here.voice('tiny')
    optional = ('acoustic_base', 'content', 'speaker', 'vocoder', 'token_table')
    voice = replace(voice, **{name: voice.folder / name for name in optional})
    rows = export._models(voice)
    assert {row[2] for row in rows} == set(voice.models)
    for _, key, _, copy, suffix in rows:
        folder_of = {export.copy_encoder: '/model.safetensors'}
        archive_layout.limit_of(f'{key}{suffix}{folder_of.get(copy, "")}')


def test_consent_and_lexicon_travel_with_the_voice(here, archive):
    voice = import_voice(here, archive, 'bob')
    assert (voice.consent, voice.base, voice.description) == (CONSENT, 'tiny', 'Anna.')
    assert voice.lexicon is not None
    assert here.changed_files('bob') == []


def test_a_voice_that_needs_another_says_so_where_that_one_is_missing(archive, tmp_path):
    there = VoiceStore(tmp_path / 'there', tmp_path)
    with pytest.raises(VoiceInvalidError, match='base is "tiny".*--with-models'):
        import_voice(there, archive)
    assert entries(there) == set()


def test_with_its_models_a_voice_needs_nothing(here, tmp_path):
    exported = export_voice(here, 'anna', tmp_path / 'whole', with_models=True)
    assert exported.needs == ()
    there = VoiceStore(tmp_path / 'there', tmp_path)
    assert import_voice(there, exported.path).base == ''
    np.testing.assert_array_equal(speech(there, 'anna'), speech(here, 'anna'))


def test_a_voice_without_recordings_travels_with_its_models(here, tmp_path):
    settings = EngineSettings(voice_root=str(here.voice_root), default_voice='anna', threads=1)
    loaded = Engine.load(settings).loaded_voice()
    keep_conditions(
        loaded.voice, loaded.acoustic, Conditions(loaded.prompt_tokens, loaded.condition)
    )
    kept = loaded.voice.folder / 'conditions.safetensors'

    def build(folder: Path) -> None:
        tree = read_voice_file(loaded.voice.folder)
        tree.pop('references')
        tree['prompt'].pop('audio')
        write_voice_file(folder, tree)
        shutil.copy(kept, folder)

    here.create('bob', build)
    there = VoiceStore(tmp_path / 'there', tmp_path)
    import_voice(there, export_voice(here, 'bob', tmp_path / 'b', with_models=True).path)
    np.testing.assert_array_equal(speech(there, 'bob'), speech(here, 'bob'))
    # Without its models it must not come to others of the same name, which mean other things.
    light = export_voice(here, 'bob', tmp_path / 'light').path
    other = VoiceStore(tmp_path / 'other', tmp_path)
    shutil.copytree(here.voice_root / 'tiny', other.voice_root / 'tiny')
    with (other.voice_root / 'tiny' / 'acoustic.pth').open('ab') as file:
        file.write(b'x')
    with pytest.raises(VoiceInvalidError, match='other models'):
        import_voice(other, light)
    assert entries(other) == {'tiny'}


def test_a_voice_that_is_there_is_only_replaced_if_that_is_asked_for(here, archive):
    with pytest.raises(VoiceExistsError):
        import_voice(here, archive)
    assert import_voice(here, archive, overwrite=True).name == 'anna'


def test_an_archive_that_is_there_is_only_replaced_if_that_is_asked_for(here, archive):
    with pytest.raises(VoiceArchiveError, match='exists already'):
        export_voice(here, 'anna', archive)
    assert export_voice(here, 'anna', archive, overwrite=True).size > 1000


def test_a_damaged_voice_is_not_exported_and_an_edited_one_is(here, tmp_path):
    folder = here.voice('anna').folder
    (folder / 'lexicon.yaml').write_text('format: 1\n')
    export_voice(here, 'anna', tmp_path / 'edited')
    write_wav(folder / 'b.wav', np.zeros(8000, np.float32), 8000)
    with pytest.raises(VoiceInvalidError, match=r'b\.wav changed'):
        export_voice(here, 'anna', tmp_path / 'damaged')
    assert not (tmp_path / 'damaged').exists()


def test_an_archive_that_cannot_be_written_leaves_nothing(here, tmp_path):
    with pytest.raises(VoiceStoreError, match='cannot be written'):
        export_voice(here, 'anna', tmp_path / 'nowhere' / 'anna.gsvvoice')


def rezipped(archive: Path, change) -> Path:
    """Write an archive again after a change of its files, with a manifest that fits them."""
    with zipfile.ZipFile(archive) as file:
        files = {name: file.read(name) for name in file.namelist()}
    manifest = json.loads(files.pop('manifest.json'))
    change(files)
    manifest['files'] = [
        {'name': name, 'size': len(data), 'sha256': hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    ]
    path = archive.with_name('changed')
    with zipfile.ZipFile(path, 'w') as file:
        for name, data in {'manifest.json': json.dumps(manifest), **files}.items():
            file.writestr(name, data)
    return path


def put(name: str, data: bytes):
    """Return a change that adds or replaces a file."""
    return lambda files: files.__setitem__(name, data)


BOMB = b'a: &a [' + b'0,' * 9 + b'0]\nb: &b [' + b'*a,' * 9 + b'*a]\ndescription: *b\n'


@pytest.mark.filterwarnings('ignore:Duplicate name')
@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (put('../evil.wav', b''), 'no file that a voice archive holds'),
        (put('/etc/evil.wav', b''), 'no file that'),
        (put('clips/../../prompt.wav', b''), 'no file that'),
        (put('C:\\prompt.wav', b''), 'no file that'),
        (put('semantic.ckpt', b'PK'), 'safetensors'),
        (put('acoustic.pth', b'PK'), 'safetensors'),
        (put('bert/pytorch_model.bin', b'PK'), 'safetensors'),
        (put('run.py', b''), 'no file that'),
        (put('PROMPT.wav', b''), 'no file that'),
        (put('prompt.WAV', b''), 'no file that'),
        (put('bert/', b''), 'no file that'),
        (put('checksums.txt', b''), 'no file that'),
        (put('prompt.wav\0.py', b''), None),
        (put('voice.yaml', BOMB), 'aliases'),
        (put('voice.yaml', b'a: !!python/object/apply:os.system [echo]'), 'not valid YAML'),
        (put('voice.yaml', b'[' * 60_000), 'not valid YAML'),
        (put('voice.yaml', b'x' * 70_000), 'bytes'),
        (put('consent.yaml', b'who: Anna'), 'consent.yaml'),
        (put('lexicon.yaml', b'format: 9'), 'lexicon'),
        (put('conditions.safetensors', b'x' * 100), 'conditions.safetensors'),
        (put('semantic.safetensors', b'x' * 100), 'semantic.safetensors'),
        (put('semantic.safetensors', b'\xff' * 8 + b'{}'), 'semantic.safetensors'),
        (put('prompt.wav', b'RIFF' + bytes(1000)), 'prompt.wav'),
        (put('reference_1.wav', b''), 'reference_1.wav'),
        (lambda files: files.pop('voice.yaml'), 'voice.yaml'),
        (lambda files: files.pop('prompt.wav'), 'prompt.audio'),
        (lambda files: files.clear(), 'lists no files'),
        (lambda files: files.update({f'reference_{n}.wav': b'' for n in range(80)}), 'files'),
    ],
)
def test_what_is_no_voice_is_refused_and_nothing_is_stored(here, archive, change, message):
    before = entries(here)
    with pytest.raises(GptsovitsError, match=message):
        import_voice(here, rezipped(archive, change), 'bob')
    assert entries(here) == before


def test_an_encoder_that_claims_to_be_larger_than_it_is_is_refused(here, tmp_path):
    whole = export_voice(here, 'anna', tmp_path / 'whole', with_models=True).path
    there = VoiceStore(tmp_path / 'there', tmp_path)
    for key, value in (
        ('hidden_size', 4096),
        ('intermediate_size', 200_000),
        ('vocab_size', 10**9),
        ('num_hidden_layers', 10**6),
        ('num_hidden_layers', 'x'),
    ):

        def enlarge(files, key=key, value=value):
            config = json.loads(files['bert/config.json'])
            files['bert/config.json'] = json.dumps({**config, key: value}).encode()

        with pytest.raises(GptsovitsError, match=r'config\.json'):
            import_voice(there, rezipped(whole, enlarge))
    assert entries(there) == set()


def raw_zip(path: Path, infos: list[tuple[zipfile.ZipInfo, bytes]]) -> Path:
    """Write a zip file with entries made by hand."""
    with zipfile.ZipFile(path, 'w') as file:
        for info, data in infos:
            file.writestr(info, data)
    return path


def entry(name: str, mode: int = 0, method: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    """Return an entry of a zip file."""
    info = zipfile.ZipInfo(name)
    info.external_attr, info.compress_type = mode << 16, method
    return info


@pytest.mark.filterwarnings('ignore:Duplicate name')
@pytest.mark.parametrize(
    ('infos', 'message'),
    [
        ([(entry('prompt.wav', stat.S_IFLNK | 0o777), b'/etc/passwd')], 'no file but a link'),
        ([(entry('prompt.wav', stat.S_IFIFO), b'')], 'no file but a link'),
        ([(entry('prompt.wav'), b'a'), (entry('prompt.wav'), b'b')], 'twice'),
        ([(entry('prompt.wav', 0, zipfile.ZIP_BZIP2), b'a')], 'another method'),
        ([(entry('prompt.wav', 0, zipfile.ZIP_DEFLATED), bytes(1 << 20))], 'compressed more than'),
        ([(entry('voice.yaml'), bytes(1 << 17))], 'bytes'),
        ([(entry('voice.yaml'), b'')], 'has no manifest'),
        ([(entry('manifest.json'), b'{')], 'damaged'),
        ([(entry('manifest.json'), b'\xff')], 'damaged'),
        ([(entry('manifest.json'), b'[' * 60_000)], 'deep'),
        ([(entry('manifest.json'), b'[]')], 'not that of a voice archive'),
        ([(entry('manifest.json'), b'{"format": "gsvvoice", "format_version": 2}')], 'version'),
        ([(entry('manifest.json'), bytes(1 << 17))], 'bytes'),
        ([], 'has 0 files'),
    ],
)
def test_a_zip_file_with_tricks_is_refused(here, tmp_path, infos, message):
    with pytest.raises(VoiceArchiveError, match=message):
        import_voice(here, raw_zip(tmp_path / 'x', infos))


def test_files_that_overlap_or_reach_beyond_the_end_are_refused(here, archive, tmp_path):
    data = bytearray(archive.read_bytes())
    directory = data.index(b'PK\x01\x02')
    second = data.index(b'PK\x01\x02', directory + 4)
    overlapping = data.copy()
    overlapping[second + 42 : second + 46] = overlapping[directory + 42 : directory + 46]
    for name, changed in (('overlapping', overlapping), ('behind a stub', b'#!/bin/sh\n' + data)):
        (tmp_path / name).write_bytes(changed)
        with pytest.raises(VoiceArchiveError):
            import_voice(here, tmp_path / name, 'bob')


def test_what_is_no_archive_file_is_refused_at_once(here, tmp_path, monkeypatch):
    (tmp_path / 'empty').touch()
    (tmp_path / 'text').write_text('hello ' * 100)
    for path in (tmp_path / 'gone', tmp_path, tmp_path / 'empty', tmp_path / 'text'):
        with pytest.raises(VoiceArchiveError):
            import_voice(here, path)
    monkeypatch.setattr(importing, 'MAX_ARCHIVE_BYTES', 100)
    with pytest.raises(VoiceArchiveError, match='at most 100'):
        import_voice(here, tmp_path / 'text')


def test_files_that_are_too_large_together_are_refused(here, archive, monkeypatch):
    monkeypatch.setattr(importing, 'MAX_TOTAL_BYTES', 10_000)
    with pytest.raises(VoiceArchiveError, match='together'):
        import_voice(here, archive, 'bob')


def test_every_name_that_an_archive_may_hold_has_a_limit_and_no_other(here, archive):
    assert archive_layout.limit_of('reference_12.flac') == 64 << 20
    for name in ('reference_123.wav', 'prompt.wav ', 'prompt.wav\n', 'bert/x/config.json', ''):
        with pytest.raises(VoiceArchiveError):
            archive_layout.limit_of(name)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return an archive with a few bytes changed, removed, added, moved or cut off."""
    data = bytearray(data)
    # Half of the changes go where the zip library looks, at the end of the file.
    low = 0 if chance.random() < 0.5 else max(0, len(data) - 700)
    at = chance.randrange(low, len(data))
    length = chance.choice((1, 1, 2, 4, 30, 500))
    kind = chance.choice(('flip', 'random', 'remove', 'insert', 'copy', 'cut', 'zero'))
    if kind == 'flip':
        data[at] ^= 1 << chance.randrange(8)
    elif kind == 'random':
        data[at : at + length] = chance.randbytes(min(length, len(data) - at))
    elif kind == 'remove':
        del data[at : at + length]
    elif kind == 'insert':
        data[at:at] = chance.randbytes(length)
    elif kind == 'copy':
        source = chance.randrange(len(data))
        data[at : at + length] = data[source : source + length]
    elif kind == 'cut':
        del data[at:]
    else:
        data[at : at + length] = bytes(length)
    return bytes(data)


def test_no_malformed_archive_is_accepted_or_crashes_the_reader(here, archive, tmp_path):
    chance = random.Random(5)
    original = archive.read_bytes()
    wanted = contents(import_voice(here, archive, 'wanted').folder)
    before = entries(here)
    refused = 0
    while refused < MALFORMED:
        data = mutated(original, chance)
        (tmp_path / 'mutated').write_bytes(data)
        try:
            voice = import_voice(here, tmp_path / 'mutated', 'bob')
        except GptsovitsError:
            refused += 1
        else:
            # Times, versions of zip programs and the like: nothing that the voice is made of.
            assert contents(voice.folder) == wanted
            here.delete('bob', keep_consent=False)
        assert entries(here) == before


def test_the_conditions_of_a_stranger_cannot_index_beyond_a_table(here, tmp_path):
    # The reader takes what is a conditions file; the engine refuses what does not fit its models.
    from gptsovits_ros.voice.conditions import StoredConditions, sources_of, write_conditions

    voice = here.voice('anna')
    tensors = {'tokens': torch.tensor([10**9]), 'style': torch.zeros(1, 32, 1)}
    write_conditions(
        StoredConditions(tensors, sources_of(voice)), voice.folder / 'conditions.safetensors'
    )
    with pytest.raises(VoiceInvalidError, match='prompt token'):
        speech(here, 'anna')
