"""The stand-in voice: complete, deterministic, and written whole or not at all."""

from __future__ import annotations

import hashlib
import json

import pytest

from gptsovits_ros.checkpoint.weights import read_weights
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.voice import standin
from gptsovits_ros.voice.standin import SIZES, make_test_voice
from gptsovits_ros.voice.store import VoiceStore


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob('*')
        if path.is_file()
    }


def test_equal_seeds_make_equal_files_and_other_seeds_other_weights(tiny_voice, tmp_path):
    make_test_voice(tmp_path / 'again' / 'tiny')
    make_test_voice(tmp_path / 'other' / 'tiny', seed=1)
    assert digests(tmp_path / 'again' / 'tiny') == digests(tiny_voice)
    other = digests(tmp_path / 'other' / 'tiny')
    assert other['acoustic.pth'] != digests(tiny_voice)['acoustic.pth']
    assert other['prompt.wav'] != digests(tiny_voice)['prompt.wav']


def test_it_is_a_voice_of_its_store(tiny_voice):
    voice = VoiceStore(tiny_voice.parent).voice('tiny')
    assert voice.model_version == 'v2'
    assert 'babbles' in voice.description


@pytest.mark.parametrize('version', ['v1', 'v2', 'v2Pro', 'v2ProPlus'])
def test_its_names_and_ranks_are_those_of_official_files(tiny_voices, goldens, version):
    """Same tensors, other widths: a reader that takes this file takes an official one."""
    semantic = 'tensors_s1_v1' if version == 'v1' else 'tensors_s1_v2'
    folder = tiny_voices / version.lower()
    for name, table in (('semantic.ckpt', semantic), ('acoustic.pth', f'tensors_s2G_{version}')):
        official = json.loads((goldens / 'tables' / f'{table}.json').read_text())
        ranks = {key: len(shape) for key, (shape, _) in official.items()}
        weights = read_weights(folder / name)
        found = {key: value.dim() for key, value in weights.tensors.items()}
        assert found.items() <= ranks.items()
        assert len(found) > 40
    assert weights.kind.version == version


@pytest.mark.parametrize('size', SIZES)
def test_the_widths_of_its_models_fit_together(size):
    widths = SIZES[size]
    for config in widths.acoustic.values():
        assert config.speaker_dim in (0, widths.speaker.embedding_dim)
        assert config.ssl_dim == widths.hubert.get('hidden_size', 768)
    for version, config in widths.cfm.items():
        assert config.sovits.ssl_dim == widths.hubert.get('hidden_size', 768)
        assert widths.vocoders[version].mel_bands == config.dit.mel_bands
    assert widths.bert['hidden_size'] == widths.semantic.bert_dim


@pytest.mark.parametrize(
    ('name', 'size', 'message'),
    [
        ('Bad Name', 'tiny', 'voice name'),
        ('x', 'huge', 'unknown size'),
        ('..', 'tiny', 'voice name'),
    ],
)
def test_wrong_arguments_are_explained(tmp_path, name, size, message):
    with pytest.raises(ConfigurationError, match=message):
        make_test_voice(tmp_path / name, size)


def test_an_unknown_version_is_explained(tmp_path):
    with pytest.raises(ConfigurationError, match='version "v9"; known are v1, v2, .*, v4'):
        make_test_voice(tmp_path / 'x', version='v9')


def test_an_existing_folder_is_left_alone(tmp_path):
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'precious').touch()
    with pytest.raises(ConfigurationError, match='exists already'):
        make_test_voice(tmp_path / 'mine')
    assert (tmp_path / 'mine' / 'precious').exists()


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(standin, '_write_encoders', fail)
    with pytest.raises(OSError, match='No space'):
        make_test_voice(tmp_path / 'x')
    assert list(tmp_path.iterdir()) == []
