"""The loss of flow matching: what counts, what is ignored, and that it can be learned."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from gptsovits_ros.acoustic.cfm_config import DitConfig
from gptsovits_ros.acoustic.dit import Dit
from gptsovits_ros.training.cfm_losses import FlowBatch, flow_loss

SIZES = DitConfig(
    dim=16, n_layers=1, n_heads=2, head_dim=8, text_dim=6, text_layers=1, mel_bands=5,
    position_kernel_size=3, position_groups=4,
)  # fmt: skip
STEPS = torch.tensor([2.0**-3, 2.0**-7])


@pytest.fixture
def dit() -> Dit:
    torch.manual_seed(0)
    return Dit(SIZES).eval()


@pytest.fixture
def batch() -> FlowBatch:
    torch.manual_seed(1)
    return FlowBatch(
        torch.randn(2, 12, 5),
        torch.randn(2, 12, 5),
        torch.randn(2, 12, 6),
        torch.tensor([0.2, 0.7]),
        torch.tensor([12, 8]),
        torch.tensor([4, 2]),
    )


class Exact(Dit):
    """Knows the velocity."""

    def __init__(self, velocity: torch.Tensor) -> None:
        super().__init__(SIZES)
        self.velocity = velocity

    def forward(self, x, *_, **__):
        return self.velocity


@pytest.mark.parametrize('steps', [None, STEPS])
def test_a_model_that_knows_the_velocity_has_no_loss(batch, steps):
    assert flow_loss(Exact(batch.mel - batch.noise), batch, steps) == 0


def test_known_frames_and_padding_are_not_judged(batch):
    wrong = batch.mel - batch.noise
    wrong[0, :4], wrong[1, :2], wrong[1, 8:] = 99.0, 99.0, 99.0
    assert flow_loss(Exact(wrong), batch) == 0
    wrong[1, 7] += 1.0  # one of six frames of one of two mels
    assert flow_loss(Exact(wrong), batch).item() == pytest.approx(1 / 12)


@pytest.mark.parametrize('steps', [None, STEPS])
def test_the_noise_of_known_frames_does_not_matter(dit, batch, steps):
    noise = batch.noise.clone()
    noise[0, :4], noise[1, :2] = 5.0, 5.0
    other = dataclasses.replace(batch, noise=noise)
    torch.testing.assert_close(flow_loss(dit, other, steps), flow_loss(dit, batch, steps))


def test_only_the_double_step_of_a_shortcut_is_trained(batch):
    calls = []

    class Watched(Dit):
        def forward(self, x, reference, text, time, step, mask=None):
            calls.append((torch.is_grad_enabled(), step))
            return super().forward(x, reference, text, time, step, mask)

    torch.manual_seed(0)
    dit = Watched(SIZES).eval()
    flow_loss(dit, batch, STEPS).backward()
    assert [trained for trained, _ in calls] == [False, False, True]
    # Half steps of 1/8 and of next to nothing, then one of 1/4 and 1/64.
    told = [dit.embed_step(torch.tensor(steps)) for steps in ((0.125, 0.0), (0.25, 0.015625))]
    for (_, found), wanted in zip(calls, (told[0], told[0], told[1]), strict=True):
        torch.testing.assert_close(found, wanted)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in dit.parameters())


def test_the_loss_can_be_learned(dit, batch):
    optimizer = torch.optim.Adam(dit.parameters(), 3e-3)
    first = flow_loss(dit, batch).item()
    for _ in range(60):
        optimizer.zero_grad()
        loss = flow_loss(dit, batch)
        loss.backward()
        optimizer.step()
    assert loss.item() < first / 4
