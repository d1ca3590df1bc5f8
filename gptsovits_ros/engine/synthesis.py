"""One segment of text, from phonemes to waveform, with the models and all randomness given."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from gptsovits_ros.engine.acoustic_model import Decoding
from gptsovits_ros.engine.loaded_voice import LoadedVoice, TextCondition
from gptsovits_ros.errors import CanceledError
from gptsovits_ros.semantic.generate import generate
from gptsovits_ros.types import SamplingParameters


def segment_tokens(
    voice: LoadedVoice,
    text: TextCondition,
    sampling: SamplingParameters,
    generator: torch.Generator,
    cancelled: Callable[[], bool],
    max_tokens: int | None = None,
) -> Iterator[int]:
    """Yield the semantic tokens of a text, in the voice of the prompt.

    Raises:
        CanceledError: cancelled() said yes; it is asked before each token.

    """
    whole = text if voice.prompt_text is None else voice.prompt_text + text
    return generate(
        voice.semantic,
        whole.ids,
        whole.bert,
        voice.prompt_tokens,
        sampling,
        generator,
        max_tokens=max_tokens,
        cancelled=cancelled,
    )


@torch.inference_mode()
def segment_waveform(
    voice: LoadedVoice,
    tokens: list[int],
    text: TextCondition,
    decoding: Decoding,
    generator: torch.Generator,
    cancelled: Callable[[], bool],
) -> Tensor:
    """Return the waveform float32 [T] of the semantic tokens of a text.

    Raises:
        CanceledError: cancelled() said yes.

    """
    if cancelled():
        raise CanceledError('the utterance was cancelled')
    codes = torch.tensor(tokens, device=voice.device)
    return voice.acoustic.waveform(
        codes, text.ids, voice.condition, decoding, generator, cancelled
    )
