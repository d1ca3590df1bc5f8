"""Models that voices share."""

from __future__ import annotations

import gc
import os
import shutil

import pytest
import torch
from torch import nn

from gptsovits_ros.checkpoint.load_cfm import load_cfm, load_vocoder
from gptsovits_ros.engine.model_cache import ModelCache
from gptsovits_ros.voice.store import VoiceStore


class Layer(nn.Linear):
    """A model that knows what it was made of."""

    def __init__(self, *parts, device):
        super().__init__(2, 2, device=device)
        self.parts = parts


@pytest.fixture
def cache():
    return ModelCache(torch.device('cpu'))


def test_a_file_is_read_once_while_its_model_is_held(cache, tmp_path):
    (tmp_path / 'a').write_text('x')
    first = cache.get(Layer, tmp_path / 'a')
    assert cache.get(Layer, tmp_path / 'a') is first
    assert cache.get(Layer, tmp_path / 'a', None) is not first
    os.utime(tmp_path / 'a', ns=(1, 1))
    assert cache.get(Layer, tmp_path / 'a') is not first


def test_a_model_is_a_part_of_another_as_long_as_both_are_held(cache, tmp_path):
    (tmp_path / 'a').write_text('x')
    shared, other = Layer(device='cpu'), Layer(device='cpu')
    first = cache.get(Layer, tmp_path / 'a', shared)
    assert cache.get(Layer, tmp_path / 'a', shared) is first
    assert cache.get(Layer, tmp_path / 'a', other) is not first
    gone = id(first)
    del first
    gc.collect()
    assert all(id(model) != gone for model in list(cache._models.values()))


def test_voices_with_other_models_share_the_vocoder(cache, tiny_voices, tmp_path):
    shutil.copytree(tiny_voices / 'v3', tmp_path / 'one')
    shutil.copytree(tiny_voices / 'v3', tmp_path / 'two')
    shutil.rmtree(tmp_path / 'two' / VoiceStore(tmp_path).voice('two').vocoder.name)
    store = VoiceStore(tmp_path, tmp_path / 'one')  # where the other finds its vocoder
    models = [
        cache.get(load_cfm, voice.acoustic, None, cache.get(load_vocoder, voice.vocoder))
        for voice in (store.voice('one'), store.voice('two'))
    ]
    assert models[0] is not models[1]
    assert models[0].vocoder is models[1].vocoder
