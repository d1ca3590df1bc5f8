"""SoVITS in two parts: each moves its own weights only, and both together are one model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gptsovits_ros.acoustic.sovits import slices
from gptsovits_ros.checkpoint.load import load_acoustic
from gptsovits_ros.checkpoint.weights import read_weights
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.training.__main__ import main
from gptsovits_ros.training.acoustic_parts import (
    autoencode,
    averaged_acoustic,
    is_moved,
    posterior_context,
    reconstruct,
)
from gptsovits_ros.training.export import export
from gptsovits_ros.training.prior_latents import PriorLatents
from gptsovits_ros.training.state import save_state

AUTOENCODER = {'parts': 'autoencoder'}


def saved(trainer, folder: Path, step: int = 6) -> Path:
    """Save a trainer as the loop does."""
    folder.mkdir()
    state = {'role': 'acoustic', 'settings': trainer.plain, 'step': step}
    save_state(folder, state | {'trainer': trainer.state()})
    return folder


def moved(trainer, before: dict[str, torch.Tensor]) -> list[str]:
    """Return the names of the tensors of the generator that are not what they were."""
    return [
        name
        for name, value in trainer.state()['model'].items()
        if not torch.equal(value, before[name])
    ]


def weights(trainer) -> dict[str, torch.Tensor]:
    """Return a copy of the generator's tensors."""
    return {name: value.clone() for name, value in trainer.state()['model'].items()}


def test_autoencoder_moves_posterior_and_decoder_only(make_trainer, run_steps):
    trainer = make_trainer('acoustic', AUTOENCODER)
    before = weights(trainer)
    run_steps(trainer, 6)
    names = moved(trainer, before)
    assert {name.split('.')[0] for name in names} == {'posterior', 'decoder'}


def test_autoencoder_learns(make_trainer, run_steps):
    losses = [step['mel'] for step in run_steps(make_trainer('acoustic', AUTOENCODER), 30)]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_posterior_stays_once_it_is_fixed(make_trainer, run_steps):
    trainer = make_trainer('acoustic', AUTOENCODER | {'posterior_until': 0})
    before = weights(trainer)
    run_steps(trainer, 6)
    assert {name.split('.')[0] for name in moved(trainer, before)} == {'decoder'}


def test_autoencoder_is_deaf_to_the_style(make_trainer, run_steps):
    trainer = make_trainer('acoustic', AUTOENCODER)
    run_steps(trainer, 6)
    model = averaged_acoustic(trainer._settings, trainer.state()['average'], with_posterior=True)
    latent = torch.randn(1, 8, 10, generator=torch.Generator().manual_seed(0))
    style = torch.randn(1, 16, 1, generator=torch.Generator().manual_seed(1))
    silent = torch.zeros_like(style)
    assert torch.equal(model.decoder(latent, style), model.decoder(latent, silent))
    spectrogram = torch.rand(1, 321, 10)
    wanted, found = model.posterior(spectrogram, silent), model.posterior(spectrogram, style)
    assert all(map(torch.equal, wanted, found))


def test_slice_of_a_latent_is_that_of_the_whole(make_trainer):
    """With its context the posterior sees as much in a slice as in the whole utterance."""
    trainer = make_trainer('acoustic', AUTOENCODER)
    settings, model = trainer._settings, trainer._model.eval()
    batch = trainer._collator.batch(trainer.batches(0, 0).next())
    style = torch.zeros(len(batch.mask), 16, 1)
    whole, _ = model.posterior(batch.spectrogram, style, batch.mask)
    context = posterior_context(settings)
    start, end = context + 2, whole.shape[2] - context - 2
    part, _ = model.posterior(
        batch.spectrogram[..., start - context : end + context],
        style,
        batch.mask[..., start - context : end + context],
    )
    torch.testing.assert_close(part[..., context:-context], whole[..., start:end])


def test_prior_learns_and_leaves_the_autoencoder_as_it_was(make_trainer, run_steps, tmp_path):
    first = make_trainer('acoustic', AUTOENCODER)
    run_steps(first, 6)
    run = saved(first, tmp_path / 'autoencoder')
    trainer = make_trainer('acoustic', {'parts': 'prior', 'start_run': str(run)})
    before = weights(trainer)
    for name, value in first.state()['model'].items():
        assert torch.equal(before[name], value), name
    losses = [step['kl'] for step in run_steps(trainer, 30)]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    names = moved(trainer, before)
    assert names and all(is_moved(name, 'prior') for name in names)
    assert {'prior', 'flow', 'style_encoder'} <= {name.split('.')[0] for name in names}


def test_export_joins_both_parts(make_trainer, run_steps, tmp_path):
    decoder = make_trainer('acoustic', AUTOENCODER)
    run_steps(decoder, 6)
    decoder_run = saved(decoder, tmp_path / 'autoencoder')
    prior = make_trainer('acoustic', {'parts': 'prior', 'start_run': str(decoder_run)})
    run_steps(prior, 6)
    prior_run = saved(prior, tmp_path / 'prior')
    run_steps(decoder, 6)
    decoder_run = saved(decoder, tmp_path / 'later', 12)
    path = export(prior_run, tmp_path / 'voice', False, decoder_run, with_posterior=True)
    joined = load_acoustic(path, with_posterior=True).state_dict()
    for name, value in joined.items():
        owner = decoder if is_moved(name, 'autoencoder') else prior
        wanted = owner.state()['average'][name]
        torch.testing.assert_close(value, wanted, atol=2e-3, rtol=2e-3, msg=name)


def test_the_command_hands_all_of_its_options_on(make_trainer, tmp_path):
    decoder = saved(make_trainer('acoustic', AUTOENCODER), tmp_path / 'autoencoder')
    changes = {'parts': 'prior', 'start_run': str(decoder)}
    prior = saved(make_trainer('acoustic', changes), tmp_path / 'prior')
    out = tmp_path / 'voice'
    options = ['--decoder', str(decoder), '--with-posterior', '--prior-scale', '0.5', '--packed']
    assert main(['export', str(prior), str(out), *options]) == 0
    said = read_weights(out / 'acoustic.safetensors').tensors
    wanted = read_weights(export(prior, tmp_path / 'same', True, decoder, True, 0.5)).tensors
    assert said.keys() == wanted.keys()
    assert all(torch.equal(said[name], wanted[name]) for name in said)


def test_export_of_runs_of_other_sizes_is_refused(make_trainer, tmp_path):
    prior = saved(make_trainer('acoustic'), tmp_path / 'prior')
    wider = make_trainer('acoustic', AUTOENCODER | {'model': {'filter_channels': 32}})
    with pytest.raises(ConfigurationError, match='different sizes'):
        export(prior, tmp_path / 'voice', False, saved(wider, tmp_path / 'wider'))


def test_start_run_of_other_sizes_is_refused(make_trainer, tmp_path):
    run = saved(make_trainer('acoustic', AUTOENCODER), tmp_path / 'autoencoder')
    changes = {'parts': 'prior', 'start_run': str(run), 'model': {'filter_channels': 32}}
    with pytest.raises(ConfigurationError, match='other sizes'):
        make_trainer('acoustic', changes)


def test_start_run_that_is_none_is_refused(make_trainer, tmp_path):
    with pytest.raises(ConfigurationError, match='holds no run'):
        make_trainer('acoustic', {'parts': 'prior', 'start_run': str(tmp_path)})


def test_reconstruction_comes_from_the_sound_alone(make_trainer):
    trainer = make_trainer('acoustic', AUTOENCODER)
    batch = trainer._collator.batch(trainer.batches(0, 0).next())
    with torch.inference_mode():
        wave = reconstruct(trainer._model, batch)
        other = reconstruct(trainer._model, replace(batch, tokens=batch.tokens * 0))
    assert wave.shape == batch.waves.shape
    assert torch.equal(wave, other)


def test_a_decoder_learns_from_the_mean_of_a_fixed_posterior(make_trainer):
    trainer = make_trainer('acoustic', AUTOENCODER)
    batch = trainer._collator.batch(trainer.batches(0, 0).next())
    settings = replace(trainer._settings, slice_frames=8)
    waves = []
    with torch.inference_mode():
        for is_fixed in (True, True, False):
            waves.append(autoencode(trainer._model, batch, settings, is_fixed)[0])
    assert torch.equal(waves[0], waves[1])
    assert not torch.equal(waves[0], waves[2])


def test_judges_may_hear_fewer_clips(make_trainer):
    whole, fewer = (
        make_trainer('acoustic', AUTOENCODER | {'warmup_steps': 0, 'judged_clips': clips})
        for clips in (0, 2)
    )
    batch = whole.batches(0, 0).next()
    values = []
    for trainer in (whole, fewer):
        torch.manual_seed(0)
        values.append(trainer.step([batch], 0))
    assert values[0]['mel'] == values[1]['mel']
    assert values[0]['judges'] != values[1]['judges']


def test_export_scales_the_deviation_of_the_prior(make_trainer, tmp_path):
    run = saved(make_trainer('acoustic'), tmp_path / 'run')
    statistics = []
    for name, scale in (('as it is', 1.0), ('calm', 0.25)):
        model = load_acoustic(export(run, tmp_path / name, prior_scale=scale))
        tokens, ids = torch.tensor([[1, 5, 2, 7]]), torch.tensor([[5, 9, 12]])
        statistics.append(model.prior_statistics(tokens, ids, torch.zeros(1, 16, 1)))
    (mean, log_std), (same, calm) = statistics
    assert torch.equal(mean, same)
    torch.testing.assert_close(calm.exp(), 0.25 * log_std.exp(), atol=1e-3, rtol=1e-2)
    with pytest.raises(ConfigurationError, match='above 0'):
        export(run, tmp_path / 'none', prior_scale=0.0)


def test_decoder_learns_what_the_prior_foretells(make_trainer, run_steps, tmp_path):
    first = make_trainer('acoustic', AUTOENCODER)
    run = saved(first, tmp_path / 'autoencoder')
    prior = make_trainer('acoustic', {'parts': 'prior', 'start_run': str(run)})
    run_steps(prior, 6)
    prior_run = saved(prior, tmp_path / 'prior')
    changes = {'posterior_until': 0, 'prior_run': str(prior_run), 'start_run': str(run)}
    trainer = make_trainer('acoustic', AUTOENCODER | changes)
    before = weights(trainer)
    losses = [step['mel'] for step in run_steps(trainer, 30)]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert {name.split('.')[0] for name in moved(trainer, before)} == {'decoder'}
    assert trainer.evaluate()


def test_latents_of_slices_are_those_of_the_whole(make_trainer, run_steps, tmp_path):
    """The flow needs its context only; without noise both ways give the same."""
    prior = make_trainer('acoustic', {'parts': 'prior', 'start_run': ''})
    run_steps(prior, 6)
    run = saved(prior, tmp_path / 'prior')
    changes = {'prior_run': str(run), 'prior_scale': 0.0}
    trainer = make_trainer('acoustic', AUTOENCODER | changes)
    batch = trainer._collator.batch(trainer.batches(0, 0).next())
    latents = PriorLatents(trainer._settings, torch.device('cpu'))
    frames = trainer._settings.slice_frames
    wanted = slices(latents.whole(batch), batch.starts, frames)
    torch.testing.assert_close(latents.of_slices(batch, frames), wanted)


def test_run_of_a_prior_must_be_one_of_these_sizes(make_trainer, tmp_path):
    with pytest.raises(ConfigurationError, match='holds no run'):
        make_trainer('acoustic', AUTOENCODER | {'prior_run': str(tmp_path)})
    with pytest.raises(ConfigurationError, match='prior_run is for the parts "autoencoder"'):
        make_trainer('acoustic', {'prior_run': str(tmp_path)})
