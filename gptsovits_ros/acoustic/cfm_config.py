"""Sizes and rates of the v3 and v4 models; the defaults are those of the official files."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from gptsovits_ros.acoustic.config import SovitsConfig
from gptsovits_ros.types import SpectrogramConfig

RESBLOCK_KERNEL_SIZES = (3, 7, 11)
RESBLOCK_DILATION_SIZES = ((1, 3, 5), (1, 3, 5), (1, 3, 5))


@dataclass(frozen=True)
class DitConfig:
    """The transformer that predicts the flow of the mel (gptsovits-spec section 11).

    Attributes:
        dim: width of the blocks.
        n_layers: blocks.
        n_heads: attention heads.
        head_dim: width of a head.
        ff_mult: width of the feed-forward layers relative to dim.
        mel_bands: of what it makes.
        text_dim: width of the features that it reads.
        text_layers: ConvNeXt blocks over the features.
        text_mult: width inside these blocks relative to text_dim.
        text_kernel_size: of their depthwise convolution.
        text_positions: positions that the features are numbered by; later frames share the last.
        position_kernel_size: of the convolutions that tell frames where they are.
        position_groups: their groups.
        time_dim: sines and cosines that a time is told by.
        rotary_theta: base of the wavelengths of the rotary positions.

    """

    dim: int = 1024
    n_layers: int = 22
    n_heads: int = 16
    head_dim: int = 64
    ff_mult: int = 2
    mel_bands: int = 100
    text_dim: int = 512
    text_layers: int = 4
    text_mult: int = 2
    text_kernel_size: int = 7
    text_positions: int = 4096
    position_kernel_size: int = 31
    position_groups: int = 16
    time_dim: int = 256
    rotary_theta: float = 10000.0

    def __post_init__(self) -> None:
        """Raise ValueError for sizes that do not fit together."""
        for name in ('head_dim', 'text_dim', 'time_dim'):
            if getattr(self, name) % 2:
                raise ValueError(f'{name} {getattr(self, name)} is odd; pairs are needed')
        if self.time_dim < 4:
            raise ValueError(f'time_dim {self.time_dim} is below 4; a range of pairs is needed')
        for name in ('text_kernel_size', 'position_kernel_size'):
            if getattr(self, name) % 2 == 0:
                raise ValueError(f'{name} {getattr(self, name)} is even, so it has no centre')
        if self.dim % self.position_groups:
            raise ValueError(
                f'a dim of {self.dim} cannot be shared by {self.position_groups} groups'
            )


@dataclass(frozen=True)
class VocoderConfig:
    """A vocoder: what both kinds have in common.

    Attributes:
        sample_rate: of the waveform [Hz].
        mel_bands: of what it reads.
        upsample_rates: their product is the number of samples per mel frame.
        upsample_kernel_sizes: one per rate.
        upsample_initial_channel: width before the first rate; halved at each.
        resblock_kernel_sizes: of the residual blocks after each rate.
        resblock_dilation_sizes: dilations in each residual block.

    """

    sample_rate: int
    mel_bands: int
    upsample_rates: tuple[int, ...]
    upsample_kernel_sizes: tuple[int, ...]
    upsample_initial_channel: int
    resblock_kernel_sizes: tuple[int, ...] = RESBLOCK_KERNEL_SIZES
    resblock_dilation_sizes: tuple[tuple[int, ...], ...] = RESBLOCK_DILATION_SIZES

    def __post_init__(self) -> None:
        """Raise ValueError for sizes that do not fit together."""
        for name in ('upsample_rates', 'upsample_kernel_sizes', 'resblock_kernel_sizes'):
            _check_whole_numbers(name, getattr(self, name))
        for dilations in self.resblock_dilation_sizes:
            _check_whole_numbers('resblock_dilation_sizes', dilations)
        if len(self.upsample_rates) != len(self.upsample_kernel_sizes):
            raise ValueError('upsample_rates and upsample_kernel_sizes differ in length')
        if len(self.resblock_kernel_sizes) != len(self.resblock_dilation_sizes):
            raise ValueError('resblock_kernel_sizes and resblock_dilation_sizes differ in length')
        if not self.resblock_kernel_sizes or any(k % 2 == 0 for k in self.resblock_kernel_sizes):
            raise ValueError(
                f'resblock_kernel_sizes {self.resblock_kernel_sizes}: at least one is needed, and '
                'all must be odd'
            )
        for rate, kernel in zip(self.upsample_rates, self.upsample_kernel_sizes, strict=True):
            if kernel < rate or (kernel - rate) % 2:
                raise ValueError(f'a kernel of {kernel} cannot make {rate} samples of one')
        if self.upsample_initial_channel % 2 ** len(self.upsample_rates):
            raise ValueError(
                f'upsample_initial_channel {self.upsample_initial_channel} cannot be halved '
                f'{len(self.upsample_rates)} times'
            )

    @property
    def samples_per_frame(self) -> int:
        """Waveform samples per mel frame."""
        return prod(self.upsample_rates)


def _check_whole_numbers(name: str, values: object) -> None:
    if not isinstance(values, tuple) or any(type(value) is not int for value in values):
        raise ValueError(f'{name} must hold whole numbers, not {values!r}')


@dataclass(frozen=True)
class BigVganConfig(VocoderConfig):
    """BigVGAN v2 at 24 kHz, the vocoder of v3; see VocoderConfig."""

    sample_rate: int = 24000
    mel_bands: int = 100
    upsample_rates: tuple[int, ...] = (4, 4, 2, 2, 2, 2)
    upsample_kernel_sizes: tuple[int, ...] = (8, 8, 4, 4, 4, 4)
    upsample_initial_channel: int = 1536


@dataclass(frozen=True)
class MelHifiGanConfig(VocoderConfig):
    """HiFi-GAN at 48 kHz, the vocoder of v4; see VocoderConfig."""

    sample_rate: int = 48000
    mel_bands: int = 100
    upsample_rates: tuple[int, ...] = (10, 6, 2, 2, 2)
    upsample_kernel_sizes: tuple[int, ...] = (20, 12, 4, 4, 4)
    upsample_initial_channel: int = 512


@dataclass(frozen=True)
class CfmConfig:
    """A v3 model, or with `v4_config` a v4 one, without its vocoder (gptsovits-spec section 11).

    Attributes:
        sovits: the parts shared with v2 (tokens, style, prior); its flow and decoder are unused.
        dit: the transformer.
        sample_rate: of the waveform [Hz].
        mel: how the reference clip becomes a mel spectrogram; its rate is not sample_rate in v4.
        mel_low: log mel value that the model knows as -1.
        mel_high: log mel value that it knows as 1.
        frame_stretch: mel frames per latent frame (50 per second).
        masked_frames_per_token: length of the mask over the features. In v3 it is longer than the
            features; in v4, at speeds other than 1, it can be one frame shorter.
        mixer_layers: convolutions over the stretched features.
        mixer_kernel_size: their kernel.
        reference_frames: most mel frames of the reference that are used.
        chunk_frames: mel frames that the transformer sees at once, reference included.
        overlap_frames: mel frames that neighbouring chunks share where they are made in a batch.

    """

    sovits: SovitsConfig = field(default_factory=lambda: SovitsConfig(version='v3'))
    dit: DitConfig = DitConfig()
    sample_rate: int = 24000
    mel: SpectrogramConfig = SpectrogramConfig(24000, 1024, 256, 1024)
    mel_low: float = -12.0
    mel_high: float = 2.0
    frame_stretch: float = 1.875
    masked_frames_per_token: float = 3.875
    mixer_layers: int = 8
    mixer_kernel_size: int = 5
    reference_frames: int = 468
    chunk_frames: int = 934
    overlap_frames: int = 12

    def __post_init__(self) -> None:
        """Raise ValueError for sizes that do not fit together."""
        if self.chunk_frames - self.reference_frames <= self.overlap_frames:
            raise ValueError(
                f'chunks of {self.chunk_frames} frames leave no room for new ones beside '
                f'{self.reference_frames} of the reference and {self.overlap_frames} of overlap'
            )
        if self.reference_frames < 1:
            raise ValueError('reference_frames must be at least 1')
        if self.mixer_kernel_size % 2 == 0:
            raise ValueError(f'mixer_kernel_size {self.mixer_kernel_size} is even')
        if self.mel_high <= self.mel_low:
            raise ValueError(f'mel_high {self.mel_high} is not above mel_low {self.mel_low}')
        if self.samples_per_token % 1:
            raise ValueError(
                f'a token would last {self.samples_per_token} samples at {self.sample_rate} Hz'
            )

    @property
    def version(self) -> str:
        """GPT-SoVITS version, "v3" or "v4"."""
        return self.sovits.version

    @property
    def spectrogram(self) -> SpectrogramConfig:
        """How the reference clip becomes the spectrogram that the style is taken from."""
        return self.sovits.spectrogram

    @property
    def tokens_per_second(self) -> float:
        """Semantic tokens per second of speech at speed 1."""
        frames = self.spectrogram
        return frames.sample_rate / frames.hop_length / self.sovits.token_stride

    @property
    def samples_per_token(self) -> float:
        """Waveform samples per semantic token at speed 1."""
        return self.sample_rate / self.tokens_per_second


def v3_config(**changes: object) -> CfmConfig:
    """Return the official v3 sizes, with changes."""
    return CfmConfig(**changes)


def v4_config(**changes: object) -> CfmConfig:
    """Return the official v4 sizes, with changes."""
    official = {
        'sovits': SovitsConfig(version='v4'),
        'sample_rate': 48000,
        'mel': SpectrogramConfig(32000, 1280, 320, 1280),
        'frame_stretch': 2.0,
        'masked_frames_per_token': 4.0,
        'reference_frames': 500,
        'chunk_frames': 1000,
    }
    return CfmConfig(**{**official, **changes})


CFM_CONFIGS = {'v3': v3_config, 'v4': v4_config}
