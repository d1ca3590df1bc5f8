"""The content encoder: 50 frames per second, whatever stands around a clip."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from gptsovits_ros.checkpoint.content import content_weights, load_content_encoder
from gptsovits_ros.checkpoint.weights import read_weights, write_weights
from gptsovits_ros.encoders.content import (
    ContentConfig,
    ContentEncoder,
    mel_bank,
    relative_decibels,
)
from gptsovits_ros.errors import CheckpointError

TINY = ContentConfig(width=6, hidden_channels=8, n_layers=2, kernel_size=3, bands=20)


@pytest.fixture(scope='module')
def encoder():
    torch.manual_seed(0)
    return ContentEncoder(TINY).eval().requires_grad_(False)


def speech(samples: int) -> torch.Tensor:
    """Return something with changing loudness."""
    generator = torch.Generator().manual_seed(samples)
    envelope = torch.linspace(0, 20, samples).sin().abs()
    return 0.1 * envelope * torch.randn(samples, generator=generator)


@pytest.mark.parametrize('samples', [320, 639, 16000, 16319, 31234])
def test_a_clip_gives_a_frame_per_20_ms(encoder, samples):
    assert encoder.encode(speech(samples)).shape == (1, TINY.width, samples // 320)


def test_a_recording_gets_a_tail_of_silence_and_its_frames(encoder):
    wave = speech(8000)
    features = encoder(wave)
    assert features.shape[2] == (8000 + TINY.tail_samples) // 320
    padded = torch.nn.functional.pad(wave, (0, TINY.tail_samples))
    torch.testing.assert_close(features, encoder.encode(padded))


def test_the_level_of_a_recording_does_not_matter(encoder):
    wave = speech(9600)
    torch.testing.assert_close(
        encoder.encode(wave), encoder.encode(0.03 * wave), atol=1e-4, rtol=1e-3
    )


def test_a_digitally_silent_clip_gives_finite_features(encoder):
    assert encoder.encode(torch.zeros(3200)).isfinite().all()


def test_a_clip_in_a_batch_gives_what_it_gives_alone(encoder):
    clips = [speech(6400), speech(3200)]
    mels = [relative_decibels(encoder.mel(clip[None]), TINY.range_db)[:, :, :-1] for clip in clips]
    batch = torch.nn.functional.pad(mels[1], (0, mels[0].shape[2] - mels[1].shape[2]), value=-1.0)
    together = encoder.features(torch.cat([mels[0], batch]), torch.tensor([20, 10]))
    alone = encoder.features(mels[1], torch.tensor([10]))
    # The first convolutions see the silence beyond the end, as low values and not as nothing.
    torch.testing.assert_close(together[1, :, :4], alone[0, :, :4])
    torch.testing.assert_close(together[0], encoder.features(mels[0])[0])


def test_far_away_sound_does_not_change_a_frame(encoder):
    wave = speech(32000)
    other = wave.clone()
    other[16000:] = speech(16001)[:16000] * wave.abs().max()
    reach = 10  # frames: two layers of three, the stem and the transform
    kept = slice(0, 50 - reach)
    mel = encoder.mel(torch.stack([wave, other]))
    first, second = encoder.features(mel.clamp_min(1e-6).log10())[:, :, kept]
    torch.testing.assert_close(first, second)


def test_mel_bands_cover_the_spectrum_one_after_the_other():
    bank = mel_bank(ContentConfig())
    assert bank.shape == (80, 257)
    peaks = bank.argmax(1)
    assert (peaks[1:] >= peaks[:-1]).all()
    assert bank.sum(1).min() > 0


@pytest.mark.parametrize('changes', [{'kernel_size': 4}, {'win_length': 1024}, {'n_layers': 0}])
def test_sizes_that_do_not_fit_are_refused(changes):
    with pytest.raises(ValueError, match='even|exceeds|at least'):
        replace(TINY, **changes)


def test_a_saved_encoder_gives_the_same_features(encoder, tmp_path):
    path = tmp_path / 'content.safetensors'
    write_weights(content_weights(TINY, encoder.state_dict(), 'test'), path)
    loaded = load_content_encoder(path)
    assert loaded.config == TINY and not loaded.training
    wave = speech(8000)
    torch.testing.assert_close(loaded(wave), encoder(wave), atol=5e-3, rtol=1e-2)


@pytest.mark.parametrize(
    'change, message',
    [
        ({'role': 'semantic'}, 'not a content encoder'),
        ({'settings': {}}, 'does not tell the sizes'),
        ({'settings': {'model': {'width': 6}}}, 'does not tell the sizes'),
        ({'width': 1 << 40}, 'width is 1099511627776'),
        ({'width': '6'}, "width is '6'"),
        ({'kernel_size': 2}, 'even'),
        ({'width': 7}, 'does not fit to its own settings'),
    ],
)
def test_damaged_files_are_refused_with_the_reason(encoder, tmp_path, change, message):
    weights = content_weights(TINY, encoder.state_dict(), 'test')
    top = {key: value for key, value in change.items() if hasattr(weights, key)}
    model = {**weights.settings['model'], **{k: v for k, v in change.items() if k not in top}}
    weights = replace(weights, **{'settings': {'model': model}, **top})
    path = tmp_path / 'content.safetensors'
    write_weights(weights, path)
    with pytest.raises(CheckpointError, match=message):
        load_content_encoder(path)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match='cannot read'):
        load_content_encoder(tmp_path / 'missing.safetensors')
    save_file({'x': torch.zeros(1)}, tmp_path / 'other.safetensors')
    with pytest.raises(CheckpointError, match='not of format'):
        load_content_encoder(tmp_path / 'other.safetensors')


def test_the_file_holds_halves_and_nothing_that_follows_from_the_config(encoder, tmp_path):
    path = tmp_path / 'content.safetensors'
    write_weights(content_weights(TINY, encoder.state_dict(), 'test'), path)
    tensors = read_weights(path).tensors
    assert {value.dtype for value in tensors.values()} == {torch.float16}
    assert not any(name.startswith('mel.') for name in tensors)
