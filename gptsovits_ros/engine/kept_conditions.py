"""The conditions of a voice, taken from its folder instead of from its recordings."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gptsovits_ros.engine.acoustic_model import AcousticModel
from gptsovits_ros.errors import VoiceInvalidError
from gptsovits_ros.voice.conditions import (
    StoredConditions,
    read_conditions,
    sources_of,
    write_conditions,
)
from gptsovits_ros.voice.voice_file import CONDITIONS_FILE, Voice

TOKENS = 'tokens'
# 10 s of prompt at 25 per second, and what an encoder may add at its end.
MAX_TOKENS = 300

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Conditions:
    """What a voice needs of its recordings.

    Attributes:
        tokens: int64 [S], semantic tokens of the prompt; S is 0 where its text is not known.
        condition: what the acoustic model takes.

    """

    tokens: Tensor
    condition: Any


def keep_conditions(voice: Voice, acoustic: AcousticModel, conditions: Conditions) -> None:
    """Write the conditions of a voice into its folder, for `kept_conditions` of later days."""
    tensors = {TOKENS: conditions.tokens, **acoustic.condition_tensors(conditions.condition)}
    write_conditions(StoredConditions(tensors, sources_of(voice)), voice.folder / CONDITIONS_FILE)


def kept_conditions(
    voice: Voice, acoustic: AcousticModel, vocabulary: int, device: torch.device
) -> Conditions | None:
    """Return the conditions that a voice brings along; None if they must be computed.

    Args:
        voice: whose they are.
        acoustic: its acoustic model.
        vocabulary: number of semantic tokens that its GPT knows.
        device: of the models.

    Raises:
        VoiceInvalidError: they are damaged, or belong to other models while there are no
            recordings to compute them anew.

    """
    if voice.conditions is None:
        return None
    stored = read_conditions(voice.conditions)
    if not stored.fits(voice):
        if voice.prompt_audio is None:
            raise VoiceInvalidError(
                f'the models or the prompt text of voice "{voice.name}" have changed since it was '
                'enrolled, and its recordings were not kept; put them back, or enrol it again'
            )
        log.info('voice "%s" has changed since its conditions were kept', voice.name)
        return None
    tensors = dict(stored.tensors)
    try:
        tokens = _tokens(tensors.pop(TOKENS, None), vocabulary)
        if bool(voice.prompt_text) != bool(len(tokens)):
            raise ValueError('the prompt has tokens but no text, or text but no tokens')
        return Conditions(tokens.to(device), acoustic.condition_from(tensors))
    except ValueError as error:
        raise VoiceInvalidError(f'{voice.conditions} is damaged: {error}') from error


def _tokens(tokens: Tensor | None, vocabulary: int) -> Tensor:
    """Refuse what would index beyond a table of the models."""
    if tokens is None or tokens.dtype != torch.int64 or tokens.dim() != 1:
        raise ValueError('it holds no prompt tokens')
    if len(tokens) > MAX_TOKENS or not bool(((tokens >= 0) & (tokens < vocabulary)).all()):
        raise ValueError(f'more than {MAX_TOKENS} prompt tokens, or one outside 0..{vocabulary}')
    return tokens
