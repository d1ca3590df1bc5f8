"""From a text or a goal to a checked SpeechRequest; pure functions over plain values."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from gptsovits_ros import types
from gptsovits_ros.errors import EngineUnavailableError, TextInvalidError, VoiceNotFoundError
from gptsovits_ros.ros.parameters import Parameters
from gptsovits_ros.types import SamplingParameters, SpeechRequest, VoiceInfo

# rclpy decodes strings with errors='replace': bytes that are not UTF-8 arrive as this character.
REPLACEMENT_CHARACTER = '\ufffd'


class Goal(Protocol):
    """The goal of action/Speak.action; fields left at 0, -1 or empty take the parameter."""

    text: str
    language: str
    voice: str
    speed: float
    seed: int
    top_k: int
    top_p: float
    temperature: float
    repetition_penalty: float


def request_from_text(text: str, parameters: Parameters) -> SpeechRequest:
    """Return the request for a plain text, everything else as the parameters say."""
    return SpeechRequest(
        text=text,
        language=parameters.language,
        voice=parameters.voice,
        speed=parameters.speech_speed,
        seed=_seed(parameters.speech_seed),
        split_method=parameters.speech_split,
        pause_s=parameters.speech_pause_s,
        sample_steps=parameters.speech_sample_steps,
        guard_retries=parameters.speech_guard_retries,
        sampling=parameters.sampling,
    )


def request_from_goal(goal: Goal, parameters: Parameters) -> SpeechRequest:
    """Return the request for a goal; not checked yet."""
    default = request_from_text(goal.text, parameters)
    return SpeechRequest(
        text=goal.text,
        language=goal.language or default.language,
        voice=goal.voice or default.voice,
        speed=_decimal(goal.speed) or default.speed,
        seed=default.seed if goal.seed == -1 else goal.seed,
        split_method=default.split_method,
        pause_s=default.pause_s,
        sample_steps=default.sample_steps,
        guard_retries=default.guard_retries,
        sampling=SamplingParameters(
            top_k=goal.top_k or default.sampling.top_k,
            top_p=_decimal(goal.top_p) or default.sampling.top_p,
            temperature=_decimal(goal.temperature) or default.sampling.temperature,
            repetition_penalty=_decimal(goal.repetition_penalty)
            or default.sampling.repetition_penalty,
        ),
    )


def check_request(request: SpeechRequest, max_text_length: int) -> None:
    """Raise the typed error for a request that came over ROS and cannot be spoken.

    Messages tell lengths and positions, never the text: it is private.
    """
    types.check_request(request, max_text_length)
    position = request.text.find(REPLACEMENT_CHARACTER)
    if position >= 0:
        raise TextInvalidError(
            f'the text is not valid UTF-8 (character {position}); the sender '
            'must encode it as UTF-8'
        )


def find_voice(name: str, voices: tuple[VoiceInfo, ...]) -> VoiceInfo:
    """Return the voice of this name; an empty name is the default voice.

    Raises:
        VoiceNotFoundError: if there is none.

    """
    for voice in voices:
        if voice.name == name or (not name and voice.is_default):
            return voice
    there_are = ', '.join(sorted(voice.name for voice in voices)) or 'none'
    raise VoiceNotFoundError(f'there is no voice {name[:40]!r}; the voices are: {there_are}')


def check_engine(state: str, message: str) -> None:
    """Raise EngineUnavailableError if the engine will not speak.

    While it starts or restarts utterances wait in the queue: a robot that greets at power-on must
    not depend on which process is up first.
    """
    if state not in ('ready', 'starting', 'restarting'):
        raise EngineUnavailableError(f'the engine is {state}: {message}')


def _seed(value: int) -> int | None:
    return None if value == -1 else value


def _decimal(value: float) -> float:
    """Return the decimal number that a float32 field stands for: 1.35 and not 1.350000024."""
    return float(str(np.float32(value)))
