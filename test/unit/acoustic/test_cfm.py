"""v3 and v4: lengths, chunks, masks, cancelling, and that every width comes from the config."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gptsovits_ros.acoustic.bigvgan import BigVgan
from gptsovits_ros.acoustic.cfm import flow_mel
from gptsovits_ros.acoustic.cfm_acoustic import CfmAcoustic, CfmModel, log_mel, scaled_mel
from gptsovits_ros.acoustic.cfm_config import (
    BigVganConfig,
    CfmConfig,
    DitConfig,
    MelHifiGanConfig,
    v3_config,
    v4_config,
)
from gptsovits_ros.acoustic.chunked_cfm import CfmSampling, Reference, overlapping
from gptsovits_ros.acoustic.config import SovitsConfig
from gptsovits_ros.acoustic.dit import Dit, rotate
from gptsovits_ros.acoustic.mel_hifigan import MelHifiGan
from gptsovits_ros.errors import CanceledError

SOVITS = {
    'phoneme_vocab_size': 20,
    'ssl_dim': 12,
    'codebook_size': 16,
    'inter_channels': 8,
    'hidden_channels': 8,
    'filter_channels': 16,
    'n_layers': 2,
    'mrte_channels': 12,
    'mrte_heads': 3,
    'gin_channels': 12,
    'style_channels': 6,
}
DIT = DitConfig(
    dim=24, n_layers=2, n_heads=3, head_dim=6, text_dim=10, text_layers=1, time_dim=8,
    mel_bands=7, position_kernel_size=5, position_groups=4,
)  # fmt: skip
CHANGES = {'dit': DIT, 'mixer_layers': 2, 'reference_frames': 12, 'chunk_frames': 30}
V3 = v3_config(sovits=SovitsConfig(version='v3', **SOVITS), overlap_frames=4, **CHANGES)
V4 = v4_config(sovits=SovitsConfig(version='v4', **SOVITS), overlap_frames=4, **CHANGES)


def zeros(shape) -> Tensor:
    return torch.zeros(tuple(shape))


def vocoder(config: CfmConfig) -> BigVgan | MelHifiGan:
    if config.version == 'v3':
        return BigVgan(BigVganConfig(mel_bands=7, upsample_initial_channel=64))
    return MelHifiGan(MelHifiGanConfig(mel_bands=7, upsample_initial_channel=32))


@pytest.fixture(params=[V3, V4], ids=['v3', 'v4'])
def model(request) -> CfmAcoustic:
    torch.manual_seed(0)
    made = CfmModel(request.param)
    made.features.quantizer.codebook.normal_()
    return CfmAcoustic(made, vocoder(request.param)).eval().requires_grad_(False)


def spoken(seed: int, tokens: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return (
        torch.randint(16, (1, tokens), generator=rng),
        torch.randint(20, (1, 7), generator=rng),
    )


def reference(model: CfmAcoustic, mel_frames: int = 40):
    rng = torch.Generator().manual_seed(9)
    spectrogram = torch.rand(1, model.config.spectrogram.bins, 30, generator=rng)
    mel = torch.rand(1, DIT.mel_bands, mel_frames, generator=rng) * 14 - 12
    return model.reference(*spoken(8, 9), [spectrogram], mel)


def frames_of(model, tokens, speed=1.0):
    """Return how many mel frames so many tokens become."""
    latent = tokens * model.config.sovits.token_stride
    if speed != 1.0:
        latent = int(latent / speed) + 1
    return int(latent * model.config.frame_stretch)


def samples_of(model, tokens, speed=1.0):
    """Return how many samples so many tokens become."""
    return frames_of(model, tokens, speed) * model.vocoder.config.samples_per_frame


def test_a_scaled_mel_reads_back():
    mel = torch.tensor([-12.0, -5.0, 2.0])
    assert scaled_mel(mel, V3).tolist() == [-1.0, 0.0, 1.0]
    torch.testing.assert_close(log_mel(scaled_mel(mel, V3), V3), mel)


@pytest.mark.parametrize('tokens', [1, 3, 5, 17])
@pytest.mark.parametrize('speed', [0.5, 0.8, 1.0, 1.25, 2.0])
def test_audio_is_as_long_as_tokens_and_speed_say(model, tokens, speed):
    wave = model.waveform(
        *spoken(1, tokens), reference(model), CfmSampling(zeros, steps=1), speed=speed
    )
    assert wave.shape == (samples_of(model, tokens, speed),)
    assert wave.abs().max() <= 1
    # Within a latent frame (20 ms) and a mel frame (about 10 ms) of what the speed promises.
    seconds = wave.numel() / model.config.sample_rate
    assert abs(seconds - tokens / model.config.tokens_per_second / speed) < 0.031


def test_a_token_lasts_40_ms():
    for config, samples in ((V3, 960), (V4, 1920)):
        assert config.samples_per_token == samples == 0.04 * config.sample_rate


def test_a_reference_is_cut_to_the_shorter_of_both_and_to_its_end(model):
    assert reference(model, mel_frames=5).frames == 5
    # Nine tokens make more frames than may be used, and so does the mel.
    whole = reference(model)
    assert whole.frames == whole.features.shape[-1] == model.config.reference_frames
    spectrogram = torch.rand(1, model.config.spectrogram.bins, 30)
    mel = torch.full((1, DIT.mel_bands, 40), -12.0)
    mel[:, :, -20:] = 2.0
    made = frames_of(model, 9)
    kept = model.reference(*spoken(8, 9), [spectrogram], mel).mel
    wanted = torch.where(torch.arange(made) >= 20, 1.0, -1.0)[-model.config.reference_frames :]
    torch.testing.assert_close(kept[0, 0], wanted)


def test_equal_noise_gives_equal_audio_and_other_noise_another(model):
    def wave(seed: int) -> Tensor:
        rng = torch.Generator().manual_seed(seed)
        sampling = CfmSampling(lambda shape: torch.randn(shape, generator=rng), steps=2)
        return model.waveform(*spoken(1, 8), reference(model), sampling)

    assert torch.equal(wave(1), wave(1))
    assert not torch.equal(wave(1), wave(2))


def test_in_half_precision_the_mel_is_nearly_the_same(model):
    clip = reference(model)
    features = model.features(*spoken(1, 8), clip.style)
    noise = torch.randn(1, DIT.mel_bands, features.shape[-1])
    exact = flow_mel(model.dit, features, clip.mel[:, :, :5], noise, steps=4)
    model = model.bfloat16()
    half = [item.bfloat16() for item in (features, clip.mel[:, :, :5], noise)]
    found = flow_mel(model.dit, *half, steps=4)
    assert found.dtype == torch.bfloat16
    assert (found.float() - exact).abs().max() < 0.03 * exact.abs().max()
    halves = Reference(*(item.bfloat16() for item in (clip.style, clip.features, clip.mel)))
    wave = model.waveform(*spoken(1, 8), halves, CfmSampling(lambda s: zeros(s).bfloat16(), 1))
    assert wave.dtype == torch.bfloat16 and wave.isfinite().all()


def test_long_speech_is_drawn_chunk_by_chunk_after_what_came_before(model):
    shapes = []

    def noise(shape):
        shapes.append(tuple(shape))
        return zeros(shape)

    clip = reference(model)
    model.waveform(*spoken(1, 12), clip, CfmSampling(noise, steps=1))
    frames = frames_of(model, 12)
    new = model.config.chunk_frames - clip.frames
    assert [shape[-1] - clip.frames for shape in shapes] == [new] * (frames // new) + [
        frames % new
    ]


@pytest.mark.parametrize('steps', [1, 3])
def test_cancel_is_seen_before_each_step_of_each_chunk(model, steps):
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) == 2 * steps

    clip = reference(model)
    with pytest.raises(CanceledError):
        model.waveform(*spoken(1, 12), clip, CfmSampling(zeros, steps, cancelled=cancelled))
    assert len(asked) == 2 * steps  # in the last step of the second chunk


def test_segments_of_a_batch_have_their_own_lengths(model):
    joints = []

    def join(pieces, overlap):
        joints.append((len(pieces), overlap))
        parts = [piece[:-overlap] for piece in pieces[:-1]]
        return torch.cat([*parts, pieces[-1]])

    segments = [spoken(1, 8), spoken(2, 5)]
    waves = model.waveforms(segments, reference(model), CfmSampling(zeros, steps=1), join)
    assert [len(wave) for wave in waves] == [samples_of(model, n) for n in (8, 5)]
    frames = model.config.overlap_frames + sum(frames_of(model, n) for n in (8, 5))
    new = model.config.chunk_frames - model.config.reference_frames
    chunks = len(range(0, frames, new - model.config.overlap_frames))
    assert joints == [(chunks, 4 * model.vocoder.config.samples_per_frame)]


@pytest.mark.parametrize('frames', [3, 10, 11, 16, 17, 31])
def test_chunks_overlap_and_cover_everything_once(frames):
    features = torch.arange(1.0, frames + 1)[None, None]
    chunks, padding = overlapping(features, 10, 4)
    assert chunks.shape[1:] == (1, 10)
    whole = torch.cat([chunks[0, 0], *(chunk[0, 4:] for chunk in chunks[1:])])
    assert torch.equal(whole[: len(whole) - padding], features[0, 0])
    assert (whole[len(whole) - padding :] == 0).all()
    assert all(torch.equal(a[0, -4:], b[0, :4]) for a, b in zip(chunks, chunks[1:], strict=False))


def test_only_v4_loses_a_frame_to_its_mask_and_only_at_other_speeds():
    for config, lost in ((V3, 0), (V4, 1)):
        features = CfmModel(config).features.eval()
        features.quantizer.codebook.normal_()
        style = torch.randn(1, 12, 1)
        at = {speed: features(*spoken(3, 8), style, speed)[0] for speed in (1.0, 1.3)}
        assert (at[1.0].abs().sum(dim=0) > 0).all()
        silent = at[1.3].abs().sum(dim=0) == 0
        assert silent.sum() == lost and bool(silent[-1]) == bool(lost)


def test_more_steps_come_closer_to_the_true_flow():
    torch.manual_seed(3)
    dit = Dit(DIT).eval().requires_grad_(False)
    features, prompt = torch.randn(1, 10, 20), torch.randn(1, 7, 6)
    noise = torch.randn(1, 7, 20)
    # The length of the steps is an input; without its influence Euler's method converges.
    dit.step_embedding.mlp[2].weight.zero_()
    mels = {steps: flow_mel(dit, features, prompt, noise, steps=steps) for steps in (2, 8, 64)}
    errors = {steps: (mels[steps] - mels[64]).abs().max() for steps in (2, 8)}
    assert 0 < errors[8] < errors[2] / 2
    assert (mels[8][:, :, :6] == 0).all()


def test_guidance_moves_away_from_the_unconditioned_velocity():
    torch.manual_seed(4)
    dit = Dit(DIT).eval().requires_grad_(False)
    features, prompt, noise = torch.randn(1, 10, 9), torch.randn(1, 7, 4), torch.randn(1, 7, 9)
    plain, guided = (flow_mel(dit, features, prompt, noise, steps=1, guidance=g) for g in (0, 0.7))
    bare = flow_mel(dit, zeros(features.shape), zeros(prompt.shape), noise, steps=1)
    torch.testing.assert_close(guided, plain + 0.7 * (plain - bare))


def test_padding_changes_nothing_inside_the_mask():
    """Convolutions over the padding see zeros there, so only attention has to be told."""
    torch.manual_seed(5)
    dit = Dit(DIT).eval().requires_grad_(False)
    x, prompt, text = torch.randn(1, 9, 7), torch.randn(1, 9, 7), torch.randn(1, 9, 10)
    time, step = torch.tensor([0.3]), dit.embed_step(torch.tensor([0.1]))
    mask = (torch.arange(9) < 6)[None, None, None]
    h = dit.input_embedding(x, prompt, text)
    rotary = dit.rotary(9)
    changed = h.clone()
    changed[:, 6:] = 5.0
    moment = torch.randn(1, 1, DIT.dim)
    block = dit.blocks[0]
    first, second = (block(value, moment, rotary, mask)[:, :6] for value in (h, changed))
    torch.testing.assert_close(first, second)
    assert not torch.allclose(block(h, moment, rotary, None)[:, :6], first)
    assert dit(x, prompt, text, time, step, mask).shape == (1, 9, 7)


def test_positions_turn_the_first_head_only_and_only_by_their_distance():
    dit = Dit(DIT)
    cos, sin = dit.rotary(8)
    q, k = torch.randn(1, 1, 18).expand(1, 8, 18), torch.randn(1, 1, 18).expand(1, 8, 18)
    turned_q, turned_k = rotate(q, cos, sin), rotate(k, cos, sin)
    assert torch.equal(turned_q[:, :, 6:], q[:, :, 6:])
    products = turned_q[0, :, :6] @ turned_k[0, :, :6].T
    torch.testing.assert_close(products[1:, 1:], products[:-1, :-1])
    assert not torch.allclose(products[0, 0], products[0, 3])


def test_bigvgan_filters_keep_low_and_stop_high_frequencies():
    activation = BigVgan(BigVganConfig(upsample_initial_channel=64)).activation_post
    # With both logarithms so low that nothing is added, the filters alone remain.
    activation.activation.alpha.data.fill_(-20.0)
    t = torch.arange(400.0)
    with torch.no_grad():
        low = activation(torch.sin(0.05 * t)[None, None])[0, 0, 20:-20]
        high = activation(torch.sin(3.1 * t)[None, None])[0, 0, 20:-20]
    torch.testing.assert_close(low, torch.sin(0.05 * t)[20:-20], atol=2e-3, rtol=0)
    assert high.abs().max() < 0.6


def test_snake_is_what_its_definition_says():
    snake = BigVgan(BigVganConfig(upsample_initial_channel=64)).activation_post.activation
    snake.alpha.data.fill_(0.3)
    snake.beta.data.fill_(-0.4)
    x = torch.randn(1, 1, 50)
    expected = x + torch.sin(torch.exp(torch.tensor(0.3)) * x) ** 2 / torch.exp(torch.tensor(-0.4))
    torch.testing.assert_close(snake(x), expected)


def test_a_vocoder_of_the_other_version_is_refused():
    with pytest.raises(ValueError, match='needs 480 at 48000 Hz of 7'):
        CfmAcoustic(CfmModel(V4), vocoder(V3))


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: DitConfig(head_dim=63), 'odd'),
        (lambda: DitConfig(time_dim=2), 'below 4'),
        (lambda: DitConfig(position_kernel_size=30), 'even'),
        (lambda: DitConfig(position_groups=17), 'groups'),
        (lambda: CfmConfig(chunk_frames=480), 'no room'),
        (lambda: CfmConfig(reference_frames=0), 'at least 1'),
        (lambda: CfmConfig(mel_low=3.0), 'not above'),
        (lambda: CfmConfig(sample_rate=22049), 'a token would last'),
        (lambda: CfmConfig(mixer_kernel_size=4), 'even'),
        (lambda: BigVganConfig(upsample_rates=(4, 4)), 'differ in length'),
        (lambda: BigVganConfig(upsample_kernel_sizes=(7, 8, 4, 4, 4, 4)), 'cannot make'),
        (lambda: MelHifiGanConfig(upsample_initial_channel=48), 'halved'),
        (
            lambda: MelHifiGanConfig(resblock_kernel_sizes=(), resblock_dilation_sizes=()),
            'at least one',
        ),
        (lambda: CfmSampling(zeros, steps=0), 'at least 1'),
        (lambda: CfmSampling(zeros, guidance=-0.1), 'at least'),
    ],
)
def test_sizes_that_do_not_fit_together_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
