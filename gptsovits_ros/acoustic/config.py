"""Sizes and rates of the SoVITS model; the defaults are those of the official v2 checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from gptsovits_ros.types import SpectrogramConfig


@dataclass(frozen=True)
class SovitsConfig:
    """Every width, rate and layer count of SoVITS (gptsovits-spec sections 2.2 and 7).

    Attributes:
        version: GPT-SoVITS version, e.g. "v2".
        spectrogram: of the reference, and of the posterior encoder in training.
        phoneme_vocab_size: rows of the phoneme table.
        ssl_dim: width of the content features (HuBERT).
        codebook_size: semantic tokens of the quantizer.
        token_stride: content frames (50 per second) per semantic token; 2 makes 25 tokens/s.
        inter_channels: width of the latent z.
        hidden_channels: width of the encoders and the flow.
        filter_channels: width of the feed-forward layers in the encoders.
        n_heads: attention heads of the encoders.
        n_layers: layers of the phoneme encoder; the token and joint encoders have half as many.
        kernel_size: of the feed-forward convolutions.
        p_dropout: in training.
        attention_window: reach of the relative positions [frames].
        mrte_channels: width of the cross-attention between tokens and phonemes.
        mrte_heads: its heads.
        gin_channels: width of the style embedding.
        speaker_dim: width of the speaker embedding that is added to the style; 0: none (v1, v2).
        style_bins: spectrogram rows that the style encoder sees (704 from v2 on; all 1025 in v1).
        style_channels: width inside the style encoder.
        style_heads: its attention heads.
        flow_layers: coupling layers.
        flow_wavenet_layers: convolutions in each of them.
        posterior_layers: convolutions of the posterior encoder (training only).
        wavenet_kernel_size: kernel of both.
        upsample_rates: of the decoder; their product is the hop length.
        upsample_kernel_sizes: one per rate.
        upsample_initial_channel: width of the decoder before the first rate; halved at each.
        resblock_kernel_sizes: of the residual blocks after each rate.
        resblock_dilation_sizes: dilations in each residual block.

    """

    version: str = 'v2'
    spectrogram: SpectrogramConfig = SpectrogramConfig()
    phoneme_vocab_size: int = 732
    ssl_dim: int = 768
    codebook_size: int = 1024
    token_stride: int = 2
    inter_channels: int = 192
    hidden_channels: int = 192
    filter_channels: int = 768
    n_heads: int = 2
    n_layers: int = 6
    kernel_size: int = 3
    p_dropout: float = 0.1
    attention_window: int = 4
    mrte_channels: int = 512
    mrte_heads: int = 4
    gin_channels: int = 512
    speaker_dim: int = 0
    style_bins: int = 704
    style_channels: int = 128
    style_heads: int = 2
    flow_layers: int = 4
    flow_wavenet_layers: int = 4
    posterior_layers: int = 16
    wavenet_kernel_size: int = 5
    upsample_rates: tuple[int, ...] = (10, 8, 2, 2, 2)
    upsample_kernel_sizes: tuple[int, ...] = (16, 16, 8, 2, 2)
    upsample_initial_channel: int = 512
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_dilation_sizes: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))

    def __post_init__(self) -> None:
        """Raise ValueError for sizes that do not fit together."""
        for width, heads in (
            (self.hidden_channels, self.n_heads),
            (self.mrte_channels, self.mrte_heads),
            (self.style_channels, self.style_heads),
            (self.inter_channels, 2),
        ):
            if width % heads:
                raise ValueError(f'a width of {width} cannot be shared by {heads} heads or halves')
        if self.samples_per_frame != self.spectrogram.hop_length:
            raise ValueError(
                f'upsample_rates multiply to {self.samples_per_frame}, but hop_length is '
                f'{self.spectrogram.hop_length}'
            )
        if self.style_bins > self.spectrogram.bins:
            raise ValueError(
                f'style_bins {self.style_bins} exceeds the {self.spectrogram.bins} bins'
            )
        if not self.speaker_dim and self.gin_channels != self.mrte_channels:
            raise ValueError(
                f'gin_channels {self.gin_channels} is not mrte_channels {self.mrte_channels}, '
                'which the style embedding is added to'
            )
        if len(self.upsample_rates) != len(self.upsample_kernel_sizes):
            raise ValueError('upsample_rates and upsample_kernel_sizes differ in length')
        if len(self.resblock_kernel_sizes) != len(self.resblock_dilation_sizes):
            raise ValueError('resblock_kernel_sizes and resblock_dilation_sizes differ in length')

    @property
    def symbols(self) -> str:
        """The symbol table that phonemes are numbered by, "v1" or "v2"."""
        return 'v1' if self.version == 'v1' else 'v2'

    @property
    def sample_rate(self) -> int:
        """Rate of the waveform that the model makes [Hz]."""
        return self.spectrogram.sample_rate

    @property
    def samples_per_frame(self) -> int:
        """Waveform samples per latent frame."""
        return prod(self.upsample_rates)

    @property
    def samples_per_token(self) -> int:
        """Waveform samples per semantic token at speed 1."""
        return self.samples_per_frame * self.token_stride


_V2 = SovitsConfig()
_V2_PRO = replace(_V2, version='v2Pro', gin_channels=1024, speaker_dim=20480, p_dropout=0.0)
# The sizes of the official checkpoints, by version.
OFFICIAL_CONFIGS = {
    'v1': replace(_V2, version='v1', phoneme_vocab_size=322, style_bins=1025),
    'v2': _V2,
    'v2Pro': _V2_PRO,
    'v2ProPlus': replace(
        _V2_PRO,
        version='v2ProPlus',
        upsample_initial_channel=768,
        upsample_kernel_sizes=(20, 16, 8, 2, 2),
    ),
}
