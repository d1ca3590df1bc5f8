"""Other rooms, microphones and throats for log mel spectrograms, so that real recordings work.

All of it is done on the power in mel bands, where it costs next to nothing: noise adds up, a
microphone multiplies, an echo decays, and a longer or shorter throat shifts the bands.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class AugmentSettings:
    """How far clips are changed; each change is drawn per clip, but the tempo per batch.

    Attributes:
        clean: share of the clips that stay as they are, but for the tempo.
        tempo: fastest rate, and one over the slowest.
        warp_bands: furthest shift of the bands, up or down, in the middle of the spectrum.
        noise_db: least and most of the signal above noise and above another speaker [dB].
        noise: share of the clips with noise.
        babble: share of the clips with another clip behind them.
        echo: share of the clips with an echo.
        echo_db: least and most of the direct sound above the echo [dB].
        echo_s: shortest and longest time in which the echo falls by 60 dB [s].
        filter: share of the clips with another frequency response.
        filter_db: most that the response rises or falls [dB].
        narrow: share of the clips cut off above, as by a telephone.

    """

    clean: float = 0.2
    tempo: float = 1.12
    warp_bands: float = 4.0
    noise_db: tuple[float, ...] = (3.0, 35.0)
    noise: float = 0.6
    babble: float = 0.15
    echo: float = 0.4
    echo_db: tuple[float, ...] = (-2.0, 15.0)
    echo_s: tuple[float, ...] = (0.15, 0.8)
    filter: float = 0.6
    filter_db: float = 8.0
    narrow: float = 0.2


FRAMES_PER_S = 100
CUT_DB = -45.0
# A curve over the bands is drawn at so many points, with straight lines between them.
CURVE_POINTS = 6
LOWEST = 1e-10


def augment(power: Tensor, lengths: Tensor, settings: AugmentSettings) -> Tensor:
    """Return mel power [B, bands, N], changed; the random numbers come from torch's generator.

    Args:
        power: 0 beyond the end of each clip.
        lengths: int64 [B], frames of each clip.
        settings: how far.

    """
    count = power.shape[0]
    mask = (torch.arange(power.shape[2]) < lengths[:, None])[:, None]
    changed = _warp(power, _between(-settings.warp_bands, settings.warp_bands, count))
    mean = changed.sum((1, 2), keepdim=True) / lengths.clamp_min(1)[:, None, None]  # per frame
    babble = changed.roll(1, 0) * (mean / mean.roll(1, 0).clamp_min(LOWEST))
    babble = babble * _from_db(-_between(*settings.noise_db, count))
    changed = changed + babble * _chosen(settings.babble, count)
    changed = changed + _echo(changed, settings) * _chosen(settings.echo, count)
    curve = _curves(count, power.shape[1]) * settings.filter_db
    changed = changed * _from_db(curve * _chosen(settings.filter, count))
    noise = _noise(changed, mean, settings)
    changed = changed + noise * _chosen(settings.noise, count)
    changed = changed * _cutoff(count, power.shape[1], settings.narrow)
    return torch.where(_chosen(settings.clean, count) > 0, power, changed) * mask


def change_tempo(values: Tensor, rate: float, stride: int = 1) -> Tensor:
    """Return [B, C, N] at another rate, N a multiple of stride, and so is what comes back."""
    frames = max(round(values.shape[2] / stride / rate), 1) * stride
    return F.interpolate(values, size=frames, mode='linear')


def draw_tempo(settings: AugmentSettings) -> float:
    """Return the rate for a batch."""
    return float(settings.tempo ** (2 * torch.rand(()) - 1))


def _warp(power: Tensor, bands: Tensor) -> Tensor:
    """Move the bands up by so many, less and less towards both ends of the spectrum."""
    count = power.shape[1]
    place = torch.arange(count) / (count - 1)
    source = torch.arange(count)[:, None] - bands * (4 * place * (1 - place))[:, None]
    low = source.floor().clamp(0, count - 2)  # [B, bands, 1]
    share = (source - low).clamp(0, 1)
    low = low.long().expand_as(power)
    return power.gather(1, low) * (1 - share) + power.gather(1, low + 1) * share


def _echo(power: Tensor, settings: AugmentSettings) -> Tensor:
    """Return an exponentially decaying echo."""
    count, bands, _ = power.shape
    times = torch.arange(1, round(settings.echo_s[1] * FRAMES_PER_S / 2)) / FRAMES_PER_S
    decay = _from_db(-60 * times / _between(*settings.echo_s, count))  # [B, 1, K]
    kernel = decay / decay.sum(2, keepdim=True) * _from_db(-_between(*settings.echo_db, count))
    kernel = F.pad(kernel.flip(2), (0, 1))  # the direct sound is left out
    padded = F.pad(power, (kernel.shape[2] - 1, 0)).transpose(0, 1)  # [bands, B, N + K]
    return F.conv1d(padded, kernel, groups=count).transpose(0, 1)


def _noise(power: Tensor, mean: Tensor, settings: AugmentSettings) -> Tensor:
    """Return noise of a random colour."""
    count, bands, frames = power.shape
    colour = _from_db(_curves(count, bands) * 20)
    colour = colour / colour.sum(1, keepdim=True)
    level = mean * _from_db(-_between(*settings.noise_db, count))
    flutter = torch.empty(count, bands, frames).exponential_().add_(1).mul_(0.5)
    return colour * level * flutter


def _cutoff(count: int, bands: int, share: float) -> Tensor:
    """Return a factor per band [B, bands, 1]: nothing above a band, where that is chosen."""
    highest = torch.rand(count, 1) * bands * 0.3 + bands * 0.65
    cut = (torch.arange(bands) > highest)[..., None] * _chosen(share, count)
    return _from_db(cut * CUT_DB)


def _curves(count: int, bands: int) -> Tensor:
    """Return smooth curves over the bands in [-1, 1], [B, bands, 1]."""
    points = torch.rand(count, 1, CURVE_POINTS) * 2 - 1
    return F.interpolate(points, size=bands, mode='linear', align_corners=True).transpose(1, 2)


def _between(low: float, high: float, count: int) -> Tensor:
    return low + (high - low) * torch.rand(count, 1, 1)


def _chosen(share: float, count: int) -> Tensor:
    return (torch.rand(count, 1, 1) < share).float()


def _from_db(level: Tensor) -> Tensor:
    """Return the factor of power."""
    return 10 ** (level / 10)
