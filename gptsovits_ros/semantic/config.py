"""Sizes of the Text2Semantic model; the defaults are those of the official v2 checkpoints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SemanticConfig:
    """Every width and limit of Text2Semantic (gptsovits-spec sections 1.1 and 6).

    Attributes:
        phoneme_vocab_size: rows of the phoneme table (512 in v1, 732 from v2 on).
        vocab_size: semantic tokens and the end token.
        eos: id of the end token.
        hidden_dim: model width d.
        head: attention heads; d must be a multiple of it.
        n_layer: transformer layers.
        ffn_dim: width of the feed-forward layer (official: 4 d; upstream ignores `linear_units`).
        bert_dim: width of the BERT features.
        token_rate: semantic tokens per second.
        max_sec: longest speech that the model was trained on [s].
        min_tokens: tokens that are made before the end token may be chosen.
        max_tokens: hard cap on the tokens of one segment.
        text_ahead: how many phonemes beyond the one that it says a token sees of the text, and
            none before it (text_places.py); 0: all of the text, as upstream.

    """

    phoneme_vocab_size: int = 732
    vocab_size: int = 1025
    eos: int = 1024
    hidden_dim: int = 512
    head: int = 16
    n_layer: int = 24
    ffn_dim: int = 2048
    bert_dim: int = 1024
    token_rate: float = 25.0
    max_sec: float = 54.0
    min_tokens: int = 11
    max_tokens: int = 1500
    text_ahead: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for sizes that do not fit together."""
        if self.hidden_dim % self.head:
            raise ValueError(f'hidden_dim {self.hidden_dim} is not a multiple of head {self.head}')
        if not 0 <= self.eos < self.vocab_size:
            raise ValueError(f'eos {self.eos} is not below vocab_size {self.vocab_size}')

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_dim // self.head

    @property
    def token_limit(self) -> int:
        """Most tokens of one segment: the hard cap, or the longest speech that was trained on."""
        return max(self.min_tokens, min(self.max_tokens, int(self.max_sec * self.token_rate)))
