"""The posterior encoder (upstream `enc_q`): a spectrogram becomes the latent, in training only."""

from __future__ import annotations

from torch import Tensor, nn

from gptsovits_ros.acoustic.attention import masked
from gptsovits_ros.acoustic.config import SovitsConfig
from gptsovits_ros.acoustic.wavenet import WaveNet


class PosteriorEncoder(nn.Module):
    """gptsovits-spec section 7.6."""

    def __init__(self, config: SovitsConfig) -> None:
        super().__init__()
        self.pre = nn.Conv1d(config.spectrogram.bins, config.hidden_channels, 1)
        self.enc = WaveNet(
            config.hidden_channels,
            config.wavenet_kernel_size,
            config.posterior_layers,
            config.gin_channels,
        )
        self.proj = nn.Conv1d(config.hidden_channels, 2 * config.inter_channels, 1)

    def forward(
        self, spectrogram: Tensor, style: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return mean and log deviation [B, inter_channels, F] for a spectrogram [B, bins, F]."""
        h = self.enc(masked(self.pre(spectrogram), mask), style, mask)
        mean, log_std = masked(self.proj(h), mask).chunk(2, dim=1)
        return mean, log_std
