"""From files to models and back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.checkpoint import keymap
from gptsovits_ros.checkpoint.detect import CheckpointKind
from gptsovits_ros.checkpoint.load import (
    acoustic_model,
    load_acoustic,
    load_semantic,
    semantic_model,
)
from gptsovits_ros.checkpoint.save import acoustic_weights, semantic_weights, write_official
from gptsovits_ros.checkpoint.weights import WeightFile, convert, read_weights, write_weights
from gptsovits_ros.errors import CheckpointError, VersionUnsupportedError
from gptsovits_ros.voice.standin import SIZES


def changed(weights: WeightFile, **settings) -> WeightFile:
    """Return the weights with other values in the section "model" of their settings."""
    model = {**weights.settings['model'], **settings}
    return dataclasses.replace(weights, settings={**weights.settings, 'model': model})


@pytest.mark.parametrize('name', ['semantic.ckpt', 'acoustic.pth'])
def test_conversion_keeps_every_bit_and_the_model(tiny_voice, tmp_path, name):
    target, weights = convert(tiny_voice / name, tmp_path)
    again = read_weights(target)
    assert again.settings == weights.settings
    assert (again.role, again.kind, again.info) == (weights.role, weights.kind, weights.info)
    load = load_semantic if weights.role == 'semantic' else load_acoustic
    first, second = load(tiny_voice / name).state_dict(), load(target).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize('name', ['semantic.ckpt', 'acoustic.pth'])
def test_a_model_that_is_saved_and_loaded_again_is_the_same(tiny_voice, tmp_path, name):
    weights = read_weights(tiny_voice / name)
    build, save = (
        (semantic_model, semantic_weights)
        if weights.role == 'semantic'
        else (acoustic_model, acoustic_weights)
    )
    model = build(weights, name)
    write_official(save(model, 'again'), tmp_path / name)
    again = build(read_weights(tmp_path / name), name)
    assert again.config == model.config
    for key, value in model.state_dict().items():
        # Weight norm is split and stored in half precision once more.
        torch.testing.assert_close(again.state_dict()[key], value, atol=2e-3, rtol=2e-3)


def test_our_official_files_are_read_by_torch_itself(tiny_voice):
    """Nothing but the documented class name is special about them."""

    class HParams:
        pass

    with torch.serialization.safe_globals([(HParams, 'utils.HParams')]):
        found = torch.load(tiny_voice / 'acoustic.pth', weights_only=True)
    assert found['config'].model.gin_channels == 32
    assert found['weight']['enc_p.text_embedding.weight'].dtype == torch.float16


def test_keymaps_are_invertible_on_the_official_names(goldens):
    import json

    tables = goldens / 'tables'
    for table, there, back in (
        ('tensors_s1_v2', keymap.semantic_from_official, keymap.semantic_to_official),
        ('tensors_s2G_v2', keymap.acoustic_from_official, keymap.acoustic_to_official),
        ('tensors_s2G_v2Pro', keymap.acoustic_from_official, keymap.acoustic_to_official),
    ):
        names = [
            name
            for name in json.loads((tables / f'{table}.json').read_text())
            if not keymap.ACOUSTIC_IGNORED.match(name)
        ]
        assert len(names) > 200
        assert [back(there(name)) for name in names] == names
        assert len({there(name) for name in names}) == len(names)


@pytest.mark.parametrize('version', ['v1', 'v2', 'v2Pro', 'v2ProPlus'])
def test_the_full_size_of_each_version_has_the_official_tensors(goldens, version):
    import json

    model = SIZES['full'].acoustic[version]
    with torch.device('meta'):
        weights = acoustic_weights(Sovits(model, with_posterior=True), '')
    official = json.loads((goldens / 'tables' / f'tensors_s2G_{version}.json').read_text())
    wanted = {
        name: tuple(shape)
        for name, (shape, _) in official.items()
        if not keymap.ACOUSTIC_IGNORED.match(name)
    }
    assert weights.shapes == wanted
    assert weights.kind == CheckpointKind('v1' if version == 'v1' else 'v2', version)


@pytest.mark.parametrize(
    ('version', 'header'), [('v1', b'PK'), ('v2', b'PK'), ('v2Pro', b'05'), ('v2ProPlus', b'06')]
)
def test_official_files_of_each_version_are_told_by_their_header(tmp_path, version, header):
    model = Sovits(SIZES['tiny'].acoustic[version])
    write_official(acoustic_weights(model, 'x'), tmp_path / 'x.pth')
    assert (tmp_path / 'x.pth').read_bytes()[:2] == header
    again = load_acoustic(tmp_path / 'x.pth')
    assert again.config == model.config
    assert again.config.version == version


def test_a_version_that_no_official_file_can_tell_is_not_written_as_one(tiny_voice, tmp_path):
    weights = read_weights(tiny_voice / 'acoustic.pth')
    with pytest.raises(CheckpointError, match='safetensors'):
        write_official(
            dataclasses.replace(weights, kind=CheckpointKind('v2', 'v4')), tmp_path / 'x.pth'
        )
    assert not list(tmp_path.iterdir())


def test_weight_norm_folds_to_what_torch_computes():
    for layer in (torch.nn.Conv1d(3, 4, 5), torch.nn.ConvTranspose1d(3, 4, 5)):
        wrapped = torch.nn.utils.parametrizations.weight_norm(layer)
        wrapped.parametrizations.weight.original0.data.uniform_(0.5, 2)
        folded = keymap.fold_weight_norm(
            {
                'x.weight_g': wrapped.parametrizations.weight.original0,
                'x.weight_v': wrapped.parametrizations.weight.original1,
            }
        )
        torch.testing.assert_close(folded['x.weight'], wrapped.weight)
        gain, direction = keymap.split_weight_norm(wrapped.weight.detach())
        again = keymap.fold_weight_norm({'x.weight_g': gain, 'x.weight_v': direction})
        torch.testing.assert_close(again['x.weight'], wrapped.weight.detach())


def test_missing_extra_and_misshapen_tensors_are_listed_by_name_and_shape(tiny_voice):
    weights = read_weights(tiny_voice / 'acoustic.pth')
    tensors = dict(weights.tensors)
    del tensors['enc_p.proj.bias']
    tensors['dec.cond.weight'] = torch.zeros(3, 3, 1)
    tensors['surprise'] = torch.zeros(1)
    with pytest.raises(CheckpointError) as caught:
        acoustic_model(dataclasses.replace(weights, tensors=tensors), 'x.pth')
    message = str(caught.value)
    assert 'enc_p.proj.bias [64] is missing' in message
    assert 'surprise is not part of this model' in message
    assert 'dec.cond.weight has shape [3, 3, 1] instead of [64, 32, 1]' in message
    assert '3 tensors are wrong' in message


def test_a_missing_half_of_a_weight_norm_pair_is_named(tiny_voice):
    weights = read_weights(tiny_voice / 'acoustic.pth')
    tensors = {k: v for k, v in weights.tensors.items() if k != 'dec.ups.0.weight_g'}
    with pytest.raises(CheckpointError, match='dec.ups.0.weight_g'):
        acoustic_model(dataclasses.replace(weights, tensors=tensors), 'x.pth')


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'n_layer': 10**9}, 'n_layer = 1000000000'),
        ({'hidden_dim': -5}, 'hidden_dim = -5'),
        ({'head': 0}, 'head = 0'),
        ({'head': 7}, 'contradictory'),
        ({'hidden_dim': 'wide'}, 'a int is needed'),
        ({'hidden_dim': True}, 'a int is needed'),
        ({'max_sec': float('nan')}, 'max_sec'),
    ],
)
def test_a_config_that_makes_no_sense_is_refused_before_anything_is_built(
    tiny_voice, settings, message
):
    weights = changed(read_weights(tiny_voice / 'semantic.ckpt'), **settings)
    if 'max_sec' in settings:
        weights.settings['data']['max_sec'] = settings['max_sec']
    with pytest.raises(CheckpointError, match=message):
        semantic_model(weights, 'x.ckpt')


def test_swapped_files_are_explained(tiny_voice):
    with pytest.raises(CheckpointError, match='swapped'):
        load_semantic(tiny_voice / 'acoustic.pth')
    with pytest.raises(CheckpointError, match='swapped'):
        load_acoustic(tiny_voice / 'semantic.ckpt')


@pytest.mark.parametrize(
    'kind',
    [
        CheckpointKind('v2', 'v3'),
        CheckpointKind('v2', 'v3', is_lora=True),
        CheckpointKind('v2', 'v5'),
    ],
)
def test_a_version_that_cannot_run_is_named(tiny_voice, tmp_path, kind):
    weights = dataclasses.replace(read_weights(tiny_voice / 'acoustic.pth'), kind=kind)
    write_weights(weights, tmp_path / 'acoustic.safetensors')
    with pytest.raises(VersionUnsupportedError, match=kind.version):
        load_acoustic(tmp_path / 'acoustic.safetensors')


def test_every_official_header_is_recognised(goldens):
    found = {
        path.name: read_weights(path).kind for path in (goldens / 'ckpt_format').glob('*.pth')
    }
    assert found == {
        'sample_v1.pth': CheckpointKind('v1', 'v1'),
        'sample_v2.pth': CheckpointKind('v2', 'v2'),
        'sample_v2Pro.pth': CheckpointKind('v2', 'v2Pro'),
        'sample_v2ProPlus.pth': CheckpointKind('v2', 'v2ProPlus'),
        'sample_v3_lora32.pth': CheckpointKind('v2', 'v3', True),
        'sample_v4_lora16.pth': CheckpointKind('v2', 'v4', True),
    }


@pytest.mark.parametrize('content', [[1], {'weight': 3}, {'weight': {'a': 1}}, {'weight': {}}, {}])
def test_a_torch_file_that_is_no_voice_is_explained(tmp_path, content):
    torch.save(content, tmp_path / 'x.pth')
    with pytest.raises(CheckpointError):
        read_weights(tmp_path / 'x.pth')


def test_a_safetensors_file_of_others_is_explained(tmp_path):
    from safetensors.torch import save_file

    save_file({'a': torch.zeros(2)}, tmp_path / 'x.safetensors')
    with pytest.raises(CheckpointError, match='gptsovits_ros convert'):
        read_weights(tmp_path / 'x.safetensors')
    (tmp_path / 'y.safetensors').write_bytes(b'\xff' * 100)
    with pytest.raises(CheckpointError, match='cannot read'):
        read_weights(tmp_path / 'y.safetensors')


def test_a_failed_write_leaves_the_old_file_and_no_litter(tiny_voice, tmp_path, monkeypatch):
    target, weights = convert(tiny_voice / 'semantic.ckpt', tmp_path)
    before = target.read_bytes()

    def full(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(Path, 'replace', full)
    with pytest.raises(CheckpointError, match='No space left'):
        write_weights(weights, target)
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
