"""The vocoder of v4: Kong et al. 2020 (HiFi-GAN), over a mel; gptsovits-spec section 11."""

from __future__ import annotations

from torch import Tensor

from gptsovits_ros.acoustic.cfm_config import MelHifiGanConfig
from gptsovits_ros.acoustic.hifigan import Generator


class MelHifiGan(Generator):
    """Log mel [B, mel_bands, F] -> waveform [B, 1, F * samples_per_frame] within [-1, 1]."""

    def __init__(self, config: MelHifiGanConfig) -> None:
        super().__init__(config.mel_bands, config, post_bias=True)
        self.config = config

    def forward(self, mel: Tensor) -> Tensor:
        return self.waveform(self.conv_pre(mel))
