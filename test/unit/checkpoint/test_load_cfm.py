"""v3 and v4 from files to models and back: tables, names, LoRA, vocoders, hostile files."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
import torch

from gptsovits_ros.acoustic.bigvgan import BigVgan
from gptsovits_ros.acoustic.cfm_acoustic import CfmModel
from gptsovits_ros.acoustic.cfm_config import (
    CFM_CONFIGS,
    BigVganConfig,
    DitConfig,
    MelHifiGanConfig,
)
from gptsovits_ros.acoustic.config import SovitsConfig
from gptsovits_ros.acoustic.mel_hifigan import MelHifiGan
from gptsovits_ros.checkpoint import cfm_keymap
from gptsovits_ros.checkpoint.detect import CheckpointKind
from gptsovits_ros.checkpoint.keymap import split_weight_norm
from gptsovits_ros.checkpoint.load_cfm import (
    cfm_model,
    cfm_version,
    is_cfm,
    load_bigvgan,
    load_cfm,
    load_mel_hifigan,
    load_vocoder,
)
from gptsovits_ros.checkpoint.lora import merge_lora
from gptsovits_ros.checkpoint.save import write_official
from gptsovits_ros.checkpoint.save_cfm import (
    bigvgan_tensors,
    cfm_weights,
    write_bigvgan,
    write_mel_hifigan,
)
from gptsovits_ros.checkpoint.weights import WeightFile, read_weights, write_weights
from gptsovits_ros.errors import CheckpointError, CheckpointUnsafeError, DependencyMissingError

SOVITS = {
    'phoneme_vocab_size': 732,
    'ssl_dim': 12,
    'codebook_size': 16,
    'inter_channels': 8,
    'hidden_channels': 8,
    'filter_channels': 16,
    'n_layers': 2,
    'mrte_channels': 12,
    'gin_channels': 12,
    'style_channels': 6,
}
DIT = DitConfig(
    dim=16, n_layers=2, n_heads=2, head_dim=8, text_dim=10, text_layers=1, mel_bands=7,
    position_groups=4,
)  # fmt: skip
VOCODERS = {
    'v3': BigVganConfig(mel_bands=7, upsample_initial_channel=64),
    'v4': MelHifiGanConfig(mel_bands=7, upsample_initial_channel=32),
}
BIGVGAN = BigVgan(VOCODERS['v3'])


def weights_of(version: str, seed: int = 0) -> WeightFile:
    torch.manual_seed(seed)
    config = CFM_CONFIGS[version](
        sovits=SovitsConfig(version=version, **SOVITS), dit=DIT, mixer_layers=2, chunk_frames=600
    )
    model = CfmModel(config)
    model.features.quantizer.codebook.normal_()
    return cfm_weights(model, f'test-{seed}')


def write_vocoder(version: str, folder: Path) -> Path:
    if version == 'v3':
        write_bigvgan(BigVgan(VOCODERS['v3']), folder / 'bigvgan')
        return folder / 'bigvgan'
    write_mel_hifigan(MelHifiGan(VOCODERS['v4']), folder / 'vocoder.pth')
    return folder / 'vocoder.pth'


def lora_of(version: str, rank: int = 3) -> WeightFile:
    """Return differences to weights_of(version), as upstream's trainer writes them."""
    base = weights_of(version)
    torch.manual_seed(7)
    tensors = {
        name: value + 1
        for name, value in base.tensors.items()
        if name.startswith(('ref_enc.', 'bridge.', 'wns1.'))
    }
    prefix = 'cfm.base_model.model.estimator.'
    tensors[prefix + 'rotary_embed.inv_freq'] = base.tensors['cfm.estimator.rotary_embed.inv_freq']
    for block in range(DIT.n_layers):
        for layer in ('to_q', 'to_k', 'to_v', 'to_out.0'):
            name = f'{prefix}transformer_blocks.{block}.attn.{layer}.lora_'
            tensors[name + 'A.default.weight'] = torch.randn(rank, 16).half()
            tensors[name + 'B.default.weight'] = torch.randn(16, rank).half()
    kind = CheckpointKind('v2', version, is_lora=True)
    return dataclasses.replace(base, kind=kind, info='lora', tensors=tensors, lora_rank=rank)


def without_pair(name: str) -> str:
    return re.sub(r'weight_[gv]$', 'weight', name)


@pytest.mark.parametrize('version', ['v3', 'v4'])
def test_full_size_models_have_the_official_tensors(goldens, version):
    with torch.device('meta'):
        model = CfmModel(CFM_CONFIGS[version]())
    table = json.loads((goldens / 'tables' / f'tensors_s2G_{version}.json').read_text())
    wanted = {
        name: tuple(shape)
        for name, (shape, _) in table.items()
        if not cfm_keymap.cfm_is_ignored(name)
    }
    assert len(wanted) == 680
    assert cfm_weights(model, '').shapes == wanted
    names = [without_pair(name) for name in wanted]
    ours = [cfm_keymap.cfm_from_official(name) for name in names]
    assert set(ours) == set(model.state_dict())
    assert [cfm_keymap.cfm_to_official(name) for name in ours] == names


def test_full_size_vocoders_have_the_official_tensors(goldens):
    def table(name: str) -> dict[str, tuple[int, ...]]:
        entries = json.loads((goldens / 'tables' / f'tensors_{name}.json').read_text())
        return {key: tuple(shape) for key, (shape, _) in entries.items()}

    with torch.device('meta'):
        bigvgan, hifigan = BigVgan(BigVganConfig()), MelHifiGan(MelHifiGanConfig())
    found = {name: tuple(value.shape) for name, value in bigvgan_tensors(bigvgan).items()}
    assert found == table('bigvgan')
    assert {key: tuple(value.shape) for key, value in hifigan.state_dict().items()} == table(
        'vocoder_v4'
    )
    # The form with weight norm has the same tensors, some of them as pairs.
    assert {without_pair(name) for name in table('bigvgan_wn')} == set(found)


@pytest.mark.parametrize('version', ['v3', 'v4'])
def test_a_model_that_is_saved_and_loaded_again_is_the_same(tmp_path, version):
    weights = weights_of(version)
    write_weights(weights, tmp_path / 'x.safetensors')
    whole = load_cfm(
        tmp_path / 'x.safetensors', None, load_vocoder(write_vocoder(version, tmp_path))
    )
    expected = cfm_model(weights, 'x')
    assert whole.config == expected.config
    assert whole.vocoder.config == VOCODERS[version]
    found = whole.state_dict()
    assert all(torch.equal(found[key], value) for key, value in expected.state_dict().items())
    assert not whole.training and not any(p.requires_grad for p in whole.parameters())
    assert not any(value.is_meta for value in whole.state_dict().values())


def test_an_official_v3_file_is_read(tmp_path):
    write_official(weights_of('v3'), tmp_path / 'x.pth')
    found = read_weights(tmp_path / 'x.pth')
    assert is_cfm(found) and cfm_version(found) == 'v3'
    assert cfm_model(found, 'x.pth').config.dit == DIT


@pytest.mark.parametrize(
    ('guess', 'settings', 'version'),
    [
        ('v3', {}, 'v3'),
        ('v4', {}, 'v4'),
        ('v4', {'version': 'v3'}, 'v4'),
        ('v3', {'version': 'v4'}, 'v4'),
        ('v3', {'model': {'version': 'v4'}}, 'v4'),
        ('v2', {'model': 3, 'version': 'v3'}, 'v3'),
    ],
)
def test_v4_is_what_the_file_or_its_settings_call_so(guess, settings, version):
    weights = dataclasses.replace(
        weights_of('v3'), kind=CheckpointKind('v2', guess), settings=settings
    )
    assert is_cfm(weights)
    assert cfm_version(weights) == version


@pytest.mark.parametrize('version', ['v3', 'v4'])
def test_a_lora_file_is_merged_into_its_base(tmp_path, version):
    base, lora = weights_of(version), lora_of(version)
    write_weights(base, tmp_path / 'base.safetensors')
    write_official(lora, tmp_path / 'lora.pth')  # by its header, 03 or 04
    vocoder = load_vocoder(write_vocoder(version, tmp_path))
    found = load_cfm(tmp_path / 'lora.pth', tmp_path / 'base.safetensors', vocoder)
    plain = load_cfm(tmp_path / 'base.safetensors', None, vocoder)
    assert found.vocoder is plain.vocoder
    prefix = 'cfm.base_model.model.estimator.transformer_blocks.1.attn.to_out.0.lora_'
    down, up = (lora.tensors[f'{prefix}{factor}.default.weight'].float() for factor in 'AB')
    before, after = (m.dit.blocks[1].attention.to_out.weight for m in (plain, found))
    torch.testing.assert_close(after - before, up @ down, atol=1e-5, rtol=1e-5)
    assert torch.equal(
        found.features.bridge.weight, lora.tensors['bridge.0.weight'].float()
    )  # trained as a whole
    assert torch.equal(found.dit.output.weight, plain.dit.output.weight)  # not trained
    ours, theirs = dict(found.named_parameters()), dict(plain.named_parameters())
    changed = {name for name in ours if not torch.equal(ours[name], theirs[name])}
    assert sum('.attention.to_' in name for name in changed) == 4 * DIT.n_layers
    assert {name.split('.')[1] for name in changed if name.startswith('features.')} == {
        'style_encoder',
        'bridge',
        'mixer',
    }


def test_a_lora_file_without_its_base_says_what_is_needed(tmp_path):
    write_official(lora_of('v3'), tmp_path / 'lora.pth')
    with pytest.raises(DependencyMissingError, match='differences only; the v3 model'):
        load_cfm(tmp_path / 'lora.pth', None, BIGVGAN)


def test_a_lora_file_for_another_version_is_refused(tmp_path):
    write_official(lora_of('v3'), tmp_path / 'lora.pth')
    write_weights(weights_of('v4'), tmp_path / 'base.safetensors')
    with pytest.raises(CheckpointError, match='differences to a v3 model'):
        load_cfm(tmp_path / 'lora.pth', tmp_path / 'base.safetensors', BIGVGAN)


LAYER = 'cfm.base_model.model.estimator.transformer_blocks.0.attn.to_q.lora_'


@pytest.mark.parametrize(
    ('tensors', 'message'),
    [
        ({LAYER + 'A.default.weight': torch.zeros(2, 16)}, 'rank 3 needs'),
        ({LAYER + 'B.default.weight': torch.zeros(16)}, 'rank 3 needs'),
        ({LAYER + 'B.default.weight': None}, 'half of'),
        ({LAYER.replace('s.0.', 's.9.') + 'A.default.weight': torch.zeros(3, 16)}, 'has no'),
        ({'bridge.0.weight': torch.zeros(3)}, 'do not belong together'),
    ],
)
def test_a_damaged_lora_file_is_explained(tensors, message):
    lora = lora_of('v3')
    changed = {**lora.tensors, **tensors}
    changed = {name: value for name, value in changed.items() if value is not None}
    with pytest.raises(CheckpointError, match=message):
        merge_lora(weights_of('v3'), dataclasses.replace(lora, tensors=changed))


def test_whole_models_are_not_merged_and_no_differences_are_no_lora():
    base, lora = weights_of('v3'), lora_of('v3')
    for pair in ((base, base), (lora, lora)):
        with pytest.raises(CheckpointError, match='are needed to merge'):
            merge_lora(*pair)
    with pytest.raises(CheckpointError, match='no low-rank'):
        merge_lora(base, dataclasses.replace(lora, tensors={}))


def test_bigvgan_is_read_with_and_without_weight_norm(tmp_path):
    torch.manual_seed(1)
    model = BigVgan(VOCODERS['v3']).eval()
    write_bigvgan(model, tmp_path / 'plain')
    write_bigvgan(model, tmp_path / 'paired')
    paired = {}
    for name, value in bigvgan_tensors(model).items():
        if name.endswith('.weight'):
            paired[f'{name}_g'], paired[f'{name}_v'] = split_weight_norm(value)
            paired[f'{name}_v'] *= 3  # its length must not matter
        else:
            paired[name] = value
    torch.save({'generator': paired}, tmp_path / 'paired' / 'bigvgan_generator.pt')
    plain, folded = (load_bigvgan(tmp_path / name) for name in ('plain', 'paired'))
    assert plain.config == folded.config == model.config
    mel = torch.randn(1, 7, 5)
    with torch.no_grad():
        assert torch.equal(plain(mel), model(mel))
        torch.testing.assert_close(folded(mel), model(mel), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'activation': 'snake'}, "activation = 'snake', but v3 needs"),
        ({'use_tanh_at_final': None}, 'use_tanh_at_final'),
        ({'num_mels': 10**9}, 'mel_bands = 1000000000'),
        ({'num_mels': '100'}, 'a int is needed'),
        ({'upsample_rates': [4, -4]}, 'upsample_rates = -4'),
        ({'upsample_rates': [4, 4]}, 'differ in length'),
        ({'upsample_rates': 'many'}, 'a tuple is needed'),
        ({'upsample_rates': [['4'], 4, 2, 2, 2, 2]}, 'whole numbers'),
        ({'resblock_dilation_sizes': [1, 3, 5]}, 'whole numbers'),
        ({'upsample_kernel_sizes': [8.5, 8, 4, 4, 4, 4]}, 'whole numbers'),
        ({'resblock_kernel_sizes': [3, 4, 11]}, 'odd'),
    ],
)
def test_a_bigvgan_config_that_makes_no_sense_is_refused(tmp_path, change, message):
    write_bigvgan(BigVgan(VOCODERS['v3']), tmp_path / 'b')
    path = tmp_path / 'b' / 'config.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError, match=message):
        load_bigvgan(tmp_path / 'b')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'{', 'not valid JSON'),
        (b'[]', 'not a JSON object'),
        (b'[' * 100000, 'not valid JSON'),
        (b' ' * (2 << 20), 'larger than'),
        (b'\xff\xfe{', 'not valid JSON'),
    ],
)
def test_a_config_file_that_is_none_is_explained(tmp_path, content, message):
    write_bigvgan(BigVgan(VOCODERS['v3']), tmp_path / 'b')
    (tmp_path / 'b' / 'config.json').write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        load_bigvgan(tmp_path / 'b')


def test_vocoder_files_that_are_something_else_are_explained(tmp_path):
    path = tmp_path / 'vocoder.pth'
    torch.save({'generator': {'a': torch.zeros(1)}}, path)
    with pytest.raises(CheckpointError, match='a dict of tensors is expected'):
        load_mel_hifigan(path)
    torch.save({'a': torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match='no usable conv_pre.weight'):
        load_mel_hifigan(path)
    torch.save({'conv_pre.weight': torch.zeros(33, 7, 7)}, path)
    with pytest.raises(CheckpointError, match='halved'):
        load_mel_hifigan(path)
    torch.save({'conv_pre.weight': torch.zeros(32, 7, 7)}, path)
    with pytest.raises(CheckpointError, match=r'conv_pre.bias \[32\] is missing'):
        load_mel_hifigan(path)
    with pytest.raises(DependencyMissingError, match=r'v4 gsv-v4-pretrained/vocoder\.pth'):
        load_mel_hifigan(tmp_path / 'nothing.pth')
    write_bigvgan(BigVgan(VOCODERS['v3']), tmp_path / 'b')
    (tmp_path / 'b' / 'config.json').unlink()
    with pytest.raises(DependencyMissingError, match=r'config\.json'):
        load_bigvgan(tmp_path / 'b')


class Evil:
    """Runs code where a pickle is trusted."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return (Path.touch, (self.target,))


def test_a_vocoder_file_that_wants_to_run_code_is_refused(tmp_path):
    write_bigvgan(BigVgan(VOCODERS['v3']), tmp_path / 'b')
    for path, load in (
        (tmp_path / 'b' / 'bigvgan_generator.pt', lambda path: load_bigvgan(path.parent)),
        (tmp_path / 'vocoder.pth', load_mel_hifigan),
    ):
        torch.save({'generator': Evil(tmp_path / 'touched')}, path)
        with pytest.raises(CheckpointUnsafeError):
            load(path)
    assert not (tmp_path / 'touched').exists()


def test_a_vocoder_of_the_other_version_is_explained(tmp_path):
    write_weights(weights_of('v4'), tmp_path / 'x.safetensors')
    write_mel_hifigan(
        MelHifiGan(MelHifiGanConfig(mel_bands=5, upsample_initial_channel=32)),
        tmp_path / 'vocoder.pth',
    )
    with pytest.raises(CheckpointError, match='does not fit x.safetensors'):
        load_cfm(tmp_path / 'x.safetensors', None, load_vocoder(tmp_path / 'vocoder.pth'))


def test_a_model_of_another_family_is_explained(tiny_voice, tmp_path):
    with pytest.raises(CheckpointError, match='a GPT-SoVITS v2 acoustic model, but a v3 or v4'):
        load_cfm(tiny_voice / 'acoustic.pth', None, BIGVGAN)
    assert not is_cfm(read_weights(tiny_voice / 'semantic.ckpt'))


@pytest.mark.parametrize(
    ('section', 'change', 'message'),
    [
        ('dit', {'n_layers': 10**6}, 'n_layers = 1000000'),
        ('dit', {'dim': -1}, 'dim = -1'),
        ('dit', {'dim': 'wide'}, 'a int is needed'),
        ('dit', {'rotary_theta': float('nan')}, 'rotary_theta'),
        ('dit', {'position_groups': 7}, 'contradictory'),
        ('model', {'dit': 3}, 'no section "dit"'),
        ('model', {'chunk_frames': 0}, 'chunk_frames = 0'),
        ('model', {'chunk_frames': 100}, 'no room'),
        ('model', {'mixer_layers': 10**5}, 'mixer_layers'),
        ('model', {'hidden_channels': 2**40}, 'hidden_channels'),
    ],
)
def test_a_config_that_makes_no_sense_is_refused_before_anything_is_built(
    section, change, message
):
    weights = weights_of('v3')
    model = weights.settings['model']
    (model['dit'] if section == 'dit' else model).update(change)
    with pytest.raises(CheckpointError, match=message):
        cfm_model(weights, 'x')


def test_missing_extra_and_misshapen_tensors_are_listed_by_official_name():
    weights = weights_of('v4')
    tensors = dict(weights.tensors)
    del tensors['cfm.estimator.proj_out.bias']
    tensors['wns1.proj.bias'] = torch.zeros(3)
    tensors['cfm.estimator.surprise'] = torch.zeros(1)
    with pytest.raises(CheckpointError) as caught:
        cfm_model(dataclasses.replace(weights, tensors=tensors), 'x')
    assert 'cfm.estimator.proj_out.bias [7] is missing' in str(caught.value)
    assert 'cfm.estimator.surprise is not part of this model' in str(caught.value)
    assert 'wns1.proj.bias has shape [3] instead of [10]' in str(caught.value)
