"""Content features of speech (gptsovits-spec section 8.1); transformers has the network."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SAMPLE_RATE = 16000
# Silence after the prompt. Upstream counts 0.3 s at 32 kHz but appends it at 16 kHz; voices are
# used to it.
TAIL_SAMPLES = 9600


class HubertEncoder(nn.Module):
    """Waveform at 16 kHz -> content features at 50 frames per second."""

    def __init__(self, model: nn.Module) -> None:
        """Take a transformers HubertModel."""
        super().__init__()
        self.model = model

    def forward(self, waveform: Tensor) -> Tensor:
        """Return [1, width, F] for samples float32 [T], not normalised (as in training)."""
        padded = F.pad(waveform, (0, TAIL_SAMPLES))
        return self.model(padded[None].to(self.model.dtype)).last_hidden_state.transpose(1, 2)

    @property
    def device(self) -> torch.device:
        """Where the model runs."""
        return self.model.device
