"""Cases t2s_*: the GPT."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gptsovits_ros.checkpoint.keymap import semantic_to_official
from gptsovits_ros.checkpoint.load import semantic_model
from gptsovits_ros.checkpoint.weights import read_weights
from gptsovits_ros.parity.golden import Golden, max_error
from gptsovits_ros.parity.report import Row, compared
from gptsovits_ros.parity.upstream_streaming import MUTE_CODE, fixed_chunks, mute_chunks
from gptsovits_ros.semantic.generate import generate, generate_batch
from gptsovits_ros.semantic.kv_cache import KVCache
from gptsovits_ros.semantic.losses import preference_loss, sequence_log_probability, token_loss
from gptsovits_ros.semantic.model import Text2Semantic, prefix_mask
from gptsovits_ros.semantic.sampling import choose, penalize_repetition, probabilities
from gptsovits_ros.types import SamplingParameters

GREEDY = SamplingParameters(top_k=1)
PROBABILITY_TOLERANCE = 1e-6
LOSS_TOLERANCE = 1e-4
GRADIENT_TOLERANCE = 1e-3


def run(folder: Path) -> Iterator[Row]:
    """Yield a row per quantity of a t2s case."""
    golden = Golden(folder)
    path = folder / 'model.ckpt'
    model = semantic_model(read_weights(path), path.name)
    yield from _forward(golden, model)
    yield from _greedy(golden, model)
    yield from _streaming(golden, model)
    yield from _sampling(golden)
    yield from _training(golden, model)


@torch.inference_mode()
def _forward(golden: Golden, model: Text2Semantic) -> Iterator[Row]:
    ids, bert, prompt = golden.tensor('phones'), golden.tensor('bert'), golden.tensor('prompt')
    xy = torch.cat(
        [model.embed_text(ids[None], bert[None]), model.embed_tokens(prompt[None])], dim=1
    )
    yield golden.latent('xy_in', xy[0])
    cache = KVCache(model.config, 1, xy.shape[1])
    hidden = model.hidden_states(xy, prefix_mask(len(ids), len(prompt), 'cpu'), cache)
    yield golden.latent('hidden_last_layer', hidden[0])
    yield golden.latent('k_cache_layer0', cache.keys[0, 0].transpose(0, 1).flatten(1))
    yield golden.latent(
        'logits_teacher_forced', model.teacher_forced(ids[None], bert[None], prompt[None])[0]
    )


@torch.inference_mode()
def _greedy(golden: Golden, model: Text2Semantic) -> Iterator[Row]:
    ids, bert, prompt = golden.tensor('phones'), golden.tensor('bert'), golden.tensor('prompt')
    first = golden.meta['prompt_phones']
    rng = torch.Generator()
    tokens = list(generate(model, ids, bert, prompt, GREEDY, rng))
    yield golden.equal('greedy_prompt_semantic', tokens, golden.tensor('greedy_prompt_semantic'))
    tokens = list(generate(model, ids[first:], bert[:, first:], prompt[:0], GREEDY, rng))
    yield golden.equal('greedy_noprompt_y', tokens, golden.tensor('greedy_noprompt_y'))
    limit = golden.meta['earlystop8_generated']
    tokens = list(generate(model, ids, bert, prompt, GREEDY, rng, max_tokens=limit))
    yield golden.equal('earlystop8_y', tokens, golden.tensor('earlystop8_y')[len(prompt) :])
    texts = [
        (ids[: first + length], bert[:, : first + length])
        for length in golden.meta['batch_text_lens']
    ]
    for row, tokens in enumerate(generate_batch(model, texts, prompt, GREEDY, rng)):
        yield golden.equal(f'batch_semantic_{row}', tokens, golden.tensor(f'batch_semantic_{row}'))


@torch.inference_mode()
def _streaming(golden: Golden, model: Text2Semantic) -> Iterator[Row]:
    table = model.token_embedding.weight
    similarity = F.cosine_similarity(table[MUTE_CODE][None], table)
    yield golden.latent('mute_sim', similarity)
    tokens = golden.tensor('greedy_prompt_semantic').tolist()
    for name, chunks in (
        ('stream_fixed16', fixed_chunks(tokens, 16)),
        ('stream_mute8_thr0', mute_chunks(tokens, 8, similarity.tolist())),
    ):
        found = [[chunk, last] for chunk, last in chunks]
        yield compared(
            golden.name, name, float(found != golden.meta[name]), 0, 'chunks as a whole'
        )


@torch.inference_mode()
def _sampling(golden: Golden) -> Iterator[Row]:
    logits, previous = golden.tensor('samp_logits'), golden.tensor('samp_prev')
    seen = torch.zeros(logits.shape, dtype=torch.bool).scatter(1, previous, True)
    for index, parameters in enumerate(golden.meta['samp_params']):
        sampling = SamplingParameters(**parameters)
        penalized = penalize_repetition(logits, seen, sampling.repetition_penalty)
        probs = probabilities(penalized, sampling)
        error = max_error(probs, golden.tensor(f'samp_probs_{index}'))
        yield compared(golden.name, f'samp_probs_{index}', error, PROBABILITY_TOLERANCE)
        if index == 0:
            yield golden.latent('samp_logits_after_inplace_penalty', penalized)
            yield golden.equal(
                'samp_choice_0',
                choose(probs, golden.tensor('samp_q')),
                golden.tensor('samp_choice_0'),
            )


def _training(golden: Golden, model: Text2Semantic) -> Iterator[Row]:
    model.requires_grad_(True)
    ids, bert = golden.tensor('train_phones'), golden.tensor('train_bert')
    eos = model.config.eos
    tokens = golden.tensor('train_y')
    logits = model.teacher_forced(ids, bert, tokens)
    loss = token_loss(logits, tokens, eos)
    yield _relative(golden, 'train_equal_len.loss', loss, golden.meta['train_equal_len']['loss'])
    yield _gradients(golden, model, 'train_equal_len', loss)

    lengths = torch.tensor(golden.meta['train_ragged_y']['y_lens'])
    padded = golden.tensor('train_y_ragged').clone()
    padded[torch.arange(padded.shape[1]) >= lengths[:, None]] = eos
    ragged = token_loss(model.teacher_forced(ids, bert, padded, lengths), padded, eos)
    yield _relative(golden, 'train_ragged_y.loss', ragged, golden.meta['train_ragged_y']['loss'])
    yield _gradients(golden, model, 'train_ragged_y', ragged)

    rejected = golden.tensor('dpo_reject_y')
    preference = preference_loss(
        sequence_log_probability(logits, tokens, eos),
        sequence_log_probability(model.teacher_forced(ids, bert, rejected), rejected, eos),
    )
    yield _relative(golden, 'train_dpo.loss', loss + preference, golden.meta['train_dpo']['loss'])


def _gradients(golden: Golden, model: Text2Semantic, name: str, loss: Tensor) -> Row:
    """Compare the gradient norm of every parameter; the row has the largest relative error."""
    parameters = dict(model.named_parameters())
    gradients = torch.autograd.grad(loss, list(parameters.values()), retain_graph=True)
    norms = {
        semantic_to_official(key).removeprefix('model.'): gradient.norm().item()
        for key, gradient in zip(parameters, gradients, strict=True)
    }
    wanted = golden.meta[name]['grad_norms']
    error = max(abs(norms[key] - value) / value for key, value in wanted.items())
    return compared(
        golden.name, f'{name}.grad_norms', error, GRADIENT_TOLERANCE, f'{len(wanted)} norms'
    )


def _relative(golden: Golden, quantity: str, found: Tensor, wanted: float) -> Row:
    return compared(
        golden.name, quantity, abs(found.item() - wanted) / wanted, LOSS_TOLERANCE, 'relative'
    )
