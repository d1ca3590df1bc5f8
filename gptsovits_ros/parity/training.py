"""Cases train_s2_v2 and scaled_adam: one step of SoVITS training, and the optimizer of the GPT."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gptsovits_ros.acoustic.config import OFFICIAL_CONFIGS, SovitsConfig
from gptsovits_ros.acoustic.sovits import Sovits, TrainingOutput, slices
from gptsovits_ros.acoustic.text_encoder import sequence_mask
from gptsovits_ros.audio.spectrogram import (
    MelConfig,
    magnitude_spectrogram,
    mel_from_magnitude,
    mel_spectrogram,
)
from gptsovits_ros.checkpoint import keymap
from gptsovits_ros.checkpoint.detect import CheckpointKind
from gptsovits_ros.checkpoint.load import RUNNABLE_VERSIONS, acoustic_model
from gptsovits_ros.checkpoint.settings import PRO_VERSIONS, acoustic_settings
from gptsovits_ros.checkpoint.weight_norm import (
    acoustic_has_weight_norm,
    apply_weight_norm,
    every_weight,
    load_pairs,
    pair_name,
)
from gptsovits_ros.checkpoint.weights import ACOUSTIC, WeightFile
from gptsovits_ros.parity import recipe
from gptsovits_ros.parity.golden import Golden, max_error
from gptsovits_ros.parity.report import Row, compared, todo
from gptsovits_ros.training.acoustic_losses import (
    adversarial_losses,
    divergence_loss,
    feature_loss,
    judged_losses,
    mel_loss,
)
from gptsovits_ros.training.discriminators import Discriminators
from gptsovits_ros.training.scaled_adam import ScaledAdam
from gptsovits_ros.training.settings import DiscriminatorSettings

LOSS_TOLERANCE = 1e-4
GRADIENT_TOLERANCE = 1e-3
# Gradients of keys' biases are zero but for rounding: a softmax ignores a shift of its scores.
NEGLIGIBLE = 1e-6
OPTIMIZER_TOLERANCE = 1e-6
MEL_WEIGHT, FEATURE_WEIGHT = 45.0, 2.0
MEL_BANDS = 128
# Of the uniform noise that the goldens use as input.
SPREAD = 1.7
SPEAKER_SPREAD = 1.5
# Periods of the official discriminators (gptsovits-spec section 2.3).
PERIODS, PRO_PERIODS = (2, 3, 5, 7, 11), (2, 3, 5, 7, 11, 17, 23)
# How much of latents and mels the goldens keep.
KEPT_CHANNELS, KEPT_FRAMES = 16, 8


def run(folder: Path) -> Iterator[Row]:
    """Yield a row per quantity of a training case."""
    golden = Golden(folder)
    if golden.name == 'scaled_adam':
        yield from _scaled_adam(golden)
    elif golden.meta['version'] in RUNNABLE_VERSIONS:
        yield from _acoustic_step(golden)
    else:
        yield todo(golden.name, 'all', f'GPT-SoVITS {golden.meta["version"]}')


def _scaled_adam(golden: Golden) -> Iterator[Row]:
    meta = golden.meta
    parameters = {name: nn.Parameter(golden.tensor(f'init_{name}')) for name in meta['shapes']}
    optimizer = ScaledAdam(
        parameters.values(), clipping_update_period=meta['clipping_update_period']
    )
    for step in range(meta['steps']):
        # "0.01 for steps 0-2 then 0.002"; step 17 has a gradient that is to be clipped.
        optimizer.param_groups[0]['lr'] = 0.01 if step <= 2 else 0.002
        for name, parameter in parameters.items():
            noise = recipe.noise(meta['seed'], f'g{step}{name}', tuple(parameter.shape), 1.0)
            parameter.grad = noise * 8 if step == 17 else noise
        optimizer.step()
        if f'step{step}_s' in golden:
            error = max(
                max_error(parameter.detach(), golden.tensor(f'step{step}_{name}'))
                for name, parameter in parameters.items()
            )
            note = f'{len(parameters)} tensors'
            yield compared(golden.name, f'step{step}', error, OPTIMIZER_TOLERANCE, note)


def _acoustic_step(golden: Golden) -> Iterator[Row]:
    model, discriminators = _generator(golden), _discriminators(golden)
    mel_config = MelConfig(model.config.spectrogram, MEL_BANDS, 0.0, model.config.sample_rate / 2)
    frames, hop = golden.meta['segment_frames'], model.config.samples_per_frame
    starts = torch.tensor(golden.meta['slice_ids'])
    waves, magnitude, mask = _inputs(golden, model.config)
    output = _forward(golden, model, magnitude, mask, starts)
    real_magnitude = slices(magnitude, starts, frames)
    yield from _latents(golden, output, mask)
    real_mel = mel_from_magnitude(real_magnitude, mel_config)
    mel = mel_spectrogram(output.wave[:, 0], mel_config)
    yield golden.latent('y_mel', real_mel[:, :, :KEPT_FRAMES])
    yield golden.latent('y_hat_mel', mel[:, :, :KEPT_FRAMES])

    real_maps = discriminators(slices(waves, starts * hop, frames * hop))
    fake_maps = discriminators(output.wave)
    on_real, on_fake = judged_losses(real_maps, fake_maps)
    losses = {
        'disc_real': torch.stack(on_real),
        'disc_fake': torch.stack(on_fake),
        'disc': sum(on_real) + sum(on_fake),
        'gen': sum(adversarial_losses(fake_maps)),
        'fm': FEATURE_WEIGHT * feature_loss(real_maps, fake_maps),
        'mel': MEL_WEIGHT * mel_loss(output.wave, real_magnitude, mel_config),
        'kl': divergence_loss(output, mask),
    }
    losses['total'] = losses['gen'] + losses['fm'] + losses['mel'] + losses['kl']
    for name, found in losses.items():
        wanted = torch.tensor(golden.meta['losses'][name])
        error = ((found.detach() - wanted).abs() / wanted.abs()).max().item()
        yield compared(golden.name, f'loss {name}', error, LOSS_TOLERANCE, 'relative')

    losses['disc'].backward(inputs=list(discriminators.parameters()), retain_graph=True)
    yield _gradients(golden, discriminators, 'grad_norm_D', lambda name: name)
    losses['total'].backward(inputs=[p for p in model.parameters() if p.requires_grad])
    yield _gradients(golden, model, 'grad_norm_G', keymap.acoustic_to_official)


def _generator(golden: Golden) -> Sovits:
    """Return the model as it is trained, with the stored pairs of weight norm."""
    tensors = recipe.weights(golden.folder / 'G_recipe.json')
    config = OFFICIAL_CONFIGS[golden.meta['version']]
    kind = CheckpointKind(config.symbols, config.version)
    weights = WeightFile(ACOUSTIC, kind, acoustic_settings(config), '', tensors)
    model = acoustic_model(weights, golden.name, with_posterior=True).requires_grad_(True)
    model.ssl_projection.requires_grad_(False)
    apply_weight_norm(model, acoustic_has_weight_norm)
    load_pairs(
        model, {keymap.acoustic_from_official(name): value for name, value in tensors.items()}
    )
    return model


def _discriminators(golden: Golden) -> Discriminators:
    tensors = recipe.weights(golden.folder / 'D_recipe.json')
    periods = PRO_PERIODS if golden.meta['version'] in PRO_VERSIONS else PERIODS
    model = Discriminators(DiscriminatorSettings(periods))
    apply_weight_norm(model, every_weight)
    model.load_state_dict({name: tensors[pair_name(name)].float() for name in model.state_dict()})
    return model


def _inputs(golden: Golden, config: SovitsConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Return waves [B, 1, T], magnitudes [B, bins, F], mask [B, 1, F], padded as upstream does."""
    seed, frames = golden.meta['seed'], golden.meta['frames']
    padded, hop = 2 * (max(frames) // 2 + 1), config.samples_per_frame
    waves = torch.zeros(len(frames), 1, padded * hop)
    magnitude = torch.zeros(len(frames), config.spectrogram.bins, padded)
    for row, count in enumerate(frames):
        wave = recipe.synth_wave(seed, f'w{row}', count * hop, config.sample_rate)
        waves[row, 0, : count * hop] = wave
        magnitude[row, :, :count] = magnitude_spectrogram(wave, config.spectrogram)
    return waves, magnitude, sequence_mask(torch.tensor(frames), padded)


def _forward(
    golden: Golden, model: Sovits, magnitude: Tensor, mask: Tensor, starts: Tensor
) -> TrainingOutput:
    seed, config, meta = golden.meta['seed'], model.config, golden.meta
    rows, padded = len(starts), mask.shape[-1]
    features = torch.zeros(rows, config.ssl_dim, padded)
    ids = torch.zeros(rows, max(meta['text_lens']), dtype=torch.int64)
    for row, (frames, count) in enumerate(zip(meta['frames'], meta['text_lens'], strict=True)):
        features[row, :, :frames] = recipe.noise(
            seed, f'ssl{row}', (config.ssl_dim, frames), SPREAD
        )
        numbers = np.floor(recipe.uniform(seed, f't{row}', count) * config.phoneme_vocab_size)
        ids[row, :count] = torch.from_numpy(numbers.astype(np.int64))
    speakers = None
    if config.speaker_dim:
        speakers = recipe.noise(seed, 'sv', (rows, config.speaker_dim), SPEAKER_SPREAD)
    return model.training_forward(
        model.tokens_from_features(features),
        ids,
        magnitude,
        model.style(magnitude, speakers, mask),
        mask,
        sequence_mask(torch.tensor(meta['text_lens']), ids.shape[1]),
        recipe.noise(seed, 'post', (rows, config.inter_channels, padded), SPREAD),
        starts,
        meta['segment_frames'],
    )


def _latents(golden: Golden, output: TrainingOutput, mask: Tensor) -> Iterator[Row]:
    yield golden.equal('mask', mask, golden.tensor('mask'))
    yield golden.audio('y_hat', output.wave[:, 0].detach())
    for name, found in (
        ('z_p', output.prior_latent),
        ('m_p', output.prior_mean),
        ('logs_p', output.prior_log_std),
        ('m_q', output.posterior_mean),
        ('logs_q', output.posterior_log_std),
    ):
        yield golden.latent(name, found[:, :KEPT_CHANNELS].detach())


def _gradients(golden: Golden, model: nn.Module, key: str, official: Callable[[str], str]) -> Row:
    """Compare the norm of every gradient; the row has the largest relative error."""
    wanted = golden.meta[key]
    found = {
        official(pair_name(name)): None if p.grad is None else p.grad.norm().item()
        for name, p in model.named_parameters()
    }
    largest = max(value for value in wanted.values() if value is not None)
    worst, where = 0.0, ''
    for name, value in wanted.items():
        if (value is None) != (found[name] is None):
            worst, where = float('inf'), name
        elif value is not None and value > NEGLIGIBLE * largest:
            error = abs(found[name] - value) / value
            worst, where = max((worst, where), (error, name))
    note = f'{len(wanted)} norms, worst {where}'
    return compared(golden.name, key, worst, GRADIENT_TOLERANCE, note)
