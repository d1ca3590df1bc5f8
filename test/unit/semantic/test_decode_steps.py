"""Steps in tensors of fixed shapes: the tokens of plain steps, and what a GPU can capture."""

from __future__ import annotations

import pytest
import torch

from gptsovits_ros.semantic import decode_steps
from gptsovits_ros.semantic.decode_steps import MOST_CAPTURED, CapturedSteps
from gptsovits_ros.semantic.generate import generate
from gptsovits_ros.semantic.text_path import PAUSE, TextPath
from gptsovits_ros.types import SamplingParameters

from ..capture_rules import NO_VALUES, Recorder, capture
from .small_gpt import CODES, SAMPLINGS, gpt

IDS = torch.tensor([5, 3, 90, 3, 4, 90, 5, 4, 90])
PROMPT = torch.tensor([0, 6, 7, 2, 1])


def steered() -> TextPath:
    """Return the way along the last six phonemes of IDS; each of them has tokens of its own."""
    return TextPath(CODES, [3, 4, PAUSE, 5, 4, PAUSE])


def drawn(
    model, captured=None, *, seed=0, sampling=SAMPLINGS[0], prompt=PROMPT, path=None, **more
):
    torch.manual_seed(9)
    bert = torch.randn(4, len(IDS))
    generator = torch.Generator().manual_seed(seed)
    return list(
        generate(
            model, IDS, bert, prompt, sampling, generator, path=path, captured=captured, **more
        )
    )


@pytest.fixture
def small_spans(monkeypatch):
    monkeypatch.setattr(decode_steps, 'SPANS', (16, 24))


@pytest.mark.usefixtures('small_spans')
@pytest.mark.parametrize('prompt', [PROMPT, PROMPT[:0]])
def test_captured_steps_draw_what_plain_ones_draw(prompt):
    model, recorder = gpt(), Recorder()
    captured = CapturedSteps(model, recorder)
    lengths = []
    for seed in range(6):
        for sampling in SAMPLINGS:
            options = {'seed': seed, 'sampling': sampling, 'prompt': prompt}
            tokens = drawn(model, captured, **options)
            assert tokens == drawn(model, **options)
            lengths.append(len(tokens))
    # Several spans were read, and each with each sampling was captured once.
    assert max(lengths) + len(IDS) + len(prompt) > 48 and len(set(lengths)) > 1
    assert captured.captured == recorder.count <= 5 * len(SAMPLINGS)


@pytest.mark.usefixtures('small_spans')
@pytest.mark.parametrize('ahead', [0, 2])
def test_captured_steps_keep_to_a_path_and_see_its_window(ahead):
    model, recorder = gpt(text_ahead=ahead), Recorder()
    captured = CapturedSteps(model, recorder)
    for seed in range(4):
        tokens = drawn(model, captured, seed=seed, path=steered())
        assert tokens == drawn(model, seed=seed, path=steered())
    assert len(tokens) > 4
    # The host draws, whatever the sampling: one step for each span.
    assert 1 <= recorder.count <= 3


def test_a_window_of_one_generation_is_none_of_the_next():
    model = gpt(text_ahead=2)
    captured = CapturedSteps(model, Recorder())
    drawn(model, captured, path=steered())
    assert drawn(model, captured, seed=4) == drawn(model, seed=4)


def test_a_longer_generation_gets_a_larger_cache(monkeypatch):
    monkeypatch.setattr(decode_steps, 'SPANS', (16, 24))
    model, recorder = gpt(), Recorder()
    captured = CapturedSteps(model, recorder)
    assert drawn(model, captured, max_tokens=1) == drawn(model, max_tokens=1)
    assert drawn(model, captured, max_tokens=30) == drawn(model, max_tokens=30)
    assert drawn(model, captured, max_tokens=5) == drawn(model, max_tokens=5)
    assert captured.captured <= recorder.count


def test_a_token_without_a_position_in_the_table_is_drawn_plainly():
    model, recorder = gpt(), Recorder()
    captured = CapturedSteps(model, recorder)
    limit = len(model.positions)
    assert not captured.fits(1, limit) and captured.fits(0, limit)
    tokens = drawn(model, captured, max_tokens=limit)
    assert tokens == drawn(model, max_tokens=limit) and not recorder.count


def test_steps_for_ever_new_samplings_do_not_pile_up():
    model = gpt()
    captured = CapturedSteps(model, Recorder())
    for number in range(MOST_CAPTURED + 5):
        drawn(model, captured, sampling=SamplingParameters(temperature=1 + number), max_tokens=3)
    assert captured.captured == MOST_CAPTURED


@pytest.mark.parametrize('half', [False, True])
def test_the_error_of_captured_steps_is_that_of_rounding(half):
    model = gpt().half() if half else gpt()
    assert CapturedSteps(model, Recorder()).error() < (5e-3 if half else 1e-5)


def test_the_error_tells_of_a_replay_that_does_nothing():
    captured = CapturedSteps(gpt(), lambda function: lambda: None)
    assert captured.error() > 0.02


@pytest.mark.parametrize('half', [False, True])
@pytest.mark.parametrize('sampling', [None, *SAMPLINGS])
def test_a_gpu_can_capture_a_step(half, sampling):
    """Nothing in a step asks for a value or brings one, so that it can be replayed."""
    model = (gpt().half() if half else gpt()).to(NO_VALUES)
    captured = CapturedSteps(model, capture)
    with torch.inference_mode():
        captured.begin(torch.zeros(5, dtype=torch.int64, device=NO_VALUES), 40, None)
        captured._step(256, sampling)
    assert captured.captured == 1


@torch.inference_mode()
def test_the_rules_of_capturing_are_seen_to():
    on_device, here = torch.zeros(3, device=NO_VALUES), torch.zeros(3)
    with pytest.raises(RuntimeError, match='meta tensors'):
        capture(lambda: bool(on_device.any()))
    with pytest.raises(AssertionError, match='on cpu'):
        capture(lambda: here.to(NO_VALUES))
    with pytest.raises(AssertionError, match='are brought'):
        capture(lambda: torch.tensor([1.0], device=NO_VALUES))
    capture(lambda: on_device + 1)
