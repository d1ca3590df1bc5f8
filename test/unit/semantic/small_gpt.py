"""A small GPT that has learned nothing, ways to sample from it, and codes that say phonemes."""

from __future__ import annotations

import numpy as np
import torch

from gptsovits_ros.semantic.config import SemanticConfig
from gptsovits_ros.semantic.model import Text2Semantic
from gptsovits_ros.semantic.text_path import CodePhonemes
from gptsovits_ros.types import SamplingParameters

SIZES = {
    'phoneme_vocab_size': 100,
    'vocab_size': 33,
    'eos': 32,
    'hidden_dim': 16,
    'head': 2,
    'n_layer': 3,
    'ffn_dim': 32,
    'bert_dim': 4,
    'max_sec': 2.0,
}
SAMPLINGS = (
    SamplingParameters(),
    SamplingParameters(top_k=5, top_p=0.8, temperature=0.7),
    SamplingParameters(top_k=33, top_p=1.0, temperature=1.3, repetition_penalty=1.0),
)
# Silence and the phonemes 3, 4 and 5 share all tokens.
CODES = CodePhonemes(
    np.resize([0, 3, 4, 5], SIZES['vocab_size'] - 1),
    0,
    np.array([3, 4, 5]),
    np.tile(np.array([0.3, 0.6, 1.0], np.float32), (3, 1)),
)


def gpt(text_ahead: int = 0) -> Text2Semantic:
    """Return the GPT, whose choices are clear enough to compare."""
    torch.manual_seed(3)
    model = Text2Semantic(SemanticConfig(**SIZES, text_ahead=text_ahead)).eval()
    model.requires_grad_(False)
    torch.nn.init.normal_(model.output.weight, std=0.5)
    return model
