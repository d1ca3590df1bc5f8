"""Voices that came with the package stand behind one's own, and are never changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gptsovits_ros.errors import (
    VoiceExistsError,
    VoiceInUseError,
    VoiceInvalidError,
    VoiceNotFoundError,
    VoiceStoreError,
)
from gptsovits_ros.voice.bundled import BundledVoices
from gptsovits_ros.voice.default_file import DEFAULT_FILE, write_default
from gptsovits_ros.voice.store import VoiceStore
from gptsovits_ros.voice.voice_file import write_voice_file

MODELS = ('semantic.safetensors', 'acoustic.safetensors', 'content.safetensors')


def write(folder: Path, base: str = '', description: str = '') -> None:
    """Write a voice of small files: with models, or with those of a base voice."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ('prompt.opus', *([] if base else MODELS)):
        (folder / name).write_bytes(folder.name.encode())
    semantic, acoustic, content = MODELS
    tree = {
        'description': description,
        'languages': ['zh', 'en'],
        **({'base': base} if base else {}),
        'model': {
            'semantic': semantic,
            'acoustic': acoustic,
            'version': 'v2',
            'sample_rate': 32000,
        },
        'prompt': {'audio': 'prompt.opus', 'text': 'Hello.', 'language': 'en'},
        'encoders': {'content': content},
    }
    write_voice_file(folder, tree)


def state(root: Path) -> dict[str, tuple[int, bytes]]:
    """Return what lies in a folder, with the time of its last change [ns] and its content."""
    return {
        str(path.relative_to(root)): (
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b'',
        )
        for path in (root, *root.rglob('*'))
    }


@pytest.fixture
def bundled(tmp_path):
    """Return bundled voices: "core" with models, "mia" and "zoe" on them; no test changes them."""
    root = tmp_path / 'package' / 'voices'
    write(root / 'core')
    write(root / 'mia', 'core')
    write(root / 'zoe', 'core', 'bundled')
    write_default(root, 'mia')
    before = state(root)
    yield root
    assert state(root) == before


@pytest.fixture
def store(tmp_path, bundled) -> VoiceStore:
    """Return a store that has nothing but the bundled voices."""
    return VoiceStore(tmp_path / 'voices', tmp_path / 'models', bundled_root=bundled)


def test_bundled_voices_are_known_beside_own_ones(store, bundled):
    assert store.names() == ['core', 'mia', 'zoe']
    store.create('anna', write)
    assert store.names() == ['anna', 'core', 'mia', 'zoe']
    assert [name for name in store.names() if store.is_bundled(name)] == ['core', 'mia', 'zoe']
    voice = store.voice('mia')
    assert (voice.folder, voice.base) == (bundled / 'mia', 'core')
    assert voice.models == tuple(bundled / 'core' / name for name in MODELS)
    assert store.changed_files('mia') == []


def test_without_any_bundled_voice_all_is_as_before(tmp_path):
    store = VoiceStore(tmp_path / 'voices', bundled_root=tmp_path / 'nowhere')
    assert (store.names(), store.default) == ([], '')
    store.create('anna', write)
    assert (store.names(), store.default, store.is_bundled('anna')) == (['anna'], 'anna', False)


def test_the_folder_of_the_package_is_read_if_no_other_is_named(tmp_path, bundled, monkeypatch):
    monkeypatch.setattr('gptsovits_ros.voice.bundled.BUNDLED_ROOT', bundled)
    assert VoiceStore(tmp_path / 'voices').names() == ['core', 'mia', 'zoe']


def test_an_unknown_name_lists_both_kinds(store):
    with pytest.raises(VoiceNotFoundError, match='voices there: none; bundled: core, mia, zoe$'):
        store.voice('bob')
    store.create('anna', write)
    with pytest.raises(VoiceNotFoundError, match='voices there: anna; bundled: core, mia, zoe$'):
        store.delete('bob')


def test_the_default_is_the_chosen_one_then_an_own_one_then_that_of_the_package(store):
    assert store.default == 'mia'
    for name in ('yuri', 'xenia'):
        store.create(name, write)
    assert store.default == 'xenia'
    store.set_default('zoe')
    assert store.default == 'zoe'
    store.set_default('yuri')
    store.delete('yuri')
    assert store.default == 'xenia'
    store.delete('xenia')
    assert store.default == 'mia'


@pytest.mark.parametrize('text', ['voice: gone', '[]', ''])
def test_a_package_that_chooses_nobody_has_its_first_voice_as_default(tmp_path, text):
    write(tmp_path / 'zoe')
    write(tmp_path / 'core')
    (tmp_path / DEFAULT_FILE).write_text(text)
    assert BundledVoices(tmp_path).default == 'core'


def test_an_own_voice_hides_the_bundled_one_of_its_name_until_it_is_deleted(store):
    store.create('zoe', lambda folder: write(folder, description='mine'))
    assert (store.voice('zoe').description, store.is_bundled('zoe')) == ('mine', False)
    assert store.names() == ['core', 'mia', 'zoe']
    with pytest.raises(VoiceExistsError, match='overwritten'):
        store.create('zoe', write)
    store.set_default('zoe')
    store.delete('zoe')
    assert (store.voice('zoe').description, store.default) == ('bundled', 'mia')


@pytest.mark.parametrize('name', ['mia', 'core'])
def test_a_bundled_voice_cannot_be_deleted(store, name):
    with pytest.raises(VoiceStoreError, match=f'"{name}" came with the package'):
        store.delete(name)
    assert name in store.names()


@pytest.mark.parametrize('overwrite', [False, True])
def test_a_bundled_voice_that_an_own_one_speaks_with_cannot_be_hidden(store, overwrite):
    store.create('anna', lambda folder: write(folder, 'core'))
    with pytest.raises(VoiceInUseError, match='"core" came with the package.*: anna speaks'):
        store.create('core', write, overwrite)
    assert store.is_bundled('core')
    store.delete('anna')
    store.create('core', write, overwrite)
    assert not store.is_bundled('core')


def test_a_voice_never_hides_its_own_base(store):
    with pytest.raises(VoiceInUseError, match='whose models it speaks with; choose another name'):
        store.create('core', lambda folder: write(folder, 'core'))
    assert store.is_bundled('core')


def test_an_own_voice_speaks_with_the_models_of_a_bundled_one(store, bundled):
    def build(folder: Path) -> None:
        (folder / 'p.wav').write_bytes(b'clip')
        prompt = {'audio': 'p.wav', 'language': 'en'}
        write_voice_file(folder, {**store.models_of('mia'), 'prompt': prompt})

    voice = store.create('anna', build)
    assert (voice.base, voice.semantic) == ('core', bundled / 'core' / MODELS[0])
    assert store.dependants('core') == ['anna', 'mia', 'zoe']
    assert store.dependants('mia') == []
    store.delete('anna')


def test_recordings_are_never_taken_from_a_bundled_base(store):
    def build(folder: Path) -> None:
        write(folder, 'core')
        (folder / 'prompt.opus').unlink()

    with pytest.raises(VoiceInvalidError, match='prompt.audio names "prompt.opus"'):
        store.create('anna', build)


def test_a_voice_that_hides_a_bundled_base_changes_no_bundled_voice(store, bundled):
    store.create('core', write)
    assert store.voice('core').semantic == store.voice_root / 'core' / MODELS[0]
    assert store.voice('mia').semantic == bundled / 'core' / MODELS[0]
    assert store.dependants('core') == []
    # A voice on the models of "mia" would name "core", and get those of the wrong one.
    with pytest.raises(VoiceInvalidError, match='bundled voice "core".*hides'):
        store.models_of('mia')
    store.delete('core')
    assert store.models_of('mia')['base'] == 'core'


def test_a_copy_of_a_bundled_voice_is_read_with_its_own_base(store, bundled, tmp_path):
    write(store.voice_root / 'core')
    write(tmp_path / 'copy' / 'mia', 'core')
    roots = {
        flag: store.read(tmp_path / 'copy' / 'mia', like_bundled=flag).semantic.parents[1]
        for flag in (True, False)
    }
    assert roots == {True: bundled, False: store.voice_root}


def test_a_damaged_bundled_voice_is_an_error_of_its_own(tmp_path):
    write(tmp_path / 'package' / 'mia', 'core')
    store = VoiceStore(tmp_path / 'voices', bundled_root=tmp_path / 'package')
    with pytest.raises(VoiceInvalidError, match='base is "core", but there is no such voice'):
        store.voice('mia')
    path = tmp_path / 'package' / 'mia' / 'voice.yaml'
    path.write_text(yaml.safe_dump({'format': 99}))
    with pytest.raises(VoiceInvalidError, match='format is 99'):
        store.voice('mia')


def test_nothing_leads_out_of_the_folders_of_a_bundled_voice(tmp_path):
    root = tmp_path / 'package'
    write(root / 'mia')
    (tmp_path / 'secret').touch()
    (root / 'mia' / MODELS[0]).unlink()
    (root / 'mia' / MODELS[0]).symlink_to(tmp_path / 'secret')
    store = VoiceStore(tmp_path / 'voices', tmp_path / 'models', bundled_root=root)
    with pytest.raises(VoiceInvalidError, match='model.semantic'):
        store.voice('mia')
