"""SoVITS: lengths, masks, determinism, and that every width comes from the config."""

from __future__ import annotations

import pytest
import torch

from gptsovits_ros.acoustic.attention import Attention, Encoder
from gptsovits_ros.acoustic.config import SovitsConfig
from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.acoustic.text_encoder import sequence_mask
from gptsovits_ros.types import SpectrogramConfig

from .narrow import NARROW

TINY = SovitsConfig(**NARROW, n_layers=2, flow_layers=2, flow_wavenet_layers=2, posterior_layers=2)
# Another rate, another hop, other kernels: nothing may be a literal.
OTHER_RATE = SovitsConfig(
    **{
        **vars(TINY),
        'spectrogram': SpectrogramConfig(24000, 1024, 480, 1024),
        'style_bins': 500,
        'upsample_rates': (10, 6, 4, 2),
        'upsample_kernel_sizes': (20, 12, 8, 4),
        'resblock_kernel_sizes': (3, 7),
        'resblock_dilation_sizes': ((1, 3), (1, 3)),
    }
)
# v1 reads the whole spectrogram; v2Pro adds a speaker embedding and has a wider style.
WHOLE_SPECTROGRAM = SovitsConfig(**{**vars(TINY), 'version': 'v1', 'style_bins': 1025})
WITH_SPEAKER = SovitsConfig(
    **{**vars(TINY), 'version': 'v2Pro', 'gin_channels': 20, 'speaker_dim': 30}
)


@pytest.fixture(
    params=[TINY, OTHER_RATE, WHOLE_SPECTROGRAM, WITH_SPEAKER], ids=['v2', '24k', 'v1', 'v2Pro']
)
def model(request) -> Sovits:
    torch.manual_seed(0)
    made = Sovits(request.param, with_posterior=True).eval()
    made.quantizer.codebook.normal_()
    for layer in made.flow.layers:
        torch.nn.init.normal_(layer.post.weight, std=0.2)
    return made


def inputs(model: Sovits, tokens: int = 9):
    rng = torch.Generator().manual_seed(1)
    codes = torch.randint(16, (1, tokens), generator=rng)
    ids = torch.randint(20, (1, 7), generator=rng)
    spectrogram = torch.rand(1, model.config.spectrogram.bins, 30, generator=rng)
    return codes, ids, model.style_embedding([spectrogram], speakers(model, 1))


def speakers(model: Sovits, count: int) -> list[torch.Tensor]:
    """Return so many speaker embeddings, or none for a model that takes none."""
    rng = torch.Generator().manual_seed(3)
    width = model.config.speaker_dim
    return [torch.randn(1, width, generator=rng) for _ in range(count)] if width else []


@torch.inference_mode()
@pytest.mark.parametrize('speed', [0.5, 0.8, 1.0, 1.25, 2.0])
def test_audio_is_as_long_as_tokens_and_speed_say(model, speed):
    codes, ids, style = inputs(model)
    wave = model.decode(codes, ids, style, speed=speed)
    frames = 18 if speed == 1.0 else int(18 / speed) + 1
    assert model.latent_frames(9, speed) == frames
    assert wave.shape == (1, 1, frames * model.config.samples_per_frame)
    assert wave.abs().max() <= 1


@torch.inference_mode()
def test_equal_noise_gives_equal_audio_and_no_noise_is_the_mean(model):
    codes, ids, style = inputs(model)
    noise = torch.randn(1, 8, 18, generator=torch.Generator().manual_seed(2))
    first = model.decode(codes, ids, style, noise=noise)
    assert torch.equal(first, model.decode(codes, ids, style, noise=noise))
    mean = model.decode(codes, ids, style)
    assert not torch.equal(first, mean)
    assert torch.equal(mean, model.decode(codes, ids, style, noise=noise, noise_scale=0.0))


@torch.inference_mode()
def test_the_flow_is_undone_by_its_inverse(model):
    _, _, style = inputs(model)
    z = torch.randn(1, 8, 21)
    torch.testing.assert_close(
        model.flow.inverse(model.flow(z, style), style), z, atol=1e-5, rtol=1e-4
    )


@torch.inference_mode()
def test_several_references_are_averaged(model):
    spectrograms = [torch.rand(1, model.config.spectrogram.bins, n) for n in (20, 35)]
    heard = speakers(model, 2)
    alone = [model.style_embedding([spectrograms[row]], heard[row : row + 1]) for row in range(2)]
    torch.testing.assert_close(
        model.style_embedding(spectrograms, heard), (alone[0] + alone[1]) / 2
    )


@torch.inference_mode()
def test_another_speaker_is_another_style_and_a_missing_one_is_refused():
    torch.manual_seed(0)
    model = Sovits(WITH_SPEAKER).eval()
    spectrogram = torch.rand(1, model.config.spectrogram.bins, 20)
    first, second = (model.style_embedding([spectrogram], [one]) for one in speakers(model, 2))
    assert not torch.equal(first, second)
    with pytest.raises(ValueError, match='0 speaker embeddings for 1 clips'):
        model.style_embedding([spectrogram])
    with pytest.raises(ValueError, match='1 speaker embeddings for 1 clips'):
        Sovits(TINY).style_embedding([spectrogram], [torch.zeros(1, 30)])


@torch.inference_mode()
def test_the_style_encoder_of_v1_hears_the_highest_frequencies():
    torch.manual_seed(0)
    spectrogram = torch.rand(1, 1025, 20)
    brighter = spectrogram.clone()
    brighter[:, 1000:] += 1
    for config, is_heard in ((TINY, False), (WHOLE_SPECTROGRAM, True)):
        model = Sovits(config).eval()
        styles = [model.style_embedding([item]) for item in (spectrogram, brighter)]
        assert torch.equal(*styles) is not is_heard


@torch.inference_mode()
def test_padding_changes_nothing_inside_the_mask(model):
    """A batch of unequal lengths gives each row what it gets alone."""
    codes, ids, style = inputs(model)
    style = model.text_style(style)
    alone = model.prior.statistics(model.prior.joint_latent(model.quantized(codes), ids, style))
    padded_codes = torch.cat([codes, torch.zeros(1, 4, dtype=torch.int64)], dim=1)
    padded_ids = torch.cat([ids, torch.zeros(1, 3, dtype=torch.int64)], dim=1)
    mask = sequence_mask(torch.tensor([18]), 26)
    text_mask = sequence_mask(torch.tensor([7]), 10)
    batch = model.prior(
        model.quantized(padded_codes), padded_ids, style, mask=mask, text_mask=text_mask
    )
    for one, padded in zip(alone, batch, strict=True):
        torch.testing.assert_close(padded[:, :, :18], one, atol=1e-5, rtol=1e-4)
        assert (padded[:, :, 18:] == 0).all()


@torch.inference_mode()
def test_what_lies_in_the_padding_of_a_spectrogram_does_not_matter(model):
    spectrogram = torch.rand(1, model.config.spectrogram.bins, 25)
    mask = sequence_mask(torch.tensor([25]), 31)
    zeros = torch.nn.functional.pad(spectrogram, (0, 6))
    garbage = torch.nn.functional.pad(spectrogram, (0, 6), value=9.0)
    torch.testing.assert_close(
        model.style_encoder(garbage, mask), model.style_encoder(zeros, mask)
    )


@torch.inference_mode()
def test_tokens_are_the_nearest_rows_and_an_odd_frame_is_dropped(model):
    features = torch.randn(1, 12, 11)
    projected = model.ssl_projection(features)[0].T
    nearest = torch.cdist(projected, model.quantizer.codebook).argmin(dim=1)
    assert torch.equal(model.tokens_from_features(features)[0], nearest)
    assert len(nearest) == 5


@torch.inference_mode()
def test_posterior_has_the_length_of_the_spectrogram(model):
    _, _, style = inputs(model)
    mean, log_std = model.posterior(torch.rand(1, model.config.spectrogram.bins, 17), style)
    assert mean.shape == log_std.shape == (1, 8, 17)


def test_relative_attention_equals_its_definition():
    """Every pair scored in a loop, as the paper writes it."""
    torch.manual_seed(1)
    layer = Attention(4, 2, window=2).eval()
    x = torch.randn(1, 4, 7)
    heads = {}
    for name in 'qkv':
        heads[name] = getattr(layer, f'conv_{name}')(x)[0].view(2, 2, 7)
    out = torch.zeros(2, 2, 7)
    for h in range(2):
        q, k, v = heads['q'][h] / 2**0.5, heads['k'][h], heads['v'][h]
        for i in range(7):
            scores = torch.stack(
                [
                    q[:, i] @ k[:, j]
                    + (q[:, i] @ layer.emb_rel_k[0, j - i + 2] if abs(j - i) <= 2 else 0)
                    for j in range(7)
                ]
            )
            p = torch.softmax(scores, 0)
            for j in range(7):
                near = layer.emb_rel_v[0, j - i + 2] if abs(j - i) <= 2 else 0
                out[h, :, i] += p[j] * (v[:, j] + near)
    expected = layer.conv_o(out.reshape(1, 4, 7))
    torch.testing.assert_close(layer(x, x), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('length', [1, 2, 3])
def test_an_encoder_takes_sequences_shorter_than_its_window(length):
    layer = Encoder(4, 8, 2, 1, 3, window=4, p_dropout=0.0).eval()
    assert layer(torch.randn(1, 4, length)).shape == (1, 4, length)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'upsample_rates': (10, 8, 2, 2, 4)}, 'hop_length'),
        ({'n_heads': 5}, 'heads'),
        ({'gin_channels': 256}, 'gin_channels'),
        ({'style_bins': 2000}, 'style_bins'),
        ({'upsample_kernel_sizes': (16, 16)}, 'differ in length'),
    ],
)
def test_sizes_that_do_not_fit_together_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        SovitsConfig(**change)
