"""Windows of latent frames that become sound: at once, or captured on a GPU to be replayed.

The flow and the decoder are some five hundred small operations for a piece of a stream, which take
a GPU less time than its host takes to start them. All pieces of a stream but the last are of a few
sizes, so what computes them can be captured once for each size, and replayed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.types import Capture

# Sizes that are remembered. A stream has about ten, and each speaking rate has its own.
MOST_SIZES = 64


@dataclass(frozen=True)
class Window:
    """Which of the frames that the flow reads become sound.

    Attributes:
        before: so many first frames are for the flow alone.
        frames: so many that follow are for the decoder, context included.
        left: so many of those are context before what becomes sound,
        right: and so many behind it.

    """

    before: int
    frames: int
    left: int
    right: int


def window_sound(
    model: Sovits,
    latent: Tensor,
    style: Tensor,
    window: Window,
    before_stage: Callable[[], None] | None = None,
) -> Tensor:
    """Return the sound of a window, [1, 1, T].

    Args:
        model: whose flow and decoder.
        latent: of the prior, with all frames that the flow reads, [1, inter_channels, F].
        style: [1, gin_channels, 1].
        window: which of these frames become sound.
        before_stage: called before each stage of the decoder; may raise to stop there.

    """
    z = model.flow.inverse(latent, style)
    z = z[..., window.before : window.before + window.frames]
    return model.decoder.window(z, style, window.left, window.right, before_stage)


@dataclass(frozen=True)
class _Captured:
    latent: Tensor
    style: Tensor
    wave: list[Tensor]  # one, made anew where the function runs instead of being replayed
    replay: Callable[[], None]


class CapturedWindows:
    """The same as `window_sound`, replayed for sizes that come again and again."""

    def __init__(self, model: Sovits, capture: Capture) -> None:
        """Take the model, on its device, and what captures there."""
        self._model = model
        self._capture = capture
        # None: a size that came once.
        self._sizes: OrderedDict[tuple[int, Window], _Captured | None] = OrderedDict()

    @property
    def captured(self) -> int:
        """How many sizes are captured."""
        return sum(one is not None for one in self._sizes.values())

    def sound(self, latent: Tensor, style: Tensor, window: Window) -> Tensor:
        """Return the sound of a window; arguments are those of window_sound."""
        key = (latent.shape[-1], window)
        if key not in self._sizes:
            self._remember(key, None)
            return window_sound(self._model, latent, style, window)
        captured = self._sizes[key] or self._captured(latent, style, window)
        self._remember(key, captured)
        captured.latent.copy_(latent)
        captured.style.copy_(style)
        captured.replay()
        # The next replay writes to the same place.
        return captured.wave[0].clone()

    @torch.inference_mode()
    def error(self) -> float:
        """Return the error of a replayed window, relative to the sound computed plainly."""
        model, weight = self._model, self._model.decoder.cond.weight
        context = model.decoder.context_frames
        window = Window(0, context + 2, 0, context)
        generator = torch.Generator(weight.device).manual_seed(0)
        shapes = (model.config.inter_channels, context + 2), (model.config.gin_channels, 1)
        # Twice, so that the size is captured, and once more.
        for _ in range(3):
            latent, style = (
                torch.randn(1, *shape, generator=generator, device=weight.device)
                for shape in shapes
            )
            replayed = self.sound(latent, style, window)
        plain = window_sound(model, latent, style, window)
        return float((replayed - plain).norm() / plain.norm())

    def _remember(self, key: tuple[int, Window], captured: _Captured | None) -> None:
        self._sizes[key] = captured
        self._sizes.move_to_end(key)
        while len(self._sizes) > MOST_SIZES:
            self._sizes.popitem(last=False)

    def _captured(self, latent: Tensor, style: Tensor, window: Window) -> _Captured:
        own_latent, own_style = latent.clone(), style.clone()
        wave: list[Tensor] = []

        def decode() -> None:
            wave[:] = [window_sound(self._model, own_latent, own_style, window)]

        return _Captured(own_latent, own_style, wave, self._capture(decode))
