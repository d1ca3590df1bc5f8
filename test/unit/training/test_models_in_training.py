"""What trainers compute: ragged texts, discriminators, losses, weight norm, starts, plots."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gptsovits_ros.acoustic.sovits import Sovits, TrainingOutput, slices
from gptsovits_ros.audio.spectrogram import MelConfig, magnitude_spectrogram
from gptsovits_ros.checkpoint.training import load_discriminators, load_tokenizer
from gptsovits_ros.checkpoint.weight_norm import (
    acoustic_has_weight_norm,
    apply_weight_norm,
    every_weight,
    load_pairs,
    pair_name,
    plain_state,
)
from gptsovits_ros.errors import CheckpointError, ConfigurationError
from gptsovits_ros.semantic.model import Text2Semantic
from gptsovits_ros.training.acoustic_losses import (
    adversarial_losses,
    divergence_loss,
    feature_loss,
    judged_losses,
    mel_loss,
    stft_loss,
)
from gptsovits_ros.training.corpus import Utterance
from gptsovits_ros.training.discriminators import Discriminators
from gptsovits_ros.training.plots import plot_losses
from gptsovits_ros.training.progress import Progress
from gptsovits_ros.training.semantic_trainer import (
    SemanticBatch,
    SemanticExample,
    add_dropout,
    collate,
    predictions,
)
from gptsovits_ros.training.settings import (
    AcousticSettings,
    DiscriminatorSettings,
    SemanticSettings,
    build_settings,
)


@pytest.fixture
def gpt(settings_tree) -> tuple[Text2Semantic, SemanticSettings]:
    settings = build_settings(SemanticSettings, settings_tree('semantic'), 'test')
    torch.manual_seed(0)
    return Text2Semantic(settings.model), settings


@pytest.fixture
def sovits(settings_tree) -> Sovits:
    settings = build_settings(AcousticSettings, settings_tree('acoustic'), 'test')
    torch.manual_seed(0)
    return Sovits(settings.model, with_posterior=True)


def spoken(name: str, phonemes: list[int], tokens: list[int]) -> Utterance:
    return Utterance(name, 'train', 's', 'en', 1.0, np.array(phonemes), np.array(tokens))


@pytest.fixture
def utterances() -> list[Utterance]:
    return [
        spoken('a', [5, 6, 7, 8, 9], [1, 2, 3]),
        spoken('b', [11], [4, 5, 6, 7, 8, 9, 10]),
        spoken('c', [20, 21], [11]),
    ]


def row(batch: SemanticBatch, index: int) -> SemanticBatch:
    """Return one item of a batch without its padding."""
    phonemes, tokens = int(batch.phoneme_lengths[index]), int(batch.token_lengths[index])
    return SemanticBatch(
        batch.phonemes[index : index + 1, :phonemes],
        batch.phoneme_lengths[index : index + 1],
        batch.tokens[index : index + 1, :tokens],
        batch.token_lengths[index : index + 1],
        batch.first[index : index + 1],
    )


def test_ragged_batch_predicts_what_each_row_predicts_alone(gpt, utterances):
    model, settings = gpt
    examples = [SemanticExample(0, None), SemanticExample(1, 0), SemanticExample(2, 1)]
    batch = collate(utterances, examples, settings)
    logits, targets = predictions(model, batch)
    alone = [predictions(model, row(batch, index)) for index in range(3)]
    assert targets.tolist() == [1, 2, 3, 16, 4, 5, 6, 7, 8, 9, 10, 16, 11, 16]
    torch.testing.assert_close(
        logits, torch.cat([item[0] for item in alone]), atol=1e-5, rtol=1e-4
    )
    assert torch.equal(targets, torch.cat([item[1] for item in alone]))


def test_training_sees_what_generation_sees(gpt, utterances):
    """Teacher forcing with a prompt equals the model's own forward pass over both texts."""
    model, settings = gpt
    batch = collate(utterances, [SemanticExample(1, 0)], settings)
    logits, _ = predictions(model, batch)
    ids, tokens = (
        torch.tensor([[5, 6, 7, 8, 9, 11]]),
        torch.tensor([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]),
    )
    whole = model.teacher_forced(ids, torch.zeros(1, 4, 6), tokens)
    torch.testing.assert_close(logits, whole[0, 3:], atol=1e-5, rtol=1e-4)


def test_prompt_is_learned_only_on_request(gpt, utterances, settings_tree):
    model, _ = gpt
    tree = settings_tree('semantic', {'loss_on_prompt': True})
    settings = build_settings(SemanticSettings, tree, 'test')
    _, targets = predictions(model, collate(utterances, [SemanticExample(2, 0)], settings))
    assert targets.tolist() == [1, 2, 3, 11, 16]


def test_dropout_is_for_training_only(gpt, utterances):
    model, settings = gpt
    batch = collate(utterances, [SemanticExample(0, None)], settings)
    plain, _ = predictions(model.eval(), batch)
    add_dropout(model, 0.5)
    assert torch.equal(predictions(model.eval(), batch)[0], plain)
    first, second = (predictions(model.train(), batch)[0] for _ in range(2))
    assert not torch.equal(first, second)


def test_official_discriminators_have_the_official_tensors(goldens):
    table = json.loads((goldens / 'tables' / 'tensors_s2D_v2.json').read_text())
    with torch.device('meta'):
        model = Discriminators(DiscriminatorSettings())
    apply_weight_norm(model, every_weight)
    shapes = {pair_name(name): list(value.shape) for name, value in model.state_dict().items()}
    assert shapes == {name: shape for name, (shape, _dtype) in table.items()}


@pytest.mark.parametrize('width_divisor', [4, 8, 16])
def test_narrow_discriminators_judge_any_length(width_divisor):
    model = Discriminators(DiscriminatorSettings((2, 5), True, width_divisor))
    maps = model(torch.randn(2, 1, 1601))
    assert [len(items) for items in maps] == [7, 6, 6]
    assert maps[0][5].shape[1] == 1024 // width_divisor


def test_discriminators_are_read_from_an_official_file(tmp_path):
    settings = DiscriminatorSettings((2,), False, 16)
    models = [Discriminators(settings) for _ in range(2)]
    for model in models:
        apply_weight_norm(model, every_weight)
    stored = {pair_name(name): value.half() for name, value in models[0].state_dict().items()}
    torch.save({'weight': stored}, tmp_path / 's2D.pth')
    load_discriminators(models[1], tmp_path / 's2D.pth')
    wave = torch.randn(1, 1, 640)
    for a, b in zip(models[0](wave)[0], models[1](wave)[0], strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-2)
    del stored['discriminators.0.conv_post.bias']
    torch.save({'weight': stored}, tmp_path / 's2D.pth')
    with pytest.raises(CheckpointError, match='no tensor discriminators.0.conv_post.bias'):
        load_discriminators(models[1], tmp_path / 's2D.pth')


def test_adversarial_losses_are_least_for_the_right_verdicts():
    ones, zeros = [[torch.ones(2, 5)]], [[torch.zeros(2, 5)]]
    assert [sum(part) for part in judged_losses(ones, zeros)] == [0, 0]
    assert [sum(part) for part in judged_losses(zeros, ones)] == [1, 1]
    assert adversarial_losses(ones) == [0] and adversarial_losses(zeros) == [1]


def test_features_of_real_waves_are_targets_only():
    real, fake = torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    loss = feature_loss([[real, real]], [[fake, fake]])
    loss.backward()
    assert loss == 2 and real.grad is None and fake.grad is not None


def test_divergence_of_equal_gaussians_is_zero_on_average():
    """The estimate uses a sample of the posterior, so only its mean is the divergence."""
    torch.manual_seed(0)
    mean, log_std = torch.randn(1, 4, 20_000), torch.full((1, 4, 20_000), -0.5)
    latent = mean + torch.randn_like(mean) * log_std.exp()
    mask = torch.ones(1, 1, 20_000)
    same = TrainingOutput(mean, mean, log_std, latent, mean, log_std)
    assert divergence_loss(same, mask) == pytest.approx(0, abs=0.05)
    # Twice the spread: log 2 + 1/8 - 1/2 per channel.
    wider = TrainingOutput(mean, mean, log_std + np.log(2), latent, mean, log_std)
    assert divergence_loss(wider, mask) == pytest.approx(4 * (np.log(2) - 3 / 8), abs=0.05)
    half = torch.cat([torch.ones(1, 1, 10_000), torch.zeros(1, 1, 10_000)], dim=2)
    latent[:, :, 10_000:] += 100
    assert divergence_loss(same, half) == pytest.approx(0, abs=0.05)


def test_spectral_losses_are_zero_for_the_wave_itself(settings_tree):
    settings = build_settings(AcousticSettings, settings_tree('acoustic'), 'test')
    config = MelConfig(settings.model.spectrogram, 20, 0.0, 4000.0)
    wave = torch.rand(2, 1, 3200, generator=torch.Generator().manual_seed(0)) - 0.5
    magnitude = magnitude_spectrogram(wave[:, 0], config.frames)
    assert mel_loss(wave, magnitude, config) == 0
    assert mel_loss(0.5 * wave, magnitude, config) == pytest.approx(np.log(2), rel=1e-3)
    assert stft_loss(wave, wave) == 0 < stft_loss(0.5 * wave, wave)


def test_slices_start_where_they_should():
    x = torch.arange(20).view(2, 1, 10)
    assert slices(x, torch.tensor([3, 0]), 4).tolist() == [[[3, 4, 5, 6]], [[10, 11, 12, 13]]]


def training_inputs(model: Sovits) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(16, (2, 12), generator=generator)
    ids = torch.randint(700, (2, 5), generator=generator)
    spectrogram = torch.rand(2, model.config.spectrogram.bins, 24, generator=generator)
    style = torch.randn(2, 16, 1, generator=generator)
    mask, text_mask = torch.ones(2, 1, 24), torch.ones(2, 1, 5)
    noise = torch.randn(2, 8, 24, generator=generator)
    return tokens, ids, spectrogram, style, mask, text_mask, noise, torch.tensor([0, 7])


def test_weight_norm_changes_no_output_and_comes_off_again(sovits):
    before = sovits.eval().training_forward(*training_inputs(sovits), 16)
    state = {name: value.clone() for name, value in sovits.state_dict().items()}
    apply_weight_norm(sovits, acoustic_has_weight_norm)
    after = sovits.training_forward(*training_inputs(sovits), 16)
    for field in fields(before):
        torch.testing.assert_close(
            getattr(after, field.name), getattr(before, field.name), atol=1e-5, rtol=1e-4
        )
    plain = plain_state(sovits)
    assert plain.keys() == state.keys()
    for name, value in state.items():
        torch.testing.assert_close(plain[name], value, atol=1e-6, rtol=1e-5)


def test_pairs_keep_the_length_that_they_were_stored_with(sovits):
    apply_weight_norm(sovits, acoustic_has_weight_norm)
    before = plain_state(sovits)['decoder.ups.0.weight'].clone()
    pairs = {
        pair_name(name): value * (3 if name.endswith('original1') else 1)
        for name, value in sovits.state_dict().items()
    }
    load_pairs(sovits, pairs)
    layer = sovits.decoder.ups[0]
    torch.testing.assert_close(layer.weight, before)
    stored = pairs['decoder.ups.0.weight_v']
    assert torch.equal(layer.parametrizations.weight.original1, stored)


def test_posterior_does_not_train_the_style(sovits):
    inputs = list(training_inputs(sovits))
    inputs[3] = inputs[3].requires_grad_()
    output = sovits.training_forward(*inputs, 16)
    output.posterior_mean.sum().backward(retain_graph=True)
    assert inputs[3].grad is None
    output.wave.sum().backward()
    assert inputs[3].grad.abs().sum() > 0


@pytest.mark.parametrize('axis', [False, True])
@pytest.mark.parametrize('official', [False, True])
def test_tokenizer_is_read_by_either_names(sovits, official, axis, tmp_path):
    names = {'quantizer.codebook': 'quantizer.vq.layers.0._codebook.embed'}
    names.update({f'ssl_projection.{end}': f'ssl_proj.{end}' for end in ('weight', 'bias')})
    tensors = {name: torch.randn_like(sovits.state_dict()[name]) for name in names}
    stored = {names[name] if official else name: value for name, value in tensors.items()}
    if axis:
        stored = {
            name: value[None] if 'codebook' in name else value for name, value in stored.items()
        }
    save_file(stored, tmp_path / 'tokenizer.safetensors')
    load_tokenizer(sovits, tmp_path / 'tokenizer.safetensors')
    for name, value in tensors.items():
        assert torch.equal(sovits.state_dict()[name], value)


def test_tokenizer_of_another_width_is_refused(sovits, tmp_path):
    path = tmp_path / 'tokenizer.safetensors'
    with pytest.raises(CheckpointError, match='cannot read the tokenizer'):
        load_tokenizer(sovits, path)
    save_file({'quantizer.codebook': torch.zeros(16, 7)}, path)
    with pytest.raises(CheckpointError, match=r'has shape \[16, 7\], but the model needs'):
        load_tokenizer(sovits, path)
    save_file({'other': torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match='no tensor quantizer.codebook'):
        load_tokenizer(sovits, path)


def logged_run(folder: Path) -> list[str]:
    """Log two steps, and return the lines of JSON."""
    lines: list[str] = []
    progress = Progress(folder, lines.append, show_bar=False)
    progress.start(0, 10)
    progress.values('train', 1, {'loss': 2.0, 'accuracy': 0.25})
    progress.values('dev', 2, {'dev-text/loss': 3.0})
    progress.close()
    return lines


def test_progress_is_json_and_csv(tmp_path):
    lines = [json.loads(line) for line in logged_run(tmp_path)]
    assert [(line['event'], line['step'], line['values']) for line in lines] == [
        ('train', 1, {'loss': 2.0, 'accuracy': 0.25}),
        ('dev', 2, {'dev-text/loss': 3.0}),
    ]
    rows = (tmp_path / 'log.csv').read_text().splitlines()
    assert [row.split(',')[0] for row in rows] == ['step', '1', '1', '2']
    assert rows[3].endswith(',dev-text/loss,3.0')


def test_log_of_lost_steps_is_taken_back(tmp_path):
    logged_run(tmp_path)
    with open(tmp_path / 'log.csv', 'a') as stream:
        stream.write('3,9.0,lo')  # cut short by a kill
    Progress(tmp_path, lambda line: None, show_bar=False).start(1, 10)
    steps = [row.split(',')[0] for row in (tmp_path / 'log.csv').read_text().splitlines()]
    assert steps == ['step', '1', '1']


def test_plot_shows_every_quantity(tmp_path):
    pytest.importorskip('matplotlib')
    logged_run(tmp_path)
    path = plot_losses(tmp_path)
    assert path.read_bytes().startswith(b'\x89PNG') and path.stat().st_size > 5000


def test_plot_of_nothing_is_an_error(tmp_path):
    pytest.importorskip('matplotlib')
    with pytest.raises(ConfigurationError, match='no log'):
        plot_losses(tmp_path)
