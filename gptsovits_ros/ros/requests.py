"""From a text or a goal to a checked SpeechRequest; pure functions over plain values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from gptsovits_ros import types
from gptsovits_ros.errors import (
    EngineUnavailableError,
    ParameterInvalidError,
    TextInvalidError,
    VoiceNotFoundError,
)
from gptsovits_ros.ros.order import Order, Policy, Priority
from gptsovits_ros.ros.parameters import Parameters
from gptsovits_ros.types import SamplingParameters, SpeechRequest, VoiceInfo

# rclpy decodes strings with errors='replace': bytes that are not UTF-8 arrive as this character.
REPLACEMENT_CHARACTER = '\ufffd'

MAX_NAME_LENGTH = 64


class SayRequest(Protocol):
    """A request that names some settings (msg/SayRequest); at 0, -1 or empty: the parameter."""

    text: str
    language: str
    voice: str
    speed: float
    seed: int


class StreamStart(Protocol):
    """The first piece of a text stream (msg/SayStream); empty: the parameter."""

    language: str
    voice: str


class Ordered(Protocol):
    """What a request asks of the queue; 0: the parameter."""

    priority: int
    policy: int


class Goal(SayRequest, Protocol):
    """The goal of action/Speak.action; fields left at 0, -1 or empty take the parameter."""

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
        stream=parameters.speech_stream,
        marks=parameters.speech_marks,
        sampling=parameters.sampling,
    )


def request_from_say(message: SayRequest, parameters: Parameters) -> SpeechRequest:
    """Return the request for a message of `say_request`; not checked yet."""
    default = request_from_text(message.text, parameters)
    return replace(
        default,
        language=message.language or default.language,
        voice=message.voice or default.voice,
        speed=_decimal(message.speed) or default.speed,
        seed=default.seed if message.seed == -1 else message.seed,
    )


def request_from_stream(message: StreamStart, parameters: Parameters) -> SpeechRequest:
    """Return the request for a text stream, without its text; not checked yet."""
    default = request_from_text('', parameters)
    return replace(
        default,
        language=message.language or default.language,
        voice=message.voice or default.voice,
    )


def request_from_goal(goal: Goal, parameters: Parameters) -> SpeechRequest:
    """Return the request for a goal; not checked yet."""
    default = request_from_say(goal, parameters)
    return replace(
        default,
        sampling=SamplingParameters(
            top_k=goal.top_k or default.sampling.top_k,
            top_p=_decimal(goal.top_p) or default.sampling.top_p,
            temperature=_decimal(goal.temperature) or default.sampling.temperature,
            repetition_penalty=_decimal(goal.repetition_penalty)
            or default.sampling.repetition_penalty,
        ),
    )


def order_from(
    message: Ordered | None, parameters: Parameters, now: float, deadline_s: float = 0.0
) -> Order:
    """Return what a request asks of the queue.

    Args:
        message: says it; None: nothing but the parameters does.
        now: when it came [s, time.monotonic()].
        deadline_s: how long it may wait [s]; 0: as the parameters say.

    Raises:
        ParameterInvalidError: if there is no such priority, policy or deadline.

    """
    priority = _of_enum(Priority, message and message.priority, parameters.say_priority)
    policy = _of_enum(Policy, message and message.policy, parameters.say_policy)
    if deadline_s < 0:
        raise ParameterInvalidError(f'the deadline is {deadline_s} s; it counts from now on')
    deadline_s = deadline_s or parameters.say_deadline_s
    if policy is Policy.DROP_IF_LATE and not deadline_s:
        return Order(priority, policy, now + parameters.queue_late_s)
    return Order(priority, policy, now + deadline_s if deadline_s else None)


def checked_name(name: str, what: str) -> str:
    """Return a name that came over ROS; raise ParameterInvalidError if it is none."""
    if len(name) > MAX_NAME_LENGTH or not name.isprintable() or name != name.strip():
        raise ParameterInvalidError(
            f'the {what} must be at most {MAX_NAME_LENGTH} printable characters, without space '
            'at its ends'
        )
    return name


def check_request(request: SpeechRequest, max_text_length: int) -> None:
    """Raise the typed error for a request that came over ROS and cannot be spoken.

    Messages tell lengths and positions, never the text: it is private.
    """
    types.check_request(request, max_text_length)
    check_utf8(request.text)


def check_utf8(text: str) -> None:
    """Raise TextInvalidError if what was sent as a text was not UTF-8."""
    position = text.find(REPLACEMENT_CHARACTER)
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


def _of_enum(kind: type[Any], number: int | None, default: str) -> Any:
    """Return a value of an enumeration; no number or 0: the default, by name."""
    if not number:
        return kind[default.upper()]
    try:
        return kind(number)
    except ValueError as error:
        known = ', '.join(f'{value.value} {value.name}' for value in kind)
        name = kind.__name__.lower()
        raise ParameterInvalidError(f'there is no {name} {number}; there are: {known}') from error


def _seed(value: int) -> int | None:
    return None if value == -1 else value


def _decimal(value: float) -> float:
    """Return the decimal number that a float32 field stands for: 1.35 and not 1.350000024."""
    return float(str(np.float32(value)))
