"""What the engine asks of the second half of a voice, whichever GPT-SoVITS version it is.

One adapter per family fulfils it: sovits_adapter (v1, v2, v2Pro, v2ProPlus) and cfm_adapter
(v3, v4). All that differs between versions is behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

Condition = TypeVar('Condition')


@dataclass(frozen=True)
class VoicePrompt:
    """The recordings that a voice is known by.

    Attributes:
        clips: the prompt, and further recordings whose style is averaged with its style.
        tokens: int64 [S], semantic tokens of the prompt; S is 0 where its text is not known.
        phoneme_ids: int64 [P], of what is said in the prompt; P is 0 where that is not known.

    """

    clips: tuple[Path, ...]
    tokens: Tensor
    phoneme_ids: Tensor


@dataclass(frozen=True)
class Decoding:
    """How semantic tokens become sound.

    Attributes:
        speed: speaking rate; above 1 is faster.
        noise_scale: spread of the prior; read by v1, v2, v2Pro and v2ProPlus.
        steps: in which the mel is drawn; read by v3 and v4.

    """

    speed: float = 1.0
    noise_scale: float = 0.5
    steps: int = 32


class AcousticStream(Protocol):
    """Semantic tokens of one segment -> waveform, while tokens still come.

    Attributes:
        lookahead: tokens that must be known behind those that become sound.
        token_duration_s: how long a token is heard, at the speed of the segment [s].

    """

    lookahead: int
    token_duration_s: float

    def decode(self, tokens: Tensor, stop: int | None) -> Tensor:
        """Return the waveform float32 [T] that follows the last piece.

        Args:
            tokens: int64 [S], all that are known, on the device of the model.
            stop: how many of them have become sound after this piece, at most S - lookahead; None:
                all, and there will be no more.

        Raises:
            CanceledError: cancelled() said yes.

        """


class AcousticModel(Protocol[Condition]):
    """Semantic tokens -> waveform, in the voice of a condition.

    Several voices may share the weights, so what belongs to one voice is in its condition.
    """

    @property
    def version(self) -> str:
        """GPT-SoVITS version, e.g. "v2Pro"."""

    @property
    def symbols(self) -> str:
        """Symbol table that phonemes are numbered by, "v1" or "v2"."""

    @property
    def sample_rate(self) -> int:
        """Rate of the waveform [Hz]."""

    @property
    def module(self) -> nn.Module:
        """All weights."""

    def tokens_from_features(self, features: Tensor) -> Tensor:
        """Return semantic tokens [1, S] of content features [1, C, F]."""

    def condition(self, prompt: VoicePrompt) -> Condition:
        """Return what the model takes from the recordings; computed once per voice.

        Raises:
            GptsovitsError: a recording or an encoder that is needed cannot be used.

        """

    def condition_tensors(self, condition: Condition) -> dict[str, Tensor]:
        """Return a condition as named tensors, to be kept in a file."""

    def condition_from(self, tensors: Mapping[str, Tensor]) -> Condition:
        """Return the condition that `condition_tensors` took apart, on the device of the model.

        Raises:
            ValueError: they are not those of this model.

        """

    def waveform(
        self,
        tokens: Tensor,
        phoneme_ids: Tensor,
        condition: Condition,
        decoding: Decoding,
        generator: torch.Generator,
        cancelled: Callable[[], bool],
    ) -> Tensor:
        """Return the waveform float32 [T].

        Args:
            tokens: int64 [S], on the device of the model.
            phoneme_ids: int64 [P], of the same text (no prompt).
            condition: of the voice.
            decoding: how.
            generator: the source of all randomness, on the device of the model.
            cancelled: asked where the model can stop in between.

        Raises:
            CanceledError: cancelled() said yes.

        """

    def stream(
        self,
        phoneme_ids: Tensor,
        condition: Condition,
        decoding: Decoding,
        generator: torch.Generator,
        cancelled: Callable[[], bool],
    ) -> AcousticStream | None:
        """Begin a segment that is decoded piece by piece; None where only whole ones can be.

        Arguments are those of `waveform`. The generator belongs to the stream: with the seed that
        `waveform` gets the noise is the same.
        """


def check_shapes(tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse tensors that are not exactly these, all of float32.

    Raises:
        ValueError: one is missing, left over, or of another shape or type.

    """
    found = {name: (value.dtype, tuple(value.shape)) for name, value in tensors.items()}
    wanted = {name: (torch.float32, shape) for name, shape in shapes.items()}
    if found != wanted:
        raise ValueError(f'{found} instead of {wanted}')
