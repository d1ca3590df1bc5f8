"""Cases s2_v3, s2_v4 and v3v4_cfm: features, flow matching, vocoders and the chunk loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gptsovits_ros.acoustic.bigvgan import BigVgan
from gptsovits_ros.acoustic.cfm import flow_mel
from gptsovits_ros.acoustic.cfm_acoustic import CfmAcoustic
from gptsovits_ros.acoustic.cfm_config import BigVganConfig, DitConfig, MelHifiGanConfig
from gptsovits_ros.acoustic.chunked_cfm import CfmSampling, Reference
from gptsovits_ros.acoustic.dit import Dit
from gptsovits_ros.acoustic.mel_hifigan import MelHifiGan
from gptsovits_ros.audio.join import join_aligned
from gptsovits_ros.audio.resample import resample
from gptsovits_ros.audio.spectrogram import MelConfig, magnitude_spectrogram, mel_spectrogram
from gptsovits_ros.checkpoint import cfm_keymap
from gptsovits_ros.checkpoint.detect import CheckpointKind
from gptsovits_ros.checkpoint.load import fill
from gptsovits_ros.checkpoint.load_cfm import cfm_model
from gptsovits_ros.checkpoint.weights import ACOUSTIC, WeightFile
from gptsovits_ros.parity import recipe
from gptsovits_ros.parity.golden import Golden
from gptsovits_ros.parity.report import Row, compared
from gptsovits_ros.training.cfm_losses import FlowBatch, flow_loss

# (quantity, speed) of the features.
SPEEDS = (('s100', 1.0), ('s125', 1.25), ('s90', 0.9))
# Channels of the features that the goldens keep.
KEPT_CHANNELS = 64
# The stand-in transformer and the width of the stand-in vocoders; meta.json has them in words.
STANDIN_DIT = {'dim': 64, 'n_layers': 1, 'n_heads': 1, 'text_layers': 1}
STANDIN_WIDTH = 64
# The second segment of the batch is the first without its last tokens.
SECOND_LACKS = 4
# Where and how far the single evaluation of the transformer looks.
SINGLE_TIME, SINGLE_STEP = 0.37, 0.125
# (quantity, steps, guidance) of the mels.
MELS = (
    ('cfg0_steps1', 1, 0.0),
    ('cfg0_steps4', 4, 0.0),
    ('cfg0_steps8', 8, 0.0),
    ('cfg05_steps4', 4, 0.5),
)
# Lengths of the steps of the two mels in the loss of the shortcut.
SHORTCUT_STEPS = (2.0**-3, 2.0**-5)
LOSS_TOLERANCE = 1e-4
# Upstream's name of a size in meta.json -> ours.
DIT_NAMES = {
    'dim': 'dim',
    'depth': 'n_layers',
    'heads': 'n_heads',
    'dim_head': 'head_dim',
    'ff_mult': 'ff_mult',
    'mel_dim': 'mel_bands',
    'text_dim': 'text_dim',
    'conv_layers': 'text_layers',
}


@torch.inference_mode()
def run(folder: Path) -> Iterator[Row]:
    """Yield a row per quantity."""
    golden = Golden(folder)
    if golden.name.startswith('s2_'):
        yield from _acoustic(golden)
    else:
        yield from _flow_matching(golden)


def _acoustic(golden: Golden) -> Iterator[Row]:
    """Compare the whole way from tokens to audio."""
    model = recipe_model(golden)
    mel = golden.tensor('vocoder_in')[None]
    yield golden.audio('vocoder_out', model.vocoder(mel)[0, 0])
    seed, config = golden.meta['seed'], model.config
    name, count, _ = golden.meta['ref_wave']
    spectrogram = magnitude_spectrogram(
        recipe.synth_wave(seed, name, count, config.spectrogram.sample_rate), config.spectrogram
    )[None]
    style = model.features.style_embedding([spectrogram])
    yield golden.latent('ge', style[0, :, 0])
    codes, ids = golden.tensor('codes')[None], golden.tensor('text')[None]
    for quantity, speed in SPEEDS:
        found = model.features(codes, ids, style, speed)
        frames = golden.meta[f'fea_frames_{quantity}']
        yield golden.equal(f'fea_frames_{quantity}', found.shape[-1], frames)
        yield golden.latent(f'fea_{quantity}', found[0, :KEPT_CHANNELS])
    reference = model.reference(
        golden.tensor('prompt_codes')[None],
        golden.tensor('prompt_text')[None],
        [spectrogram],
        _reference_mel(golden, model),
    )
    yield from _pipeline(golden, model, reference)


def _pipeline(golden: Golden, model: CfmAcoustic, reference: Reference) -> Iterator[Row]:
    """Compare both chunk loops; their noise is zero."""
    codes, ids = golden.tensor('codes')[None], golden.tensor('text')[None]
    sampling = CfmSampling(
        torch.zeros, golden.meta['pipeline']['sample_steps'], golden.meta['pipeline']['cfg']
    )
    wave = model.waveform(codes, ids, reference, sampling)
    yield golden.equal('pipeline_seq_len', len(wave), golden.meta['pipeline_seq_len'])
    yield golden.audio('pipeline_seq_audio', wave)
    segments = [(codes, ids), (codes[:, :-SECOND_LACKS], ids)]
    waves = model.waveforms(segments, reference, sampling, joined)
    for index, wave in enumerate(waves):
        yield golden.audio(f'pipeline_batched_{index}', wave)


def joined(pieces: Sequence[Tensor], overlap: int) -> Tensor:
    """Join pieces as the official implementation does."""
    return torch.from_numpy(join_aligned([piece.numpy() for piece in pieces], overlap))


def recipe_model(golden: Golden) -> CfmAcoustic:
    """Return the model of a case s2_v3 or s2_v4."""
    version, plan = golden.meta['version'], golden.meta['pipeline']
    settings = {
        'model': {
            'reference_frames': plan['T_ref'],
            'chunk_frames': plan['T_chunk'],
            'overlap_frames': plan['overlapped_len'],
            'dit': STANDIN_DIT,
        }
    }
    tensors = recipe.weights(golden.folder / 'recipe.json')
    weights = WeightFile(ACOUSTIC, CheckpointKind('v2', version), settings, '', tensors)
    vocoder = (
        BigVgan(BigVganConfig(upsample_initial_channel=STANDIN_WIDTH))
        if version == 'v3'
        else MelHifiGan(MelHifiGanConfig(upsample_initial_channel=STANDIN_WIDTH))
    )
    our_name = cfm_keymap.bigvgan_from_official if version == 'v3' else str
    stored = recipe.weights(golden.folder / 'vocoder_recipe.json')
    fill(
        vocoder,
        {our_name(key): value for key, value in stored.items()},
        golden.name,
        str,
    )
    return CfmAcoustic(cfm_model(weights, golden.name), vocoder)


def _reference_mel(golden: Golden, model: CfmAcoustic) -> Tensor:
    name, count, rate = golden.meta['raw_wave']
    wave = recipe.synth_wave(golden.meta['seed'], name, count, rate)
    frames = model.config.mel
    mel = MelConfig(frames, model.config.dit.mel_bands, 0.0, frames.sample_rate / 2)
    return mel_spectrogram(resample(wave, rate, frames.sample_rate), mel)[None]


def _flow_matching(golden: Golden) -> Iterator[Row]:
    """Compare a small transformer by itself, and the mels that it draws."""
    dit = recipe_dit(golden)
    seed, frames, known = golden.meta['seed'], golden.meta['frames'], golden.meta['prompt_frames']
    bands = dit.config.mel_bands
    features = recipe.noise(seed, 'mu', (1, frames, dit.config.text_dim), 1.5).transpose(1, 2)
    reference = recipe.noise(seed, 'prompt', (1, bands, known), 1.0)
    noise = recipe.noise(seed, 'x0', (1, bands, frames), 1.7)
    yield from _single_evaluation(golden, dit, features, reference, noise)
    for quantity, steps, guidance in MELS:
        mel = flow_mel(dit, features, reference, noise, steps=steps, guidance=guidance)
        yield golden.latent(quantity, mel[0])
    yield from _losses(golden, dit)


def _single_evaluation(
    golden: Golden, dit: Dit, features: Tensor, reference: Tensor, noise: Tensor
) -> Iterator[Row]:
    known = reference.shape[-1]
    x, prompt = noise.transpose(1, 2).clone(), torch.zeros_like(noise).transpose(1, 2)
    x[:, :known], prompt[:, :known] = 0, reference.transpose(1, 2)
    time, step = torch.tensor([SINGLE_TIME]), dit.embed_step(torch.tensor([SINGLE_STEP]))
    text = dit.embed_text(features.transpose(1, 2))
    taps = {'text_embed': text, 'd_embed': step, 'time_embed': dit.time_embedding(time)}
    taps['input_embed'] = h = dit.input_embedding(x, prompt, text)
    moment = F.silu(taps['time_embed'] + step)[:, None]
    taps['block0'] = dit.blocks[0](h, moment, dit.rotary(h.shape[1]), None)
    taps['v_t037_d0125'] = dit(x, prompt, text, time, step)
    for quantity, found in taps.items():
        yield golden.latent(quantity, found[0])


def _losses(golden: Golden, dit: Dit) -> Iterator[Row]:
    seed, frames, known = golden.meta['seed'], golden.meta['frames'], golden.meta['prompt_frames']
    bands, width = dit.config.mel_bands, dit.config.text_dim
    batch = FlowBatch(
        recipe.noise(seed, 'x1', (2, bands, frames), 1.0).transpose(1, 2),
        recipe.noise(seed, 'x0b', (2, bands, frames), 1.7).transpose(1, 2),
        recipe.noise(seed, 'mu2', (2, width, frames), 1.5).transpose(1, 2),
        torch.from_numpy(recipe.uniform(seed, 'tt', 2)).float(),
        torch.tensor([frames, frames - 3]),
        torch.tensor([known, known // 2]),
    )
    wanted = golden.meta['train']
    for quantity, steps in (('loss_plain', None), ('loss_bootstrap_base_3_5', SHORTCUT_STEPS)):
        found = flow_loss(dit, batch, None if steps is None else torch.tensor(steps)).item()
        error = abs(found - wanted[quantity]) / wanted[quantity]
        yield compared(golden.name, quantity, error, LOSS_TOLERANCE, 'relative')


def recipe_dit(golden: Golden) -> Dit:
    """Return the transformer of the case v3v4_cfm."""
    sizes = {ours: golden.meta['dit'][theirs] for theirs, ours in DIT_NAMES.items()}
    stored = recipe.weights(golden.folder / 'recipe.json')
    tensors = {
        cfm_keymap.cfm_from_official(f'cfm.{name}').removeprefix('dit.'): value
        for name, value in stored.items()
    }
    return fill(Dit(DitConfig(**sizes)), tensors, golden.name, str)
