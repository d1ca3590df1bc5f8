"""The voice store is changed whole or not at all, by one program at a time."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from gptsovits_ros.errors import (
    AudioInvalidError,
    VoiceExistsError,
    VoiceInUseError,
    VoiceInvalidError,
    VoiceNotFoundError,
    VoiceStoreBusyError,
    VoiceStoreError,
)
from gptsovits_ros.voice import default_file
from gptsovits_ros.voice import store as store_module
from gptsovits_ros.voice.consent import Consent, read_consent, write_consent
from gptsovits_ros.voice.durable import locked
from gptsovits_ros.voice.moves import DELETED_FOLDER
from gptsovits_ros.voice.store import LOCK_FILE, VoiceStore
from gptsovits_ros.voice.voice_file import read_voice_file, write_voice_file

CONSENT = Consent('Anna Example', '2026-05-17', 'the robot at the desk')


@pytest.fixture
def store(tmp_path: Path) -> VoiceStore:
    """Return an empty store whose shared models are there by name."""
    models = tmp_path / 'models'
    for name in ('bert', 'hubert'):
        (models / name).mkdir(parents=True)
    return VoiceStore(tmp_path / 'voices', models, lock_wait_s=0.2)


def build(folder: Path, content: bytes = b'old', **changes) -> None:
    """Write a voice of small files, as far as the store looks at it."""
    for name in ('a.safetensors', 'b.safetensors', 'clips/p.wav'):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    tree = {
        'description': content.decode(),
        'languages': ['en'],
        'model': {
            'semantic': 'a.safetensors',
            'acoustic': 'b.safetensors',
            'version': 'v2',
            'sample_rate': 32000,
        },
        'prompt': {'audio': 'clips/p.wav', 'text': 'Hello.', 'language': 'en'},
        'encoders': {'bert': 'bert', 'hubert': 'hubert'},
    }
    write_voice_file(folder, {**tree, **changes})
    write_consent(CONSENT, folder)


def build_on(store: VoiceStore, base: str):
    """Return what builds a voice with the models of another."""

    def build_dependant(folder: Path) -> None:
        (folder / 'p.wav').write_bytes(b'clip')
        prompt = {'audio': 'p.wav', 'text': '', 'language': 'en'}
        write_voice_file(folder, {**store.models_of(base), 'prompt': prompt})

    return build_dependant


def entries(store: VoiceStore) -> set[str]:
    """Return what lies in the folder of the voices, beside the lock."""
    return {path.name for path in store.voice_root.iterdir()} - {LOCK_FILE}


def test_a_created_voice_is_there_whole_private_and_with_checksums(store):
    voice = store.create('anna', build)
    assert (voice.name, voice.description, voice.consent) == ('anna', 'old', CONSENT)
    assert entries(store) == {'anna'}
    assert store.changed_files('anna') == []
    for path in (store.voice_root, *store.voice_root.rglob('*')):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_file_that_changed_is_found_by_its_checksum(store):
    folder = store.create('anna', build).folder
    (folder / 'a.safetensors').write_bytes(b'olb')
    (folder / 'clips' / 'p.wav').unlink()
    (folder / 'more').touch()
    write_voice_file(folder, {**read_voice_file(folder), 'prompt': {'audio': 'more'}})
    with pytest.raises(VoiceInvalidError):
        store.changed_files('anna')
    tree = {**read_voice_file(folder), 'prompt': {'audio': 'more', 'language': 'en'}}
    write_voice_file(folder, tree)
    changed = ['a.safetensors', 'clips/p.wav', 'more', 'voice.yaml']
    assert store.changed_files('anna') == changed


def test_a_name_that_is_taken_is_refused_before_anything_is_built(store):
    store.create('anna', build)
    with pytest.raises(VoiceExistsError, match='anna'):
        store.create('anna', lambda folder: pytest.fail('built'))
    (store.voice_root / 'stranger').mkdir()
    with pytest.raises(VoiceExistsError, match='move it away'):
        store.create('stranger', build, overwrite=True)


def test_an_overwritten_voice_is_the_new_one_and_the_old_consent_is_kept(store):
    store.create('anna', build)
    store.create('anna', lambda folder: build(folder, b'new'), overwrite=True)
    assert store.voice('anna').description == 'new'
    assert entries(store) == {'anna', DELETED_FOLDER}
    assert len(list((store.voice_root / DELETED_FOLDER).iterdir())) == 1


@pytest.mark.parametrize(
    'name', ['', '..', 'a/b', '/etc', 'Anna', '-a', 'a' * 65, '.new-x', 'a\n']
)
def test_no_voice_is_created_under_an_impossible_name(store, name):
    with pytest.raises(VoiceInvalidError, match='no voice name'):
        store.create(name, build)
    assert not store.voice_root.exists()


@pytest.mark.parametrize(
    'fault',
    [
        lambda folder: None,
        lambda folder: (build(folder), (folder / 'b.safetensors').unlink()),
        lambda folder: (build(folder), (folder / 'link').symlink_to('/etc/passwd')),
        lambda folder: (build(folder), os.mkfifo(folder / 'pipe')),
        lambda folder: (build(folder), (folder / 'consent.yaml').write_text('who: Anna')),
    ],
    ids=['empty', 'incomplete', 'link', 'pipe', 'consent'],
)
def test_what_is_no_whole_voice_is_not_stored(store, fault):
    store.create('anna', build)
    with pytest.raises(VoiceInvalidError):
        store.create('anna', fault, overwrite=True)
    assert store.voice('anna').description == 'old'
    assert entries(store) == {'anna'}


def test_an_error_while_building_leaves_nothing(store):
    def refuse(folder: Path) -> None:
        build(folder)
        raise AudioInvalidError('too noisy')

    with pytest.raises(AudioInvalidError):
        store.create('anna', refuse)
    assert entries(store) == set()


def disk_full(*args, **kwargs):
    """Stand in for a call that finds the disk full."""
    raise OSError(errno.ENOSPC, 'No space left on device')


@pytest.mark.parametrize('call', ['seal', 'write_checksums', 'write_voice_file'])
def test_a_full_disk_leaves_the_old_voice(store, monkeypatch, call):
    store.create('anna', build)
    monkeypatch.setattr(store_module, call, disk_full)
    with pytest.raises(VoiceStoreError, match='No space left'):
        store.create('anna', lambda folder: build(folder, b'new'), overwrite=True)
    assert store.voice('anna').description == 'old'
    assert entries(store) == {'anna'}


def test_a_full_disk_while_building_leaves_the_old_voice(store):
    store.create('anna', build)
    with pytest.raises(VoiceStoreError, match='make room'):
        store.create('anna', disk_full, overwrite=True)
    assert entries(store) == {'anna'}


def test_a_default_that_cannot_be_written_leaves_the_old_one(store, monkeypatch):
    store.create('anna', build)
    store.create('bob', build)
    store.set_default('bob')
    monkeypatch.setattr(default_file, 'write_durably', disk_full)
    with pytest.raises(VoiceStoreError):
        store.set_default('anna')
    assert store.default == 'bob'


def test_the_default_is_the_one_that_was_set_while_it_is_there(store):
    assert store.default == ''
    for name in ('anna', 'bob'):
        store.create(name, build)
    assert store.default == 'anna'
    store.set_default('bob')
    assert store.default == 'bob'
    with pytest.raises(VoiceNotFoundError):
        store.set_default('carl')
    store.delete('bob')
    assert store.default == 'anna'
    store.create('bob', build)
    assert store.default == 'anna'


def test_a_deleted_voice_is_gone_and_its_consent_is_kept(store):
    store.create('anna', build)
    store.delete('anna')
    assert store.names() == []
    assert entries(store) == {DELETED_FOLDER}
    (record,) = (store.voice_root / DELETED_FOLDER).iterdir()
    assert record.name.startswith('anna-')
    shutil.copy(record, store.voice_root / 'consent.yaml')
    assert read_consent(store.voice_root) == CONSENT
    with pytest.raises(VoiceNotFoundError):
        store.delete('anna')


def test_the_consent_goes_too_if_that_is_asked_for(store):
    store.create('anna', build)
    store.delete('anna', keep_consent=False)
    assert entries(store) == set()


def test_a_damaged_voice_can_be_deleted(store):
    (store.create('anna', build).folder / 'voice.yaml').write_text('{')
    store.delete('anna')
    assert store.names() == []


def test_a_voice_speaks_with_the_models_of_its_base(store):
    base = store.create('anna', build)
    voice = store.create('bob', build_on(store, 'anna'))
    assert (voice.base, voice.semantic, voice.models) == ('anna', base.semantic, base.models)
    assert voice.prompt_audio == voice.folder / 'p.wav'
    # One that is made from it has the same base, so that no voice stands on two others.
    assert store.create('carl', build_on(store, 'bob')).base == 'anna'
    assert store.dependants('anna') == ['bob', 'carl']


def test_recordings_are_never_taken_from_the_base(store):
    store.create('anna', build)
    prompt = {'audio': 'clips/p.wav', 'text': '', 'language': 'en'}
    tree = {**store.models_of('anna'), 'prompt': prompt}
    with pytest.raises(VoiceInvalidError, match='prompt.audio names'):
        store.create('bob', lambda folder: write_voice_file(folder, tree))


def test_a_voice_of_shared_models_only_needs_no_base(store):
    for name in ('a.safetensors', 'b.safetensors'):
        (store.model_root / name).touch()

    def build_shared(folder: Path) -> None:
        build(folder)
        (folder / 'a.safetensors').unlink()
        (folder / 'b.safetensors').unlink()

    store.create('anna', build_shared)
    assert 'base' not in store.models_of('anna')
    assert store.create('bob', build_on(store, 'anna')).base == ''
    store.delete('anna')
    assert store.voice('bob').semantic == store.model_root / 'a.safetensors'


def test_a_base_is_neither_deleted_nor_replaced_while_voices_need_it(store):
    store.create('anna', build)
    store.create('bob', build_on(store, 'anna'))
    with pytest.raises(VoiceInUseError, match='bob speaks with its models'):
        store.delete('anna')
    with pytest.raises(VoiceInUseError, match='replaced'):
        store.create('anna', build, overwrite=True)
    store.delete('bob')
    store.delete('anna')
    assert store.names() == []


@pytest.mark.parametrize('base', ['carl', '../anna', '/etc', 'anna/', 7])
def test_a_base_that_is_no_voice_here_is_named(store, base):
    store.create('anna', build)
    with pytest.raises(VoiceInvalidError, match='base is'):
        store.create('bob', lambda folder: build(folder, base=base))


def test_another_program_that_changes_the_store_is_waited_for_and_then_named(store):
    store.create('anna', build)
    with locked(store.voice_root / LOCK_FILE, 0) as held:
        assert held
        with pytest.raises(VoiceStoreBusyError, match='another program'):
            store.delete('anna')
    store.delete('anna')


def test_a_voice_that_is_being_built_holds_nobody_up(store):
    def build_slowly(folder: Path) -> None:
        build(folder)
        other = VoiceStore(store.voice_root, store.model_root, lock_wait_s=0)
        other.create('bob', build)
        other.delete('bob')

    store.create('anna', build_slowly)
    assert store.names() == ['anna']


def test_two_that_build_the_same_name_do_not_overwrite_each_other(store):
    def build_late(folder: Path) -> None:
        build(folder, b'late')
        store.create('anna', build)

    with pytest.raises(VoiceExistsError):
        store.create('anna', build_late)
    assert store.voice('anna').description == 'old'


def test_a_voice_that_was_moved_aside_is_still_there_and_moved_back(store):
    store.create('anna', build)
    aside = store.voice_root / '.old-20260517T093000Z-00000000'
    aside.mkdir()
    (store.voice_root / 'anna').rename(aside / 'anna')
    assert store.names() == ['anna']
    assert store.voice('anna').description == 'old'
    assert entries(store) == {'anna'}


def test_what_a_dead_program_left_is_removed(store):
    store.create('anna', build)
    for prefix in ('.new-', '.gone-'):
        left = store.voice_root / f'{prefix}1' / 'bob'
        left.mkdir(parents=True)
        build(left)
    store.recover()
    assert entries(store) == {'anna', DELETED_FOLDER}
    assert [path.name for path in (store.voice_root / DELETED_FOLDER).iterdir()] == ['bob-1.yaml']
