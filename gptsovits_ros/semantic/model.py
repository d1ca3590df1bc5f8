"""Text2Semantic: a post-norm transformer that continues a prompt of semantic tokens.

A prefix language model (gptsovits-spec section 6): the text [x] sees itself in both directions,
the semantic tokens [y] see the text and what came before them. Upstream calls the parts
`ar_text_embedding`, `ar_audio_embedding`, `h` and `ar_predict_layer` (checkpoint/keymap.py).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.semantic.config import SemanticConfig
from gptsovits_ros.semantic.kv_cache import RowCache


def sinusoid_table(rows: int, width: int, device: torch.device) -> Tensor:
    """Return positions [rows, width]: sine on even columns, cosine on odd ones."""
    position = torch.arange(rows, device=device, dtype=torch.float32)[:, None]
    rate = torch.exp(
        torch.arange(0, width, 2, device=device, dtype=torch.float32)
        * (-math.log(10000.0) / width)
    )
    table = torch.empty(rows, width, device=device)
    table[:, 0::2] = torch.sin(position * rate)
    table[:, 1::2] = torch.cos(position * rate)
    return table


class TransformerLayer(nn.Module):
    """Self-attention and feed-forward, each followed by residual and layer norm."""

    def __init__(self, config: SemanticConfig) -> None:
        super().__init__()
        d = config.hidden_dim
        self.heads = config.head
        self.qkv = nn.Linear(d, 3 * d)
        self.out = nn.Linear(d, d)
        self.norm1 = nn.LayerNorm(d)
        self.linear1 = nn.Linear(d, config.ffn_dim)
        self.linear2 = nn.Linear(config.ffn_dim, d)
        self.norm2 = nn.LayerNorm(d)

    def forward(
        self,
        h: Tensor,
        mask: Tensor | None,
        cache: RowCache | None,
        index: int,
    ) -> Tensor:
        """Run new rows h [B, T, d]; with a cache they also see its rows, and are added to it.

        mask is True, or 0, where a query may see a key, and False, or minus infinity, elsewhere,
        [B or 1, 1, T, T_keys]; None: sees everything.
        """
        batch, rows, width = h.shape
        q, k, v = self.qkv(h).view(batch, rows, 3, self.heads, width // self.heads).unbind(2)
        q, k, v = (
            q.transpose(1, 2),
            k.transpose(1, 2),
            v.transpose(1, 2),
        )  # (B, heads, T, head_dim)
        if cache is not None:
            k, v = cache.append(index, k, v)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        h = self.norm1(h + self.out(attended.transpose(1, 2).reshape(batch, rows, width)))
        return self.norm2(h + self.linear2(F.relu(self.linear1(h))))


class Text2Semantic(nn.Module):
    """Phonemes, BERT features and prompt tokens in; logits of the next semantic token out."""

    def __init__(self, config: SemanticConfig) -> None:
        super().__init__()
        self.config = config
        d = config.hidden_dim
        self.bert_projection = nn.Linear(config.bert_dim, d)
        self.text_embedding = nn.Embedding(config.phoneme_vocab_size, d)
        self.text_position_scale = nn.Parameter(torch.ones(1))
        self.token_embedding = nn.Embedding(config.vocab_size, d)
        self.token_position_scale = nn.Parameter(torch.ones(1))
        self.layers = nn.ModuleList(TransformerLayer(config) for _ in range(config.n_layer))
        self.output = nn.Linear(d, config.vocab_size, bias=False)
        # Longer than any prefix or generation; rebuilt, not stored (a fixed formula).
        rows = config.max_tokens + int(config.max_sec * config.token_rate) + 1
        self.register_buffer(
            'positions', sinusoid_table(rows, d, torch.device('cpu')), persistent=False
        )

    def embed_text(self, phoneme_ids: Tensor, bert: Tensor) -> Tensor:
        """Return [B, P, d] for phoneme ids [B, P] and BERT features [B, bert_dim, P]."""
        features = bert.transpose(1, 2).to(self.bert_projection.weight.dtype)
        x = self.text_embedding(phoneme_ids) + self.bert_projection(features)
        return x + self.text_position_scale * self._positions(0, x.shape[1], x.dtype)

    def embed_tokens(self, tokens: Tensor, first_position: int | Tensor = 0) -> Tensor:
        """Return [B, S, d] for semantic tokens [B, S] whose first one has the given position.

        Positions on the device, int64 [B], must be within `positions`, and are those of one token
        per row.
        """
        y = self.token_embedding(tokens)
        return y + self.token_position_scale * self._positions(first_position, y.shape[1], y.dtype)

    def hidden_states(
        self, h: Tensor, mask: Tensor | None = None, cache: RowCache | None = None
    ) -> Tensor:
        """Run rows h [B, T, d] through all layers; see TransformerLayer for mask and cache."""
        rows = h.shape[1]
        for index, layer in enumerate(self.layers):
            h = layer(h, mask, cache, index)
        if cache is not None:
            cache.advance(rows)
        return h

    def logits(self, h: Tensor) -> Tensor:
        """Return [..., vocab_size] for hidden states [..., d]."""
        return self.output(h)

    def teacher_forced(
        self,
        phoneme_ids: Tensor,
        bert: Tensor,
        tokens: Tensor,
        token_lengths: Tensor | None = None,
    ) -> Tensor:
        """Return logits [B, S + 1, vocab_size] that predict tokens [B, S] and what follows.

        Row 0 is the last text row: it predicts the first token. Texts of a batch have equal
        lengths; tokens may be padded on the right, and nobody sees those beyond token_lengths [B].
        """
        x = self.embed_text(phoneme_ids, bert)
        xy = torch.cat([x, self.embed_tokens(tokens)], dim=1)
        mask = prefix_mask(x.shape[1], tokens.shape[1], xy.device)
        if token_lengths is not None:
            rows = torch.arange(xy.shape[1], device=xy.device)
            mask = mask & (rows < x.shape[1] + token_lengths[:, None])[:, None, None]
        return self.logits(self.hidden_states(xy, mask)[:, x.shape[1] - 1 :])

    def _positions(self, first: int | Tensor, count: int, dtype: torch.dtype) -> Tensor:
        if isinstance(first, Tensor):
            return self.positions.index_select(0, first)[:, None].to(dtype)
        if first + count > self.positions.shape[0]:
            more = sinusoid_table(first + count, self.config.hidden_dim, self.positions.device)
            return more[first:].to(dtype)
        return self.positions[first : first + count].to(dtype)


def prefix_mask(text_rows: int, token_rows: int, device: torch.device | str) -> Tensor:
    """Return who may see whom, bool [1, 1, T, T]: text sees text, a token all up to itself."""
    total = text_rows + token_rows
    mask = torch.ones(total, total, dtype=torch.bool, device=device).tril()
    mask[:text_rows, :text_rows] = True
    return mask[None, None]
