"""Voice folders: what is read, and what is refused because it comes from strangers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from gptsovits_ros.errors import VoiceInvalidError, VoiceNotFoundError
from gptsovits_ros.voice.store import VoiceStore, data_root
from gptsovits_ros.voice.voice_file import VOICE_FILE, read_voice


@pytest.fixture
def store(tmp_path: Path) -> VoiceStore:
    """Return a store with one voice whose files are empty; only names matter here."""
    folder = tmp_path / 'voices' / 'anna'
    folder.mkdir(parents=True)
    (tmp_path / 'models').mkdir()
    for name in ('a.ckpt', 'b.pth', 'p.wav', 'hubert', 'bert'):
        (folder / name).touch()
    write(folder)
    return VoiceStore(tmp_path / 'voices', tmp_path / 'models')


def write(folder: Path, **changes) -> None:
    """Write voice.yaml with some dotted keys changed; None removes one."""
    tree = {
        'format': 1,
        'description': 'A voice.',
        'languages': ['zh', 'en'],
        'model': {
            'semantic': 'a.ckpt',
            'acoustic': 'b.pth',
            'version': 'v2',
            'sample_rate': 32000,
        },
        'prompt': {'audio': 'p.wav', 'text': 'Hello.', 'language': 'en'},
        'references': [],
        'encoders': {'bert': 'bert', 'hubert': 'hubert'},
    }
    for key, value in changes.items():
        *sections, last = key.split('__')
        node = tree
        for section in sections:
            node = node[section]
        if value is None:
            node.pop(last)
        else:
            node[last] = value
    (folder / VOICE_FILE).write_text(yaml.safe_dump(tree), 'utf-8')


def test_a_voice_is_read_with_all_its_paths(store):
    voice = store.voice('anna')
    assert (voice.name, voice.languages, voice.sample_rate) == ('anna', ('zh', 'en'), 32000)
    assert voice.semantic == store.voice_root / 'anna' / 'a.ckpt'
    assert store.names() == ['anna']


def test_shared_models_are_found_in_the_model_folder(store):
    shutil.move(store.voice_root / 'anna' / 'bert', store.model_root / 'bert')
    assert store.voice('anna').bert == store.model_root / 'bert'


def test_a_token_table_may_be_named(store):
    assert store.voice('anna').token_table is None
    write(store.voice_root / 'anna', encoders__token_table='a.ckpt')
    voice = store.voice('anna')
    assert voice.token_table == store.voice_root / 'anna' / 'a.ckpt'
    assert voice.token_table in voice.files


def test_a_voice_without_bert_says_so_by_leaving_it_out(store):
    write(store.voice_root / 'anna', encoders__bert=None)
    assert store.voice('anna').bert is None


@pytest.mark.parametrize(
    'name', ['bob', '', '..', '../anna', 'anna/', '/etc', 'Anna', 'a' * 65, 'anna\n', '.hidden']
)
def test_an_unknown_or_impossible_name_lists_the_voices_that_exist(store, name):
    with pytest.raises(VoiceNotFoundError, match='voices there: anna'):
        store.voice(name)


def test_a_missing_store_is_an_empty_one(tmp_path):
    store = VoiceStore(tmp_path / 'nowhere')
    assert store.names() == []
    with pytest.raises(VoiceNotFoundError, match='make-test-voice'):
        store.voice('anna')


@pytest.mark.parametrize(
    'key',
    ['model__semantic', 'model__acoustic', 'prompt__audio', 'encoders__bert', 'encoders__hubert'],
)
@pytest.mark.parametrize(
    'path', ['../secret', '/etc/passwd', 'gone', '../../models/../secret', '..']
)
def test_a_path_that_leads_out_or_nowhere_is_refused(store, key, path):
    (store.voice_root / 'secret').touch()
    write(store.voice_root / 'anna', **{key: path})
    with pytest.raises(VoiceInvalidError, match=key.replace('__', '.')):
        store.voice('anna')


def test_a_link_that_leads_out_is_refused(store, tmp_path):
    (tmp_path / 'secret').touch()
    (store.voice_root / 'anna' / 'link').symlink_to(tmp_path / 'secret')
    write(store.voice_root / 'anna', model__semantic='link')
    with pytest.raises(VoiceInvalidError, match='model.semantic'):
        store.voice('anna')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'format': 3}, 'format is 3'),
        ({'format': None}, 'format'),
        ({'languages': 'zh'}, 'languages'),
        ({'languages': [1]}, 'list of strings'),
        ({'prompt__language': 'xx'}, 'prompt.language'),
        ({'model__sample_rate': 'fast'}, 'model.sample_rate'),
        ({'model__sample_rate': True}, 'model.sample_rate'),
        ({'references': ['../x']}, 'references'),
        ({'guard': 'no'}, 'guard is .*true or false'),
        ({'encoders__hubert': None}, 'encoders.hubert or encoders.content is needed'),
        ({'encoders__content': 'p.wav'}, 'and not both'),
        ({'model__version': 'v9'}, 'model.version is "v9"; known are v1, v2'),
        ({'model__version': 2}, 'model.version'),
    ],
)
def test_a_wrong_value_is_named(store, change, message):
    write(store.voice_root / 'anna', **change)
    with pytest.raises(VoiceInvalidError, match=message):
        store.voice('anna')


@pytest.mark.parametrize(
    ('version', 'key', 'value'),
    [
        ('v2Pro', 'encoders__speaker', 'a.ckpt'),
        ('v2ProPlus', 'encoders__speaker', 'a.ckpt'),
        ('v3', 'encoders__vocoder', 'bert'),
        ('v4', 'encoders__vocoder', 'a.ckpt'),
    ],
)
def test_a_version_needs_its_own_files_and_says_which(store, version, key, value):
    folder = store.voice_root / 'anna'
    write(folder, model__version=version)
    with pytest.raises(VoiceInvalidError, match=key.replace('__', '.') + ' is missing'):
        store.voice('anna')
    write(folder, model__version=version, **{key: 'gone'})
    with pytest.raises(VoiceInvalidError, match=key.replace('__', '.') + ' names "gone"'):
        store.voice('anna')
    write(folder, model__version=version, **{key: value})
    voice = store.voice('anna')
    assert getattr(voice, key.rpartition('__')[2]) == folder / value


@pytest.mark.parametrize('version', ['v3', 'v4'])
def test_v3_and_v4_need_the_text_of_the_prompt(store, version):
    write(
        store.voice_root / 'anna',
        model__version=version,
        encoders__vocoder='bert',
        prompt__text=None,
    )
    with pytest.raises(VoiceInvalidError, match='prompt.text is missing'):
        store.voice('anna')


def test_all_files_of_a_voice_are_known(store):
    folder = store.voice_root / 'anna'
    write(folder, references=['p.wav'], model__acoustic_base='a.ckpt')
    names = [path.name for path in store.voice('anna').files]
    wanted = [VOICE_FILE, 'a.ckpt', 'b.pth', 'a.ckpt', 'bert', 'hubert', 'p.wav', 'p.wav']
    assert names == wanted


@pytest.mark.parametrize(
    'content',
    [b'', b'[]', b'{', b'\xff\xfe', b'a: !!python/object/apply:os.system [echo]', b'x' * 70000],
    ids=['empty', 'list', 'broken', 'bytes', 'code', 'huge'],
)
def test_a_damaged_description_is_a_voice_error(store, content):
    (store.voice_root / 'anna' / VOICE_FILE).write_bytes(content)
    with pytest.raises(VoiceInvalidError, match=VOICE_FILE):
        store.voice('anna')


def test_a_folder_outside_the_store_can_be_read_too(store, tmp_path):
    assert read_voice(store.voice_root / 'anna', tmp_path).name == 'anna'


def test_the_default_place_follows_the_desktop_standard(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_DATA_HOME', str(tmp_path))
    assert data_root() == tmp_path / 'gptsovits_ros'
    monkeypatch.delenv('XDG_DATA_HOME')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert VoiceStore().voice_root == tmp_path / '.local/share/gptsovits_ros/voices'
