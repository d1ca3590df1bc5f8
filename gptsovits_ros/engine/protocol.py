"""The messages between client and engine, and how they become frames (docs/engine-protocol.md).

A message is one msgpack map (the header) with its name under "type"; a chunk of audio has a second
frame with the samples, raw little-endian float32, and a recording to enrol one with the content of
its file. Pure functions: no socket is touched here, and
nothing here loads torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgpack

from gptsovits_ros.engine import wire
from gptsovits_ros.engine.voice_tasks import (
    DeleteVoice,
    DescribeVoice,
    EnrollVoice,
    ExportVoice,
    ImportVoice,
    SetDefaultVoice,
    VoiceDone,
    VoiceTask,
)
from gptsovits_ros.errors import GptsovitsError, ProtocolError
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import AudioChunk, SpeechRequest, VoiceInfo

# Raise it with every change of a message, or of a dataclass of types.py that a message carries.
PROTOCOL_VERSION = 8

MAX_HEADER_BYTES = 1024 * 1024  # marks of the longest segment: 0.7 MB
MAX_AUDIO_BYTES = 32 * 1024 * 1024  # 174 s at 48 kHz, far above any chunk
MAX_ERROR_CHARACTERS = 2000
MAX_SAMPLE_RATE = 768_000

# Every chunk counts as its bytes plus this, so that a window bounds the number of small chunks as
# well.
CHUNK_OVERHEAD_BYTES = 16 * 1024


@dataclass(frozen=True)
class Hello:
    """First message of a client. Its shape is the same in every version of the protocol."""

    version: int = PROTOCOL_VERSION


@dataclass(frozen=True)
class Welcome:
    """Answer to Hello, also while models are loading. Its shape is the same in every version."""

    version: int
    pid: int


@dataclass(frozen=True)
class Ready:
    """The models are loaded; requests are accepted from now on."""

    voices: tuple[VoiceInfo, ...]
    device: str
    load_s: float


@dataclass(frozen=True)
class LoadFailed:
    """The models could not be loaded; the worker waits for Shutdown and leaves."""

    code: int
    message: str


@dataclass(frozen=True)
class Synthesize:
    """Speak a request.

    Attributes:
        id: number of the request, chosen by the client, unique for its connection.
        window: bytes of chunks that may be sent before the client grants Credit.

    """

    id: int
    window: int
    request: SpeechRequest

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense."""
        _at_least(0, id=self.id)
        _at_least(1, window=self.window)


@dataclass(frozen=True)
class VoicesChanged:
    """The voices are others now; sent before the VoiceDone of the task that changed them."""

    voices: tuple[VoiceInfo, ...]


@dataclass(frozen=True)
class Credit:
    """The client has taken chunks worth `amount` bytes; as much more may be sent."""

    id: int
    amount: int

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense."""
        _at_least(0, id=self.id)
        _at_least(1, amount=self.amount)


@dataclass(frozen=True)
class Cancel:
    """Stop a request, or drop it from the queue; a task with voices may be done all the same."""

    id: int


@dataclass(frozen=True)
class Ping:
    """Ask for a sign of life."""

    number: int


@dataclass(frozen=True)
class Shutdown:
    """Leave now, cleanly."""


@dataclass(frozen=True)
class Chunk:
    """One chunk of audio of request `id`, the `index`-th from 0."""

    id: int
    index: int
    audio: AudioChunk

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense."""
        _at_least(0, id=self.id, index=self.index, segment_index=self.audio.segment_index)
        if not 1 <= self.audio.sample_rate <= MAX_SAMPLE_RATE:
            raise ValueError(f'sample_rate {self.audio.sample_rate} is not 1..{MAX_SAMPLE_RATE}')


@dataclass(frozen=True)
class End:
    """Request `id` is spoken to its end; it had `chunks` chunks."""

    id: int
    chunks: int


@dataclass(frozen=True)
class Error:
    """Request `id` ended early; without an id: the message itself was refused.

    Attributes:
        id: number of the request, or None.
        code: as in errors.py.
        message: for people.

    """

    id: int | None
    code: int
    message: str


@dataclass(frozen=True)
class Pong:
    """Answer to Ping.

    Attributes:
        number: of the Ping.
        progress_age_s: seconds since the engine last made progress; None while it has nothing to
            do or waits for the client to read.

    """

    number: int
    progress_age_s: float | None


ClientMessage = Hello | Synthesize | Credit | Cancel | Ping | Shutdown | VoiceTask
WorkerMessage = (
    Welcome | Ready | LoadFailed | Chunk | End | Error | Pong | VoicesChanged | VoiceDone
)

_CLIENT_MESSAGES = {
    'hello': Hello,
    'synthesize': Synthesize,
    'credit': Credit,
    'cancel': Cancel,
    'ping': Ping,
    'shutdown': Shutdown,
    'enroll_voice': EnrollVoice,
    'delete_voice': DeleteVoice,
    'set_default_voice': SetDefaultVoice,
    'describe_voice': DescribeVoice,
    'export_voice': ExportVoice,
    'import_voice': ImportVoice,
}
_WORKER_MESSAGES = {
    'welcome': Welcome,
    'ready': Ready,
    'load_failed': LoadFailed,
    'chunk': Chunk,
    'end': End,
    'error': Error,
    'pong': Pong,
    'voices_changed': VoicesChanged,
    'voice_done': VoiceDone,
}
_NAMES = {cls: name for name, cls in (_CLIENT_MESSAGES | _WORKER_MESSAGES).items()}
_SAME_IN_EVERY_VERSION = (Hello, Welcome)


def encode(message: ClientMessage | WorkerMessage) -> list[bytes]:
    """Return the frames of a message: the header, and the samples if it carries audio.

    Raises:
        ProtocolError: if a field has the wrong type, or a frame would be larger than its limit.

    """
    arrays: list[bytes] = []
    fields = wire.to_map(message, arrays)
    try:
        header = msgpack.packb({'type': _NAMES[type(message)], **fields})
    except UnicodeEncodeError as error:
        raise ProtocolError(f'{type(message).__name__} holds invalid Unicode') from error
    frames = [header, *arrays]
    _check_sizes(frames)
    return frames


def decode_from_client(frames: list[bytes]) -> ClientMessage:
    """Return the message that a client sent; raise ProtocolError whatever is wrong with it."""
    return _decode(frames, _CLIENT_MESSAGES)


def decode_from_worker(frames: list[bytes]) -> WorkerMessage:
    """Return the message that a worker sent; raise ProtocolError whatever is wrong with it."""
    return _decode(frames, _WORKER_MESSAGES)


def _decode(frames: list[bytes], kinds: dict[str, type]) -> Any:
    if not 1 <= len(frames) <= 2:
        raise ProtocolError(f'a message has 1 or 2 frames, not {len(frames)}')
    _check_sizes(frames)
    try:
        header = msgpack.unpackb(frames[0], max_ext_len=0, max_bin_len=0)
    except (ValueError, TypeError, RecursionError) as error:
        detail = f'{type(error).__name__}: {error}'[:100]
        raise ProtocolError(f'the header is not msgpack ({detail})') from error
    if not isinstance(header, dict):
        raise ProtocolError(f'the header must be a map, not {type(header).__name__}')
    name = header.pop('type', None)
    cls = kinds.get(name) if isinstance(name, str) else None
    if cls is None:
        raise ProtocolError(f'unknown message type {str(name)[:40]!r}')
    arrays = list(frames[1:])
    message = wire.from_map(cls, header, arrays, open_ended=cls in _SAME_IN_EVERY_VERSION)
    if arrays:
        raise ProtocolError(f'a {name} message has no audio frame')
    return message


def check_version(theirs: int, who: str) -> None:
    """Raise ProtocolError unless the other side (`who`) speaks this version."""
    if theirs != PROTOCOL_VERSION:
        raise ProtocolError(
            f'the {who} speaks protocol version {theirs}, this side version {PROTOCOL_VERSION}; '
            'install the same version of gptsovits_ros for both'
        )


def error_message(request_id: int | None, error: GptsovitsError) -> Error:
    """Return the message that reports an error; the text is made fit to travel."""
    return Error(request_id, error.code, travel_text(str(error)))


def travel_text(text: str) -> str:
    """Return text cut to the limit; what is not valid Unicode (file names) becomes escapes."""
    return text[:MAX_ERROR_CHARACTERS].encode('utf-8', 'backslashreplace').decode('utf-8')


def chunk_cost(num_samples: int) -> int:
    """Return what a chunk of so many samples takes from the window [bytes]."""
    return CHUNK_OVERHEAD_BYTES + 4 * num_samples


def settings_to_json(settings: EngineSettings) -> str:
    """Return the settings for the command line of the worker."""
    return json.dumps(wire.to_map(settings, []))


def settings_from_json(text: str) -> EngineSettings:
    """Return the settings of a command line; raise ProtocolError if they are malformed."""
    try:
        packed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f'the settings are not JSON: {error}') from error
    return wire.from_map(EngineSettings, packed, [])


def _check_sizes(frames: list[bytes]) -> None:
    limits = (('header', MAX_HEADER_BYTES), ('audio', MAX_AUDIO_BYTES))
    for frame, (name, limit) in zip(frames, limits, strict=False):  # audio is optional
        if len(frame) > limit:
            raise ProtocolError(f'the {name} frame has {len(frame)} bytes; the limit is {limit}')


def _at_least(minimum: int, **values: int) -> None:
    for name, value in values.items():
        if value < minimum:
            raise ValueError(f'{name} is {value}, less than {minimum}')
