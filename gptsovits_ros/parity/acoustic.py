"""Cases s2_*: SoVITS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.audio.spectrogram import magnitude_spectrogram
from gptsovits_ros.checkpoint.detect import CheckpointKind
from gptsovits_ros.checkpoint.load import RUNNABLE_VERSIONS, acoustic_model
from gptsovits_ros.checkpoint.weights import ACOUSTIC, WeightFile
from gptsovits_ros.parity import recipe
from gptsovits_ros.parity.golden import Golden
from gptsovits_ros.parity.report import Row, todo
from gptsovits_ros.parity.upstream_streaming import decode_streaming

# (prefix of the quantity, speed) of the decodes without noise.
SPEEDS = (('s100', 1.0), ('s125', 1.25), ('s080', 0.8))
# Spread of the speaker embeddings that the goldens were made with.
SPEAKER_SPREAD = 1.5
# Channels that the goldens keep of the encoder taps.
TAPPED = 8


@torch.inference_mode()
def run(folder: Path) -> Iterator[Row]:
    """Yield a row per quantity of an s2 case; a case has the quantities that its arrays name."""
    golden = Golden(folder)
    if golden.meta['version'] not in RUNNABLE_VERSIONS:
        yield todo(golden.name, 'all', f'GPT-SoVITS {golden.meta["version"]}')
        return
    model = recipe_model(folder)
    styles = []
    for index, item in enumerate(golden.meta['ref_waves']):
        spectrogram = _spectrogram(golden, model, item)
        yield golden.latent(f'ref_enc_out_{index}', model.style_encoder(spectrogram)[0, :, 0])
        styles.append(model.style_embedding([spectrogram], _speakers(golden, model, index)))
        yield golden.latent(f'ge_{index}', styles[-1][0, :, 0])
    mean = torch.stack(styles).mean(0)
    yield golden.latent('ge_mean', mean[0, :, 0])
    text_style = model.text_style(styles[0])[0, :, 0]
    yield golden.latent('s100_ge512' if model.config.speaker_dim else 's100_ge_text', text_style)
    yield from _taps(golden, model, styles[0])
    for name, speed in SPEEDS:
        if f'{name}_audio' in golden:
            yield from _decode(golden, model, styles[0], name, speed, None)
    if len(styles) > 1:
        yield from _decode(golden, model, mean, 'tworef', 1.0, None)
    codes = golden.tensor('codes')
    shape = (1, model.config.inter_channels, model.latent_frames(len(codes)))
    noise = recipe.noise(golden.meta['seed'], 'zp', shape, 1.7)
    yield from _decode(golden, model, styles[0], 'noise', 1.0, noise)
    yield from _tokens(golden, model)
    if 'enc_q_m' in golden:
        yield from _posterior(golden, model, styles[0])
    yield from _streaming(golden, model, styles[0])


def recipe_model(folder: Path) -> Sovits:
    """Return the SoVITS model of a case folder, posterior encoder included."""
    golden = Golden(folder)
    settings = {
        'model': golden.meta['model_config'],
        'data': {
            key: golden.meta[key]
            for key in ('sampling_rate', 'filter_length', 'hop_length', 'win_length')
        },
    }
    version = golden.meta['version']
    kind = CheckpointKind('v1' if version == 'v1' else 'v2', version)
    tensors = recipe.weights(folder / golden.meta['recipe'])
    return acoustic_model(
        WeightFile(ACOUSTIC, kind, settings, '', tensors), golden.name, with_posterior=True
    )


def _spectrogram(golden: Golden, model: Sovits, item: dict[str, Any]) -> Tensor:
    """Return the spectrogram [1, bins, F] of a reference wave."""
    wave = recipe.synth_wave(golden.meta['seed'], item['name'], item['samples'], item['sr'])
    return magnitude_spectrogram(wave, model.config.spectrogram)[None]


def _speakers(golden: Golden, model: Sovits, index: int) -> list[Tensor]:
    """Return the speaker embedding of a reference, if the model takes one."""
    width = model.config.speaker_dim
    if not width:
        return []
    return [recipe.noise(golden.meta['seed'], f'sv{index}', (1, width), SPEAKER_SPREAD)]


def _taps(golden: Golden, model: Sovits, style: Tensor) -> Iterator[Row]:
    codes, ids = golden.tensor('codes')[None], golden.tensor('text')[None]
    yield golden.latent('quantized_25hz', model.quantizer.decode(codes)[0])
    prior = model.prior
    projected = prior.token_projection(model.quantized(codes))
    yield golden.latent('enc_p_ssl_proj', projected[0, :TAPPED])
    tokens = prior.token_encoder(projected)
    yield golden.latent('encoder_ssl_first8', tokens[0, :TAPPED])
    text = prior.text_encoder(prior.text_embedding(ids).transpose(1, 2))
    yield golden.latent('encoder_text_first8', text[0, :TAPPED])
    text_style = model.text_style(style)
    mixed = prior.mrte(tokens, None, text, None, text_style)
    yield golden.latent('mrte_first8', mixed[0, :TAPPED])
    latent = prior.joint_latent(model.quantized(codes), ids, text_style)
    yield golden.latent('s100_enc_p_latent', latent[0])


def _decode(
    golden: Golden, model: Sovits, style: Tensor, name: str, speed: float, noise: Tensor | None
) -> Iterator[Row]:
    codes, ids = golden.tensor('codes')[None], golden.tensor('text')[None]
    mean, log_std = model.prior_statistics(codes, ids, style, speed)
    yield golden.latent(f'{name}_m_p', mean[0])
    yield golden.latent(f'{name}_logs_p', log_std[0])
    z_p = mean if noise is None else mean + noise * log_std.exp() * 0.5
    yield golden.latent(f'{name}_z', model.flow.inverse(z_p, style)[0])
    wave = model.decode(codes, ids, style, speed=speed, noise=noise)
    yield golden.audio(f'{name}_audio', wave[0, 0])


def _tokens(golden: Golden, model: Sovits) -> Iterator[Row]:
    features = recipe.noise(golden.meta['seed'], 'ssl', (1, model.config.ssl_dim, 21), 1.7)
    yield golden.latent('ssl_proj_out', model.ssl_projection(features)[0])
    yield golden.equal(
        'ssl_codes', model.tokens_from_features(features)[0], golden.tensor('ssl_codes')
    )


def _posterior(golden: Golden, model: Sovits, style: Tensor) -> Iterator[Row]:
    mean, log_std = model.posterior(golden.tensor('ref0_spec')[None], style)
    yield golden.latent('enc_q_m', mean[0])
    yield golden.latent('enc_q_logs', log_std[0])
    yield golden.latent('flow_forward_z_p', model.flow(golden.tensor('enc_q_z')[None], style)[0])


def _streaming(golden: Golden, model: Sovits, style: Tensor) -> Iterator[Row]:
    codes, ids = golden.tensor('codes')[None], golden.tensor('text')[None]
    plan = golden.meta['stream']
    wave, latent = decode_streaming(
        model, codes[:, : plan['chunk1_codes']], ids, style, result_codes=plan['chunk1_codes']
    )
    yield golden.audio('stream_chunk1_audio', wave[0, 0])
    tail = latent[:, :, -plan['overlap_latent_frames'] :]
    yield golden.latent('stream_latent1_tail', tail[0])
    wave, latent = decode_streaming(
        model, codes, ids, style, result_codes=plan['chunk2_result_length_codes'], overlap=tail
    )
    if 'stream_latent2' in golden:
        yield golden.latent('stream_latent2', latent[0])
    yield golden.audio('stream_chunk2_audio', wave[0, 0])
