"""Which device the models get, and how much of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from gptsovits_ros.engine.device import MIB, find_device, limit_memory
from gptsovits_ros.errors import ConfigurationError

CPU, GPU = torch.device('cpu'), torch.device('cuda:0')


@pytest.mark.parametrize(('has_gpu', 'device'), [(True, GPU), (False, CPU)])
def test_auto_takes_the_first_gpu_that_there_is(monkeypatch, has_gpu, device):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: has_gpu)
    assert find_device('auto') == device


def test_a_device_by_name_must_exist(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    assert find_device('cpu') == CPU and find_device('cuda:0') == GPU
    with pytest.raises(ConfigurationError, match='no device "cuda:1" here; torch sees 1'):
        find_device('cuda:1')
    with pytest.raises(ConfigurationError, match='"gpu"; use auto, cpu or cuda'):
        find_device('gpu')


@pytest.mark.parametrize(
    ('device', 'most_mb', 'share'),
    [(GPU, 2000, 0.25), (GPU, 16000, 1.0), (GPU, 0, None), (CPU, 2000, None)],
)
def test_torch_is_told_which_share_of_a_gpu_it_may_take(monkeypatch, device, most_mb, share):
    told = []
    properties = SimpleNamespace(total_memory=8000 * MIB)
    monkeypatch.setattr(torch.cuda, 'get_device_properties', lambda device: properties)
    monkeypatch.setattr(
        torch.cuda, 'set_per_process_memory_fraction', lambda *given: told.append(given)
    )
    limit_memory(device, most_mb)
    assert told == ([] if share is None else [(share, GPU)])
