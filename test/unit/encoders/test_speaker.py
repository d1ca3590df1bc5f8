"""The speaker encoder: its sizes, its files, and what it makes of a clip."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from gptsovits_ros.checkpoint.encoders import load_speaker, save_speaker, speaker_model
from gptsovits_ros.encoders.speaker import SpeakerConfig, SpeakerEncoder
from gptsovits_ros.errors import CheckpointError, CheckpointUnsafeError

TINY = SpeakerConfig(channels=8, blocks=(1, 2, 1, 2), base_width=40, scale=3, expansion=2)


def made(config: SpeakerConfig) -> SpeakerEncoder:
    torch.manual_seed(0)
    return SpeakerEncoder(config).eval()


def test_the_official_sizes_give_the_official_tensors(goldens):
    with torch.device('meta'):
        model = SpeakerEncoder(SpeakerConfig())
    official = json.loads((goldens / 'tables' / 'tensors_eres2netv2.json').read_text())
    wanted = {
        name: shape for name, (shape, _) in official.items() if not name.startswith('seg_1.')
    }
    assert {name: list(value.shape) for name, value in model.state_dict().items()} == wanted
    assert SpeakerConfig().embedding_dim == 20480


@torch.inference_mode()
@pytest.mark.parametrize('frames', [1, 9, 50])
def test_a_clip_of_any_length_gives_one_vector_of_fixed_size(frames):
    model = made(TINY)
    assert model(torch.randn(1, frames, 80)).shape == (1, TINY.embedding_dim)


@torch.inference_mode()
def test_other_bins_and_sizes_are_read_from_the_config():
    config = replace(TINY, bins=44)
    assert made(config)(torch.randn(1, 20, 44)).shape == (1, config.embedding_dim)


@torch.inference_mode()
def test_sizes_are_read_off_the_tensors_and_halves_are_widened(tmp_path):
    model = made(TINY)
    save_speaker(model, tmp_path / 'speaker.ckpt')
    again = load_speaker(tmp_path / 'speaker.ckpt')
    assert again.config.blocks == TINY.blocks
    assert again.config.embedding_dim == TINY.embedding_dim
    energies = torch.randn(1, 30, 80)
    torch.testing.assert_close(again(energies), model(energies), atol=0.02, rtol=0.02)
    assert again.conv1.weight.dtype == torch.float32
    assert not any(parameter.requires_grad for parameter in again.parameters())


def test_the_layers_after_the_map_are_left_out():
    tensors = {**made(TINY).state_dict(), 'seg_1.weight': torch.zeros(2, 2)}
    assert 'seg_1.weight' not in speaker_model(tensors, 'x').state_dict()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda tensors: tensors.pop('layer2.1.conv3.weight'), 'layer2.1.conv3.weight'),
        (lambda tensors: tensors.update(surprise=torch.zeros(1)), 'surprise'),
        (lambda tensors: tensors.pop('conv1.weight'), 'no speaker encoder'),
        (lambda tensors: tensors.update({'conv1.weight': torch.zeros(0)}), 'no speaker encoder'),
    ],
)
def test_a_file_with_other_tensors_is_explained(change, message):
    tensors = made(TINY).state_dict()
    change(tensors)
    with pytest.raises(CheckpointError, match=message):
        speaker_model(tensors, 'x.ckpt')


def test_files_of_other_kinds_are_refused(tmp_path):
    torch.save([torch.zeros(2)], tmp_path / 'list.ckpt')
    with pytest.raises(CheckpointError, match='flat table'):
        load_speaker(tmp_path / 'list.ckpt')
    torch.save(made(TINY), tmp_path / 'module.ckpt')
    with pytest.raises(CheckpointUnsafeError, match='SpeakerEncoder'):
        load_speaker(tmp_path / 'module.ckpt')
    with pytest.raises(CheckpointError, match='cannot read'):
        load_speaker(tmp_path / 'absent.ckpt')


@pytest.mark.parametrize(
    ('change', 'message'), [({'blocks': (3, 4, 6)}, 'stages'), ({'base_width': 8}, 'wide')]
)
def test_sizes_that_no_such_network_has_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(TINY, **change)
