"""SoVITS that is narrow and as deep as the official one, so that receptive fields are its own."""

from __future__ import annotations

import torch

from gptsovits_ros.acoustic.config import SovitsConfig
from gptsovits_ros.acoustic.sovits import Sovits

NARROW = {
    'phoneme_vocab_size': 20,
    'ssl_dim': 12,
    'codebook_size': 16,
    'inter_channels': 8,
    'hidden_channels': 8,
    'filter_channels': 16,
    'mrte_channels': 12,
    'mrte_heads': 3,
    'gin_channels': 12,
    'style_channels': 6,
    'upsample_initial_channel': 32,
}


def made(config: SovitsConfig) -> Sovits:
    """Return a random model whose every part is heard."""
    torch.manual_seed(0)
    model = Sovits(config).eval()
    model.quantizer.codebook.normal_()
    for layer in model.flow.layers:
        torch.nn.init.normal_(layer.post.weight, std=0.2)
    return model
