"""Models without pickles hold the same tensors, and what only looks like one is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from gptsovits_ros.checkpoint import portable
from gptsovits_ros.checkpoint.archive import read_archive
from gptsovits_ros.checkpoint.encoders import load_speaker
from gptsovits_ros.checkpoint.load_cfm import load_bigvgan, load_mel_hifigan
from gptsovits_ros.checkpoint.tensor_table import read_table
from gptsovits_ros.checkpoint.weights import read_weights
from gptsovits_ros.errors import CheckpointError, CheckpointUnsafeError


def assert_equal(found, wanted) -> None:
    """Compare two tables of tensors."""
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())


def test_gpt_and_sovits_keep_tensors_and_settings(tiny_voice, tmp_path):
    for source in (tiny_voice / 'semantic.ckpt', tiny_voice / 'acoustic.pth'):
        target = tmp_path / f'{source.stem}.safetensors'
        portable.copy_model(source, target)
        before, after = read_weights(source), read_weights(target)
        assert_equal(after.tensors, before.tensors)
        assert (after.settings, after.kind) == (before.settings, before.kind)
        portable.check_model(target, source.stem)
        portable.copy_model(target, tmp_path / 'again.safetensors')
        assert (tmp_path / 'again.safetensors').read_bytes() == target.read_bytes()
    with pytest.raises(CheckpointError, match="'semantic' of format"):
        portable.check_model(tmp_path / 'acoustic.safetensors', 'semantic')


def test_speaker_encoder_and_vocoders_are_the_same_models(tiny_voices, tmp_path):
    speaker, table = tiny_voices / 'v2pro' / 'speaker.ckpt', tmp_path / 's.safetensors'
    portable.copy_table(speaker, table)
    assert_equal(load_speaker(table).state_dict(), load_speaker(speaker).state_dict())
    vocoder, table = tiny_voices / 'v4' / 'vocoder.pth', tmp_path / 'v.safetensors'
    portable.copy_table(vocoder, table)
    assert_equal(load_mel_hifigan(table).state_dict(), load_mel_hifigan(vocoder).state_dict())
    folder = tiny_voices / 'v3' / 'vocoder'
    portable.copy_bigvgan(folder, tmp_path / 'v')
    portable.copy_bigvgan(tmp_path / 'v', tmp_path / 'w')
    wanted = load_bigvgan(folder).state_dict()
    assert_equal(load_bigvgan(tmp_path / 'v').state_dict(), wanted)
    assert_equal(load_bigvgan(tmp_path / 'w').state_dict(), wanted)


@pytest.mark.parametrize('name', ['bert', 'hubert'])
def test_an_encoder_keeps_its_tensors_and_vocabulary(tiny_voice, tmp_path, name):
    portable.copy_encoder(tiny_voice / name, tmp_path / name)
    files = {path.name for path in (tmp_path / name).iterdir()}
    assert files - {'vocab.txt'} == {'config.json', 'model.safetensors'}
    assert ('vocab.txt' in files) == (name == 'bert')
    assert_equal(
        load_file(tmp_path / name / 'model.safetensors'),
        read_archive(tiny_voice / name / 'pytorch_model.bin'),
    )
    portable.check_encoder(tmp_path / name, {'bert': 'BertModel', 'hubert': 'HubertModel'}[name])


@pytest.mark.parametrize(
    'change',
    [
        {'hidden_size': 4096, 'num_attention_heads': 2},
        {'hidden_size': 10**9},
        {'hidden_size': -1},
        {'num_hidden_layers': 10**6},
        {'num_hidden_layers': 'many'},
        {'intermediate_size': 1 << 17},
        {'conv_dim': [32] * 100_000},
        {'conv_dim': [1 << 17] * 7},
        {'conv_dim': 'x'},
    ],
)
def test_a_config_that_describes_more_than_the_weights_is_refused(tiny_voice, tmp_path, change):
    folder = tmp_path / 'hubert'
    portable.copy_encoder(tiny_voice / 'hubert', folder)
    config = json.loads((folder / 'config.json').read_text())
    (folder / 'config.json').write_text(json.dumps({**config, **change}))
    with pytest.raises(CheckpointError, match=r'config\.json'):
        portable.check_encoder(folder, 'HubertModel')


@pytest.mark.parametrize('text', ['', '[]', '{', '[' * 5000, '"' + 'x' * 70_000 + '"'])
def test_a_config_that_is_none_is_refused(tiny_voice, tmp_path, text):
    folder = tmp_path / 'hubert'
    portable.copy_encoder(tiny_voice / 'hubert', folder)
    (folder / 'config.json').write_text(text)
    with pytest.raises(CheckpointError, match=r'config\.json'):
        portable.check_encoder(folder, 'HubertModel')


def cut(path: Path) -> None:
    """Take the last byte of a file away."""
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    'damage',
    [
        cut,
        lambda path: path.write_bytes(b''),
        lambda path: path.write_bytes(b'\xff' * 100),
        lambda path: path.write_bytes(path.read_bytes() + b'x'),
        lambda path: path.unlink(),
        lambda path: shutil.copy(__file__, path),
    ],
)
def test_a_damaged_table_is_named(tmp_path, damage):
    path = tmp_path / 'speaker.safetensors'
    save_file({'a': torch.zeros(3)}, path)
    portable.check_tensors(path)
    damage(path)
    for look in (portable.check_tensors, read_table, load_speaker):
        with pytest.raises(CheckpointError, match='speaker'):
            look(path)


def test_a_pickle_that_would_run_code_is_not_made_portable(tmp_path):
    torch.save({'a': Path('/')}, tmp_path / 'evil.pth')
    with pytest.raises(CheckpointUnsafeError):
        portable.copy_table(tmp_path / 'evil.pth', tmp_path / 'x.safetensors')
    (tmp_path / 'bert').mkdir()
    (tmp_path / 'evil.pth').rename(tmp_path / 'bert' / 'pytorch_model.bin')
    with pytest.raises(CheckpointError):
        portable.copy_encoder(tmp_path / 'bert', tmp_path / 'copy')
    torch.save([1], tmp_path / 'list.pth')
    with pytest.raises(CheckpointError, match='no table'):
        portable.copy_table(tmp_path / 'list.pth', tmp_path / 'x.safetensors')
