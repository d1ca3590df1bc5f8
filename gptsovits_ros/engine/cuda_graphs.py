"""CUDA graphs: what many small operations do on a GPU is captured once, and replayed as a whole.

They are used only where they were seen to work: each model's captured form is compared with the
plain one when it is loaded, and where it cannot be captured, or gives other numbers, the model
goes on as before, one operation after another.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from gptsovits_ros.acoustic.captured_windows import CapturedWindows
from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.engine.model_cache import ByModel
from gptsovits_ros.semantic.decode_steps import CapturedSteps
from gptsovits_ros.semantic.model import Text2Semantic
from gptsovits_ros.types import Capture

# Largest error of a captured model relative to the plain one. Half precision and another order of
# sums make about a thousandth, bfloat16 a hundredth; what is captured wrongly makes about 1.
LARGEST_ERROR = 0.05

Captured = TypeVar('Captured', CapturedSteps, CapturedWindows)

log = logging.getLogger(__name__)


class GraphCapture:
    """Captures on one device; a Capture.

    All graphs share their memory, since none needs what another left: they read and write tensors
    that were made before, and what else they give is copied before the next one runs.
    """

    def __init__(self, device: torch.device) -> None:
        """Capture on a CUDA device."""
        self._device = device
        with torch.cuda.device(device):
            self._pool = torch.cuda.graph_pool_handle()
            self._stream = torch.cuda.Stream()

    def __call__(self, function: Callable[[], None]) -> Callable[[], None]:
        """Run a function, capture it, and return what replays it."""
        with torch.cuda.device(self._device):
            # Libraries set themselves up at the first call, which must not be captured.
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                function()
            torch.cuda.current_stream().wait_stream(self._stream)
            graph = torch.cuda.CUDAGraph()
            # Other threads may allocate meanwhile: another utterance, or its token loop.
            with torch.cuda.graph(
                graph,
                pool=self._pool,
                stream=self._stream,
                capture_error_mode='thread_local',
            ):
                function()
        return graph.replay


class _CheckedCapture:
    """Captures for one model; once that was seen to work, a failure costs speed and no more."""

    def __init__(self, capture: Capture, name: str) -> None:
        self.has_worked = False
        self._capture = capture
        self._name = name

    def __call__(self, function: Callable[[], None]) -> Callable[[], None]:
        try:
            return self._capture(function)
        except RuntimeError as failure:
            if not self.has_worked:
                raise
            log.warning(
                'a part of %s could not be captured, and is computed without a CUDA graph: %s',
                self._name,
                str(failure).splitlines()[0],
            )
            return function


class CapturedModels:
    """The captured forms of the models in memory, each checked against the plain one."""

    def __init__(self, capture: Capture | None) -> None:
        """Take what captures on the device of the models; None: nothing does."""
        self._capture = capture
        self._forms: ByModel[CapturedSteps | CapturedWindows] = ByModel()

    @classmethod
    def on(cls, device: torch.device, wanted: bool) -> CapturedModels:
        """Return those of a device, where it has CUDA graphs and they are wanted."""
        return cls(GraphCapture(device) if wanted and device.type == 'cuda' else None)

    def steps(self, model: Text2Semantic) -> CapturedSteps | None:
        """Return the steps of a GPT; None: they are not captured."""
        return self._form(model, CapturedSteps)

    def windows(self, model: Sovits) -> CapturedWindows | None:
        """Return the flow and the decoder of a SoVITS; None: they are not captured."""
        return self._form(model, CapturedWindows)

    def _form(
        self, model: nn.Module, make: Callable[[nn.Module, Capture], Captured]
    ) -> Captured | None:
        if self._capture is None:
            return None
        return self._forms.get(model, lambda: self._checked(model, make))

    def _checked(
        self, model: nn.Module, make: Callable[[nn.Module, Capture], Captured]
    ) -> Captured | None:
        """Return a captured form that gives the same numbers; None, and why in the log."""
        name = type(model).__name__
        capture = _CheckedCapture(self._capture, name)
        form = make(model, capture)
        try:
            error = form.error()
        except RuntimeError as failure:
            log.warning(
                'CUDA graphs of %s are not used, which makes it slower: they cannot be captured '
                '(%s). Set engine.cuda_graphs to false to do without them',
                name,
                str(failure).splitlines()[0],
            )
            return None
        if math.isfinite(error) and error <= LARGEST_ERROR:
            log.info('CUDA graphs of %s are used; their error is %.1g', name, error)
            capture.has_worked = True
            return form
        log.warning(
            'CUDA graphs of %s are not used, which makes it slower: they give other numbers '
            '(error %.2g, %.2g is allowed). Set engine.cuda_graphs to false to do without them',
            name,
            error,
            LARGEST_ERROR,
        )
        return None
