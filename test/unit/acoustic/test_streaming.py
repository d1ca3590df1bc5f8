"""Sound made piece by piece is that of the whole, and costs what the pieces are long."""

from __future__ import annotations

import contextlib
import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from gptsovits_ros.acoustic.config import OFFICIAL_CONFIGS
from gptsovits_ros.acoustic.hifigan import HifiGan
from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.acoustic.streaming import (
    LOOKAHEAD_TOKENS,
    NOISE_FRAMES,
    FrameNoise,
    SovitsStream,
)
from gptsovits_ros.acoustic.text_encoder import at_speed, read_at_speed
from gptsovits_ros.errors import CanceledError
from gptsovits_ros.types import SpectrogramConfig

from .narrow import NARROW, made

WITH_SPEAKER = NARROW | {'gin_channels': 20, 'speaker_dim': 30}
CONFIGS = {
    version: replace(config, **(WITH_SPEAKER if config.speaker_dim else NARROW))
    for version, config in OFFICIAL_CONFIGS.items()
}
# Another rate, other rates, kernels and depths: nothing may be a literal.
CONFIGS['24k'] = replace(
    CONFIGS['v2'],
    spectrogram=SpectrogramConfig(24000, 1024, 480, 1024),
    style_bins=500,
    flow_layers=3,
    flow_wavenet_layers=2,
    wavenet_kernel_size=7,
    upsample_rates=(10, 6, 4, 2),
    upsample_kernel_sizes=(20, 12, 8, 4),
    resblock_kernel_sizes=(3, 9),
    resblock_dilation_sizes=((1, 3), (2, 4)),
)
TOKENS = 101


@pytest.fixture(scope='module', params=CONFIGS)
def model(request) -> Sovits:
    return made(CONFIGS[request.param])


@pytest.fixture(scope='module')
def v2() -> Sovits:
    return made(CONFIGS['v2'])


def inputs(model: Sovits, tokens: int = TOKENS):
    """Return tokens [1, S], phonemes [1, P] and a style."""
    rng = torch.Generator().manual_seed(1)
    codes = torch.randint(16, (1, tokens), generator=rng)
    ids = torch.randint(20, (1, 7), generator=rng)
    return codes, ids, torch.randn(1, model.config.gin_channels, 1, generator=rng)


def noise(model: Sovits) -> FrameNoise:
    return FrameNoise(model.config.inter_channels, torch.Generator().manual_seed(2))


@torch.inference_mode()
def whole(model: Sovits, speed: float = 1.0, tokens: int = TOKENS) -> torch.Tensor:
    """Return the sound of a decode in one piece, with time stretched as a stream stretches it."""
    codes, ids, style = inputs(model, tokens)
    frames = model.latent_frames(tokens, speed)
    if speed == 1.0:
        return model.decode(codes, ids, style, noise=noise(model).frames(0, frames))
    latent = model.prior.joint_latent(model.quantized(codes), ids, model.text_style(style))
    mean, log_std = model.prior.statistics(read_at_speed(latent, speed, 0, frames))
    z_p = mean + noise(model).frames(0, frames) * torch.exp(log_std) * 0.5
    return model.decoder(model.flow.inverse(z_p, style), style)


@torch.inference_mode()
def pieces(
    model: Sovits, stops: list[int], speed: float = 1.0, tokens: int = TOKENS, known: int = TOKENS
) -> list[torch.Tensor]:
    """Return the sound up to each stop and to the end; `known` tokens are known behind a stop."""
    codes, ids, style = inputs(model, tokens)
    stream = SovitsStream(model, ids, style, speed=speed, noise=noise(model))
    made = [stream.decode(codes[:, : stop + known], stop) for stop in stops]
    return [*made, stream.decode(codes)]


def relative(error: torch.Tensor, reference: torch.Tensor) -> float:
    """Return the largest error relative to the RMS of the reference."""
    return float(error.abs().max() / reference.pow(2).mean().sqrt())


PLANS = {
    'one piece': [],
    'small': list(range(3, 95, 3)),
    'growing': [6, 15, 28, 48, 73],
    'odd': [1, 2, 31, 32, 80],
}


@pytest.mark.parametrize('plan', PLANS)
def test_pieces_are_the_whole_if_all_tokens_are_known(model, plan):
    expected = whole(model)
    got = torch.cat(pieces(model, PLANS[plan]), dim=-1)
    assert got.shape == expected.shape
    assert relative(got - expected, expected) < 2e-5


@pytest.mark.parametrize('speed', [0.5, 0.77, 1.25, 2.0])
@pytest.mark.parametrize('plan', ['growing', 'odd'])
def test_pieces_are_the_whole_at_every_speed(model, plan, speed):
    expected = whole(model, speed)
    got = torch.cat(pieces(model, PLANS[plan], speed), dim=-1)
    assert got.shape == expected.shape
    assert relative(got - expected, expected) < 2e-5


@pytest.mark.parametrize('tokens', [1, 2, 7, 40])
def test_a_short_segment_is_one_piece_and_the_whole(model, tokens):
    expected = whole(model, tokens=tokens)
    (got,) = pieces(model, [], tokens=tokens)
    assert relative(got - expected, expected) < 2e-5


@pytest.mark.parametrize('speed', [0.5, 0.77, 1.0, 1.25, 2.0])
def test_a_stream_is_as_long_as_the_whole_and_its_pieces_as_their_tokens(v2, speed):
    made = pieces(v2, PLANS['growing'], speed, known=LOOKAHEAD_TOKENS)
    frame = v2.config.samples_per_frame
    assert sum(piece.shape[-1] for piece in made) == v2.latent_frames(TOKENS, speed) * frame
    heard = 0
    for piece, stop in zip(made, PLANS['growing'], strict=False):
        heard += piece.shape[-1]
        assert heard == int(stop * v2.config.token_stride / speed) * frame


@torch.inference_mode()
def test_time_stretched_by_the_speed_itself_is_within_a_frame_of_the_whole(v2):
    latent = torch.arange(200.0).expand(1, 1, -1)
    for speed in (0.5, 0.77, 1.25, 2.0):
        expected = at_speed(latent, speed)
        got = read_at_speed(latent, speed, 0, expected.shape[-1])
        # The values are the times they were at [frames of the latent].
        assert (got - expected).abs().max() <= max(1.0, speed)
    assert torch.equal(read_at_speed(latent, 1.0, 3, 9), latent[..., 3:9])


def test_noise_does_not_depend_on_how_it_is_asked_for():
    def fresh() -> FrameNoise:
        return FrameNoise(5, torch.Generator().manual_seed(3))

    length = 3 * NOISE_FRAMES + 7
    at_once, bit_by_bit = fresh(), fresh()
    expected = at_once.frames(0, length)
    got = torch.cat([bit_by_bit.frames(n, min(n + 10, length)) for n in range(0, length, 10)], -1)
    assert torch.equal(got, expected)
    assert expected.shape == (1, 5, length)
    assert abs(float(expected.mean())) < 0.1 and abs(float(expected.std()) - 1) < 0.1


@torch.inference_mode()
def test_context_of_the_decoder_is_what_it_depends_on_and_no_more(model):
    """Change what is just inside and just outside of the context of the middle."""
    decoder: HifiGan = model.decoder
    near, rate = decoder.context_frames, model.config.samples_per_frame
    style = torch.zeros(1, model.config.gin_channels, 1)
    middle = near + 3
    z = torch.randn(1, model.config.inter_channels, 2 * middle + 1)
    part = slice(middle * rate, (middle + 1) * rate)
    before = decoder(z, style)[..., part]
    for offset, is_heard in ((near + 1, False), (near - 1, True)):
        for side in (-1, 1):
            changed = z.clone()
            changed[..., middle + side * offset] += 100.0
            assert torch.equal(decoder(changed, style)[..., part], before) is not is_heard


def test_context_of_the_flow_is_what_it_depends_on(model):
    """The gradient of a frame in the middle is zero beyond the context, and only there."""
    far = model.flow.context_frames
    style = torch.zeros(1, model.config.gin_channels, 1, dtype=torch.float64)
    shape = (1, model.config.inter_channels, 2 * far + 9)
    z = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    flow = copy.deepcopy(model.flow).double()
    flow.inverse(z, style)[..., far + 4].sum().backward()
    heard = z.grad.abs().sum(dim=(0, 1)) > 0
    assert heard.nonzero().flatten().tolist() == list(range(4, 2 * far + 5))


def test_pieces_join_without_a_step_while_the_future_is_unknown(v2):
    """The jump at a joint is no larger than those within pieces."""
    made = pieces(v2, PLANS['growing'], known=LOOKAHEAD_TOKENS)
    steps = torch.cat(made, dim=-1).diff().abs().flatten()
    joints = torch.tensor([piece.shape[-1] for piece in made[:-1]]).cumsum(0) - 1
    assert float(steps[joints].max()) <= float(steps.max()) * 0.99


@torch.inference_mode()
def test_what_was_not_known_is_faded_into(v2):
    """A piece begins where the one before was going, whatever has become known since."""
    codes, ids, style = inputs(v2)
    stop, frame = 20, v2.config.samples_per_frame
    first = SovitsStream(v2, ids, style)
    first.decode(codes[:, : stop + 2], stop)
    was_going = first._tail[..., 0]
    piece = first.decode(codes)
    alone = SovitsStream(v2, ids, style)
    alone.decode(codes, stop)
    known = alone.decode(codes)
    assert torch.equal(piece[..., frame:], known[..., frame:])
    before, after = piece[..., 0] - was_going, piece[..., 0] - known[..., 0]
    assert before.abs() < after.abs() or torch.equal(was_going, known[..., 0])


def test_the_cost_of_a_piece_does_not_grow_with_what_was_said_before(v2):
    """Frames that reach the decoder's last stage are those of the piece and a few more."""
    widths = []
    hook = v2.decoder.conv_post.register_forward_hook(
        lambda _, args, __: widths.append(args[0].shape[-1])
    )
    stops = list(range(10, 95, 10))
    pieces(v2, stops, known=LOOKAHEAD_TOKENS)
    hook.remove()
    frame = v2.config.samples_per_frame
    for width in widths[:-1]:
        assert width <= 10 * v2.config.samples_per_token + 2 * frame


@pytest.mark.parametrize('after', range(7))
def test_cancel_is_seen_before_every_stage_of_the_decoder(v2, after):
    codes, ids, style = inputs(v2)
    asked = []

    def cancelled() -> bool:
        asked.append(None)
        return len(asked) > after

    stream = SovitsStream(v2, ids, style, cancelled=cancelled)
    stages = 1 + len(v2.config.upsample_rates)
    with contextlib.nullcontext() if after == stages else pytest.raises(CanceledError):
        stream.decode(codes, 30)
    assert len(asked) == min(after + 1, stages)


def test_a_stop_too_near_the_last_known_token_is_refused(v2):
    codes, ids, style = inputs(v2)
    with pytest.raises(ValueError, match='10 tokens are too few to decode the first 10'):
        SovitsStream(v2, ids, style).decode(codes[:, :10], 10)


def test_without_noise_the_mean_is_heard(v2):
    codes, ids, style = inputs(v2)
    stream = SovitsStream(v2, ids, style)
    with torch.inference_mode():
        got = torch.cat([stream.decode(codes, 30), stream.decode(codes)], dim=-1)
        expected = v2.decode(codes, ids, style)
    assert F.l1_loss(got, expected) < 1e-5
