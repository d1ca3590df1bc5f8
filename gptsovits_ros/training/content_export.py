"""What a run of the content trainer leaves: encoder, start of an acoustic model, tokens."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gptsovits_ros.acoustic.quantizer import Quantizer
from gptsovits_ros.checkpoint.content import (
    KIND,
    content_weights,
    load_content_encoder,
)
from gptsovits_ros.checkpoint.weights import (
    ACOUSTIC,
    WeightFile,
    float_tensors,
    read_weights,
    write_weights,
)
from gptsovits_ros.encoders.content import ContentConfig
from gptsovits_ros.training.content_tokenizer import TOKEN_STRIDE
from gptsovits_ros.training.content_trainer import CODEBOOK, ENCODER, PROJECTION
from gptsovits_ros.training.prepare import write_tokens

TOKENIZER_FILE = 'tokenizer.safetensors'
START_FILE = 'acoustic_init.safetensors'


class CodeReader:
    """Content features -> semantic tokens, as the acoustic model makes them."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        """Take the projection and the codebook by their official names."""
        rows = tensors[CODEBOOK]
        self._weight, self._bias = tensors[f'{PROJECTION}weight'], tensors[f'{PROJECTION}bias']
        self._quantizer = Quantizer(*rows.shape)
        self._quantizer.codebook.copy_(rows)

    def __call__(self, features: Tensor) -> Tensor:
        """Return tokens int64 [B, S] of features [B, width, F]; an odd last frame is dropped."""
        projected = F.conv1d(features, self._weight, self._bias, stride=TOKEN_STRIDE)
        return self._quantizer.encode(projected)


def export_tokenizer(
    trained: WeightFile, config: ContentConfig, corpus: Path, with_features: bool = False
) -> int:
    """Write what a trainer has learned and the tokens of a corpus; return the number of its clips.

    The tokens are made by the files as they were written, in half precision and read again, so
    that whoever has the files gets the same ones.

    Args:
        trained: as ContentTrainer.weights gives it.
        config: of the encoder.
        corpus: folder; gets TOKENIZER_FILE, START_FILE and tokens.tsv.
        with_features: also write content/NAME.npy.

    """
    encoder = {
        name.removeprefix(ENCODER): value
        for name, value in trained.tensors.items()
        if name.startswith(ENCODER)
    }
    write_weights(content_weights(config, encoder, trained.info), corpus / TOKENIZER_FILE)
    start = {
        name: value.half()
        for name, value in trained.tensors.items()
        if not name.startswith(ENCODER)
    }
    settings = {'model': {'ssl_dim': config.width, 'codebook_size': start[CODEBOOK].shape[0]}}
    write_weights(WeightFile(ACOUSTIC, KIND, settings, trained.info, start), corpus / START_FILE)
    return tokenize_corpus(corpus, with_features)


def tokenize_corpus(corpus: Path, with_features: bool = False) -> int:
    """Write the tokens of a corpus by the tokenizer that lies in its folder."""
    encoder = load_content_encoder(corpus / TOKENIZER_FILE)
    reader = CodeReader(float_tensors(read_weights(corpus / START_FILE).tensors))
    with torch.inference_mode():
        return write_tokens(corpus, encoder, reader, with_features)
