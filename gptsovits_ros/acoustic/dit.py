"""The transformer of v3 and v4 (upstream `cfm.estimator`): which way the mel must flow.

Peebles & Xie 2023 (DiT), Woo et al. 2023 (ConvNeXt V2), Su et al. 2021 (rotary positions), put
together as in Chen et al. 2024 (F5-TTS); gptsovits-spec section 11. Tensors are [B, F, C].
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.acoustic.cfm_config import DitConfig

# Times lie in [0, 1]; the sines are made for steps of 0..1000, as in diffusion models.
TIME_SCALE = 1000.0
# Of the sines that a time is told by, the slowest turns by so much of the fastest.
SLOWEST = 1e-4
EPS = 1e-6
TEXT_THETA = 10000.0


class TimeEmbedding(nn.Module):
    """Times [B] -> vectors [B, dim]."""

    def __init__(self, config: DitConfig) -> None:
        super().__init__()
        self.pairs = config.time_dim // 2
        self.mlp = nn.Sequential(
            nn.Linear(config.time_dim, config.dim), nn.SiLU(), nn.Linear(config.dim, config.dim)
        )

    def forward(self, time: Tensor) -> Tensor:
        exponents = torch.arange(self.pairs, device=time.device) / (self.pairs - 1)
        angles = TIME_SCALE * time.float()[:, None] * SLOWEST**exponents
        return self.mlp(torch.cat([angles.sin(), angles.cos()], dim=-1).to(time))


class GlobalResponseNorm(nn.Module):
    """Scale each channel by its energy over time relative to the other channels'."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        energy = x.norm(dim=1, keepdim=True)  # [B, 1, C]
        relative = energy / (energy.mean(dim=-1, keepdim=True) + EPS)
        return x + self.gamma * (x * relative) + self.beta


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over time, then two linear layers, with a residual."""

    def __init__(self, channels: int, width: int, kernel_size: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(
            channels, channels, kernel_size, padding=kernel_size // 2, groups=channels
        )
        self.norm = nn.LayerNorm(channels, eps=EPS)
        self.pwconv1 = nn.Linear(channels, width)
        self.grn = GlobalResponseNorm(width)
        self.pwconv2 = nn.Linear(width, channels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.dwconv(x.transpose(1, 2)).transpose(1, 2))
        return x + self.pwconv2(self.grn(F.gelu(self.pwconv1(h))))


class TextEmbedding(nn.Module):
    """Features [B, F, text_dim], numbered by position and mixed over time."""

    def __init__(self, config: DitConfig) -> None:
        super().__init__()
        self.positions = config.text_positions
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(
                config.text_dim, config.text_mult * config.text_dim, config.text_kernel_size
            )
            for _ in range(config.text_layers)
        )

    def forward(self, features: Tensor) -> Tensor:
        frames = torch.arange(features.shape[1], device=features.device)
        steps = torch.arange(0, features.shape[-1], 2, device=features.device)
        angles = torch.outer(
            frames.clamp_max(self.positions - 1).float(),
            TEXT_THETA ** (-steps / features.shape[-1]),
        )
        x = features + torch.cat([angles.cos(), angles.sin()], dim=-1).to(features)
        for block in self.blocks:
            x = block(x)
        return x


class InputEmbedding(nn.Module):
    """The mel on its way, the mel of the reference and the text -> [B, F, dim]."""

    def __init__(self, config: DitConfig) -> None:
        super().__init__()
        self.projection = nn.Linear(2 * config.mel_bands + config.text_dim, config.dim)
        self.position = nn.Sequential(
            *(
                layer
                for _ in range(2)
                for layer in (
                    nn.Conv1d(
                        config.dim,
                        config.dim,
                        config.position_kernel_size,
                        padding=config.position_kernel_size // 2,
                        groups=config.position_groups,
                    ),
                    nn.Mish(),
                )
            )
        )

    def forward(self, x: Tensor, reference: Tensor, text: Tensor) -> Tensor:
        h = self.projection(torch.cat([x, reference, text], dim=-1))
        return h + self.position(h.transpose(1, 2)).transpose(1, 2)


class RotaryPositions(nn.Module):
    """Turn the leading channels of queries and keys by their position."""

    def __init__(self, config: DitConfig) -> None:
        super().__init__()
        steps = torch.arange(0, config.head_dim, 2) / config.head_dim
        # Official files carry the frequencies, so they are part of the state.
        self.register_buffer('frequencies', config.rotary_theta**-steps)

    def forward(self, frames: int) -> tuple[Tensor, Tensor]:
        """Return cosines and sines, [frames, head_dim / 2] each."""
        # Half precision cannot number the frames.
        positions = torch.arange(frames, device=self.frequencies.device).float()
        angles = torch.outer(positions, self.frequencies.float())
        return angles.cos().to(self.frequencies), angles.sin().to(self.frequencies)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn neighbouring pairs among the first channels of x [B, F, C] by angles [F, pairs].

    The weights were trained with heads split only afterwards, so that of all heads only the first
    one knows positions (gptsovits-spec section 12.4).
    """
    turned, rest = x.split([2 * cos.shape[-1], x.shape[-1] - 2 * cos.shape[-1]], dim=-1)
    first, second = turned.unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack([first * cos - second * sin, second * cos + first * sin], dim=-1)
    return torch.cat([turned.flatten(-2), rest], dim=-1)


class DitAttention(nn.Module):
    """Every frame attends to every frame."""

    def __init__(self, config: DitConfig) -> None:
        super().__init__()
        self.heads = config.n_heads
        width = config.n_heads * config.head_dim
        self.to_q = nn.Linear(config.dim, width)
        self.to_k = nn.Linear(config.dim, width)
        self.to_v = nn.Linear(config.dim, width)
        self.to_out = nn.Linear(width, config.dim)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        """Attend within x [B, F, dim]; mask bool [B, 1, 1, F] is True where there is data."""
        q, k = rotate(self.to_q(x), *rotary), rotate(self.to_k(x), *rotary)
        q, k, v = (h.unflatten(-1, (self.heads, -1)).transpose(1, 2) for h in (q, k, self.to_v(x)))
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        out = self.to_out(out.transpose(1, 2).flatten(2))
        return out if mask is None else out * mask.view(len(x), -1, 1)


class Block(nn.Module):
    """Attention and feed-forward, each shifted, scaled and gated by the time."""

    def __init__(self, config: DitConfig) -> None:
        super().__init__()
        self.modulation = nn.Linear(config.dim, 6 * config.dim)
        self.attention = DitAttention(config)
        self.feed_forward = nn.Sequential(
            nn.Linear(config.dim, config.ff_mult * config.dim),
            nn.GELU(approximate='tanh'),
            nn.Linear(config.ff_mult * config.dim, config.dim),
        )

    def forward(
        self, x: Tensor, time: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor | None
    ) -> Tensor:
        """Update x [B, F, dim]; time [B or 1, 1, dim] has gone through a SiLU."""
        shift, scale, gate, ff_shift, ff_scale, ff_gate = self.modulation(time).chunk(6, dim=-1)
        x = x + gate * self.attention(modulated(x, shift, scale), rotary, mask)
        return x + ff_gate * self.feed_forward(modulated(x, ff_shift, ff_scale))


def modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Normalise each frame of x [B, F, dim], then scale and shift it."""
    return F.layer_norm(x, x.shape[-1:], eps=EPS) * (1 + scale) + shift


class Dit(nn.Module):
    """The velocity of the mel at a time, given the reference and the features of the speech.

    What does not change from step to step is computed by `embed_text` and `embed_step` once.
    """

    def __init__(self, config: DitConfig) -> None:
        super().__init__()
        self.config = config
        self.time_embedding = TimeEmbedding(config)
        self.step_embedding = TimeEmbedding(config)
        self.text_embedding = TextEmbedding(config)
        self.input_embedding = InputEmbedding(config)
        self.rotary = RotaryPositions(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.output_modulation = nn.Linear(config.dim, 2 * config.dim)
        self.output = nn.Linear(config.dim, config.mel_bands)

    def embed_text(self, features: Tensor) -> Tensor:
        """Return [B, F, text_dim] for features [B, F, text_dim]."""
        return self.text_embedding(features)

    def embed_step(self, step: Tensor) -> Tensor:
        """Return [B, dim] for the lengths [B] of the steps that will be made."""
        return self.step_embedding(step)

    def forward(
        self,
        x: Tensor,
        reference: Tensor,
        text: Tensor,
        time: Tensor,
        step: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Return the velocity [B, F, mel_bands].

        Args:
            x: the mel at this time, [B, F, mel_bands].
            reference: mel of the reference in the first frames, else 0, of the same shape.
            text: what embed_text returned, [B, F, text_dim].
            time: in [0, 1], [B], or [1] for all rows.
            step: what embed_step returned, [B, dim] or [1, dim].
            mask: bool [B, 1, 1, F], True where there is data; None: everywhere.

        """
        moment = F.silu(self.time_embedding(time) + step)[:, None]
        h = self.input_embedding(x, reference, text)
        rotary = self.rotary(h.shape[1])
        for block in self.blocks:
            h = block(h, moment, rotary, mask)
        # Here the scale comes first, in the blocks the shift does.
        scale, shift = self.output_modulation(moment).chunk(2, dim=-1)
        return self.output(modulated(h, shift, scale))
