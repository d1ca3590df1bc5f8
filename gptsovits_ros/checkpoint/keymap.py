"""Official tensor names <-> names of our modules, both ways, and the folding of weight norm.

Official letters live here and nowhere else: enc_p is the prior, enc_q the posterior, dec the
decoder, ref_enc the style encoder, ar_* the embeddings of the GPT.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from gptsovits_ros.errors import CheckpointError

# (official, ours) at the start of a name; the first that fits is used, so longer ones come first.
SEMANTIC_PREFIXES = (
    ('model.bert_proj.', 'bert_projection.'),
    ('model.ar_text_embedding.word_embeddings.', 'text_embedding.'),
    ('model.ar_audio_embedding.word_embeddings.', 'token_embedding.'),
    ('model.ar_text_position.alpha', 'text_position_scale'),
    ('model.ar_audio_position.alpha', 'token_position_scale'),
    ('model.ar_predict_layer.', 'output.'),
    ('model.h.layers.', 'layers.'),
)
# (official, ours) inside the name of a GPT layer.
SEMANTIC_INFIXES = (('.self_attn.in_proj_', '.qkv.'), ('.self_attn.out_proj.', '.out.'))
ACOUSTIC_PREFIXES = (
    ('quantizer.vq.layers.0._codebook.embed', 'quantizer.codebook'),
    ('ssl_proj.', 'ssl_projection.'),
    ('ref_enc.', 'style_encoder.'),
    ('sv_emb.', 'speaker_projection.'),
    ('prelu.', 'style_activation.'),
    ('ge_to512.', 'text_style_projection.'),
    ('enc_p.ssl_proj.', 'prior.token_projection.'),
    ('enc_p.encoder_ssl.', 'prior.token_encoder.'),
    ('enc_p.encoder_text.', 'prior.text_encoder.'),
    ('enc_p.encoder2.', 'prior.joint_encoder.'),
    ('enc_p.proj.', 'prior.projection.'),
    ('enc_p.', 'prior.'),
    ('enc_q.', 'posterior.'),
    ('dec.', 'decoder.'),
)
# Bookkeeping of the codebook's moving averages; inference reads `embed` only.
ACOUSTIC_IGNORED = re.compile(
    r'quantizer\.vq\.layers\.0\._codebook\.(embed_avg|cluster_size|inited)$'
)
POSTERIOR = re.compile(r'enc_q\.')

_FLOW = re.compile(r'^flow\.flows\.(\d+)\.')
_OUR_FLOW = re.compile(r'^flow\.layers\.(\d+)\.')


def semantic_from_official(name: str) -> str:
    """Return our name of an official GPT tensor."""
    for official, ours in SEMANTIC_INFIXES:
        name = name.replace(official, ours)
    return _replace_prefix(name, SEMANTIC_PREFIXES)


def semantic_to_official(name: str) -> str:
    """Return the official name of one of our GPT tensors."""
    for official, ours in SEMANTIC_INFIXES:
        name = name.replace(ours, official)
    return _replace_prefix(name, [(ours, official) for official, ours in SEMANTIC_PREFIXES])


def acoustic_from_official(name: str) -> str:
    """Return our name of an official SoVITS tensor."""
    # Official flows hold the reversals of the channels as layers of their own, at the odd numbers.
    name = _FLOW.sub(lambda match: f'flow.layers.{int(match[1]) // 2}.', name)
    return _replace_prefix(name, ACOUSTIC_PREFIXES)


def acoustic_to_official(name: str) -> str:
    """Return the official name of one of our SoVITS tensors."""
    name = _OUR_FLOW.sub(lambda match: f'flow.flows.{2 * int(match[1])}.', name)
    return _replace_prefix(name, [(ours, official) for official, ours in ACOUSTIC_PREFIXES])


def fold_weight_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Replace each pair weight_g, weight_v by the weight that it stands for: g * v / |v|.

    The norm runs over all axes but the first (for transposed convolutions that is the input axis).
    """
    folded = {}
    for name, tensor in tensors.items():
        if name.endswith('.weight_v'):
            base = name[: -len('_v')]
            gain = tensors.get(base + '_g')
            if gain is None:
                raise CheckpointError(f'{name} has no {base}_g beside it; the file is damaged')
            v = tensor.float()
            norm = v.flatten(1).norm(dim=1).view(-1, *[1] * (v.dim() - 1))
            folded[base] = gain.float() * v / norm
        elif not name.endswith('.weight_g'):
            folded[name] = tensor
    return folded


def split_weight_norm(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return a pair (g, v) that folds back to the weight: the norms of its rows, and itself."""
    norm = weight.float().flatten(1).norm(dim=1).view(-1, *[1] * (weight.dim() - 1))
    direction = weight.clone(memory_format=torch.contiguous_format)
    # A row of zeros has no direction, and 0 / 0 would be no number; any will do.
    return norm.to(weight.dtype), torch.where(norm > 0, direction, torch.ones_like(direction))


def has_weight_norm(official_name: str) -> bool:
    """Say whether official files store a weight-normalised pair here (gptsovits-spec 2.2)."""
    return (
        re.search(
            r'^(flow\.flows\.\d+\.enc|enc_q\.enc)\.(in_layers|res_skip_layers|cond_layer)\b.*weight$'
            r'|^dec\.(ups|resblocks)\..*weight$',
            official_name,
        )
        is not None
    )


def _replace_prefix(name: str, rules: Iterable[tuple[str, str]]) -> str:
    for old, new in rules:
        if name.startswith(old):
            return new + name[len(old) :]
    return name
