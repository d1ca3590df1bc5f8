"""From a text or a goal to a checked SpeechRequest; pure functions over plain values."""
from __future__ import annotations

from typing import Protocol

import numpy as np

from ..errors import (
    EngineUnavailableError,
    LanguageUnsupportedError,
    ParameterInvalidError,
    TextInvalidError,
    TextTooLongError,
    VoiceNotFoundError,
)
from ..types import LANGUAGES, SamplingParameters, SpeechRequest, VoiceInfo
from .parameters import Parameters, check

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
        sampling=parameters.sampling,
    )


def request_from_goal(goal: Goal, parameters: Parameters) -> SpeechRequest:
    """
    Return the request for a goal.

    :raises ParameterInvalidError: if a number is out of its range; the message names the field.
    """
    default = request_from_text(goal.text, parameters)
    return SpeechRequest(
        text=goal.text,
        language=goal.language or default.language,
        voice=goal.voice or default.voice,
        speed=_given('speed', 'speech.speed', goal.speed) or default.speed,
        seed=default.seed if goal.seed == -1 else _seed(_given('seed', 'speech.seed', goal.seed)),
        split_method=default.split_method,
        pause_s=default.pause_s,
        noise_scale=default.noise_scale,
        sampling=SamplingParameters(
            top_k=_given('top_k', 'sampling.top_k', goal.top_k) or default.sampling.top_k,
            top_p=_given('top_p', 'sampling.top_p', goal.top_p) or default.sampling.top_p,
            temperature=_given('temperature', 'sampling.temperature', goal.temperature)
            or default.sampling.temperature,
            repetition_penalty=_given('repetition_penalty', 'sampling.repetition_penalty',
                                      goal.repetition_penalty)
            or default.sampling.repetition_penalty,
        ),
    )


def check_text(text: str, max_length: int) -> None:
    """
    Raise if the text cannot be spoken: TextInvalidError or TextTooLongError.

    Messages tell lengths and positions, never the text: it is private.
    """
    if len(text) > max_length:
        raise TextTooLongError(f'the text has {len(text)} characters, at most {max_length} are '
                               'allowed (parameter speech.max_text_length); send it in parts')
    if not text.strip():
        raise TextInvalidError('the text is empty')
    for position, character in enumerate(text):
        if character == REPLACEMENT_CHARACTER or '\ud800' <= character <= '\udfff':
            raise TextInvalidError(
                f'the text is not valid UTF-8 (character {position}); the publisher must encode '
                'it as UTF-8')


def check_language(language: str) -> None:
    """Raise LanguageUnsupportedError if there is no such language tag."""
    if language not in LANGUAGES:
        raise LanguageUnsupportedError(
            f'there is no language {language[:20]!r}; use one of ' + ', '.join(LANGUAGES))


def find_voice(name: str, voices: tuple[VoiceInfo, ...]) -> VoiceInfo:
    """
    Return the voice of this name; an empty name is the default voice.

    :raises VoiceNotFoundError: if there is none.
    """
    for voice in voices:
        if voice.name == name or (not name and voice.is_default):
            return voice
    if not voices:
        raise VoiceNotFoundError('no voice is enrolled; put one into engine.voice_root')
    there_are = ', '.join(sorted(voice.name for voice in voices))
    raise VoiceNotFoundError(f'there is no voice {name[:40]!r}; there are: {there_are}')


def check_engine(state: str, message: str) -> None:
    """
    Raise EngineUnavailableError if the engine will not speak.

    While it starts or restarts utterances wait in the queue: a robot that greets at power-on must
    not depend on which process is up first.
    """
    if state in ('failed', 'stopped'):
        raise EngineUnavailableError(f'the engine has {state}: {message}' if state == 'failed'
                                     else 'the engine is stopped')


def _seed(value: int) -> int | None:
    return None if value == -1 else value


def _given(field: str, parameter: str, value: int | float) -> int | float:
    """Return a goal's number, checked against the range of the parameter; 0 passes: not given."""
    if isinstance(value, float):
        # The field is float32: take the decimal number that was meant, 1.35 and not 1.350000024.
        value = float(str(np.float32(value)))
    if value == 0 and field != 'seed':
        return value
    try:
        check(parameter, value)
    except ParameterInvalidError as error:
        raise ParameterInvalidError(f'{field}: {error}') from error
    return value
