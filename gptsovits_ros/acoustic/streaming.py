"""SoVITS for tokens that become known bit by bit: the sound of the first while others are made.

The prior encoder reads all tokens that are known, since its attention sees all of them; it takes
a few percent of the time. The flow and the decoder, which take the rest, run on the new frames and
on as many of their neighbours as a frame depends on. So the cost grows with the length of the
speech, and with all tokens known the pieces are those of the whole waveform.

What the last tokens sound like also depends on tokens that are not known yet. The sound of a token
is therefore made once LOOKAHEAD_TOKENS behind it are known (docs/performance.md has what is lost).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gptsovits_ros.acoustic.captured_windows import CapturedWindows, Window, window_sound
from gptsovits_ros.acoustic.cfm import never
from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.acoustic.text_encoder import read_at_speed
from gptsovits_ros.errors import CanceledError

# Tokens (40 ms each) that must be known behind those that become sound.
LOOKAHEAD_TOKENS = 4

# The end of a piece is made a second time, with what has become known since, and faded into: one
# frame (20 ms). Without new knowledge both are equal.
FADE_FRAMES = 1

# Frames per draw of noise.
NOISE_FRAMES = 64


class FrameNoise:
    """The noise of the prior, frame after frame.

    It is drawn in blocks of one size, so that a frame gets the same numbers however many are asked
    for at once.
    """

    def __init__(self, channels: int, generator: torch.Generator) -> None:
        """Draw [1, channels, F] from a generator, which nothing else may draw from."""
        self._shape = (1, channels, NOISE_FRAMES)
        self._generator = generator
        self._drawn = torch.empty(1, channels, 0, device=generator.device)

    def frames(self, start: int, stop: int) -> Tensor:
        """Return standard normal [1, channels, stop - start]."""
        while self._drawn.shape[-1] < stop:
            block = torch.randn(
                self._shape, generator=self._generator, device=self._generator.device
            )
            self._drawn = torch.cat([self._drawn, block], dim=-1)
        return self._drawn[..., start:stop]


class SovitsStream:
    """The sound of one segment, piece by piece."""

    def __init__(
        self,
        model: Sovits,
        phoneme_ids: Tensor,
        style: Tensor,
        *,
        speed: float = 1.0,
        noise: FrameNoise | None = None,
        noise_scale: float = 0.5,
        captured: CapturedWindows | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> None:
        """Begin a segment.

        Args:
            model: of v1, v2, v2Pro or v2ProPlus.
            phoneme_ids: int64 [1, P], of the whole segment (no prompt).
            style: [1, gin_channels, 1].
            speed: speaking rate; above 1 is faster.
            noise: of the prior; None for the mean.
            noise_scale: how much of it is used.
            captured: of this model; makes all pieces but the last. None: they are computed one
                operation after another.
            cancelled: asked several times while a piece is made, and once where it is replayed.

        """
        self._model = model
        self._phoneme_ids = phoneme_ids
        self._style = style
        self._speed = speed
        self._noise = noise
        self._noise_scale = noise_scale
        self._captured = captured
        self._cancelled = cancelled
        self._text: Tensor | None = None
        self._made = 0  # frames that have become sound
        self._tail: Tensor | None = None  # [1, 1, T], what followed the last piece as it was known

    def decode(self, tokens: Tensor, stop: int | None = None) -> Tensor:
        """Return the sound that follows the last piece, float32 [1, 1, T].

        Args:
            tokens: int64 [1, S], all that are known of this segment.
            stop: number of the token whose sound comes first in the next piece, at least
                LOOKAHEAD_TOKENS less than S for sound that is right; None: these are all tokens,
                and the piece goes to the end.

        Raises:
            CanceledError: cancelled() said yes; nothing more can be decoded.
            ValueError: too few tokens are known to go as far as `stop`.

        """
        known = tokens.shape[-1]
        if stop is None:
            end = readable = self._model.latent_frames(known, self._speed)
            fade = 0
        else:
            stride = self._model.config.token_stride
            end = int(stop * stride / self._speed)
            # Frames that lie between two that are known.
            readable = int((known * stride - 0.5) / self._speed + 0.5)
            fade = FADE_FRAMES
        if end + fade > readable:
            raise ValueError(f'{known} tokens are too few to decode the first {stop}')
        captured = None if stop is None else self._captured
        wave = self._window(tokens, self._made, end + fade, readable, captured)
        self._made = end
        return self._joined(wave, fade)

    def _window(
        self,
        tokens: Tensor,
        start: int,
        stop: int,
        readable: int,
        captured: CapturedWindows | None,
    ) -> Tensor:
        """Return the sound of the frames from start to stop, by all that is known."""
        model = self._model
        near = model.decoder.context_frames
        far = near + model.flow.context_frames
        first, last = max(start - far, 0), min(stop + far, readable)
        self._ask()
        latent = self._prior(tokens, first, last)
        left, right = min(start - first, near), min(last - stop, near)
        window = Window(start - left - first, left + stop - start + right, left, right)
        if captured is not None:
            return captured.sound(latent, self._style, window)
        return window_sound(model, latent, self._style, window, self._ask)

    def _ask(self) -> None:
        if self._cancelled():
            raise CanceledError('the utterance was cancelled')

    def _prior(self, tokens: Tensor, first: int, last: int) -> Tensor:
        """Return the latent of the prior [1, inter_channels, last - first]."""
        model = self._model
        if self._text is None:
            self._text = model.prior.encoded_text(self._phoneme_ids)
        latent = model.prior.joint_latent_of(
            model.quantized(tokens), self._text, model.text_style(self._style)
        )
        mean, log_std = model.prior.statistics(read_at_speed(latent, self._speed, first, last))
        if self._noise is None:
            return mean
        return mean + self._noise.frames(first, last) * torch.exp(log_std) * self._noise_scale

    def _joined(self, wave: Tensor, fade_frames: int) -> Tensor:
        """Fade from what was made of the first frame before, and keep the last ones for later."""
        samples = self._model.config.samples_per_frame
        if self._tail is not None:
            length = self._tail.shape[-1]
            rise = torch.linspace(0, 1, length + 2, device=wave.device)[1:-1]
            head = self._tail + (wave[..., :length] - self._tail) * rise
            wave = torch.cat([head, wave[..., length:]], dim=-1)
        kept = wave.shape[-1] - fade_frames * samples
        self._tail = wave[..., kept:] if fade_frames else None
        return wave[..., :kept]
