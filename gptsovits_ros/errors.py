"""One exception class per thing a caller can act on, each with its error code on the ROS graph.

The codes equal the constants of action/Speak.action and msg/SpeechState.msg (kept equal by
test/unit/test_errors.py). A message says what happened, to which thing, and what to do.
"""

from __future__ import annotations


class GptsovitsError(Exception):
    """Base of all errors that this package raises on purpose.

    Attributes:
        code: number for programs, unique per class, never reused.
        name: upper-case name of the code, as in the ROS interfaces and the command line.

    """

    code = 299
    name = 'INTERNAL'


class InternalError(GptsovitsError):
    """A defect of this package: the message carries what to report."""


class TextInvalidError(GptsovitsError):
    """The text is empty, is not valid UTF-8, or holds nothing that can be spoken."""

    code = 201
    name = 'TEXT_INVALID'


class TextTooLongError(GptsovitsError):
    """The text has more characters than `speech.max_text_length` allows."""

    code = 202
    name = 'TEXT_TOO_LONG'


class LanguageUnsupportedError(GptsovitsError):
    """The language tag is unknown, or this voice or installation does not speak it."""

    code = 203
    name = 'LANGUAGE_UNSUPPORTED'


class VoiceNotFoundError(GptsovitsError):
    """No voice of that name is in the voice store."""

    code = 204
    name = 'VOICE_NOT_FOUND'


class VoiceInvalidError(GptsovitsError):
    """The voice folder is damaged: a file is missing or voice.yaml is wrong."""

    code = 205
    name = 'VOICE_INVALID'


class ParameterInvalidError(GptsovitsError):
    """A request parameter (speed, sampling, ...) is outside its range."""

    code = 206
    name = 'PARAMETER_INVALID'


class AudioInvalidError(GptsovitsError):
    """An audio file cannot be read, or is too short, too long or empty."""

    code = 207
    name = 'AUDIO_INVALID'


class CanceledError(GptsovitsError):
    """The utterance was cancelled or stopped before its end."""

    code = 210
    name = 'CANCELED'


class QueueFullError(GptsovitsError):
    """More utterances are waiting than `queue.max_length` allows."""

    code = 211
    name = 'QUEUE_FULL'


class DeadlinePassedError(GptsovitsError):
    """The utterance would have begun later than its deadline, so it was dropped."""

    code = 212
    name = 'DEADLINE_PASSED'


class MergedError(GptsovitsError):
    """The same text waits already in the same voice; the message names that utterance."""

    code = 213
    name = 'MERGED'


class TextStreamError(GptsovitsError):
    """A text stream (`say_stream`) was left without its end, or its id is in use."""

    code = 214
    name = 'TEXT_STREAM'


class EngineUnavailableError(GptsovitsError):
    """The engine process is not ready: starting, stopped, or failed to start."""

    code = 220
    name = 'ENGINE_UNAVAILABLE'


class EngineCrashedError(GptsovitsError):
    """The engine process died while it was working for this request."""

    code = 221
    name = 'ENGINE_CRASHED'


class EngineStalledError(GptsovitsError):
    """The engine process made no progress for longer than `engine.stall_timeout_s`."""

    code = 222
    name = 'ENGINE_STALLED'


class OutOfMemoryError(GptsovitsError):
    """The device has not enough memory for this model or text."""

    code = 223
    name = 'OUT_OF_MEMORY'


class ProtocolError(GptsovitsError):
    """A frame between node and engine is malformed, too large, or of another protocol version."""

    code = 224
    name = 'PROTOCOL'


class CheckpointError(GptsovitsError):
    """A checkpoint file is damaged or does not hold the tensors that its version needs."""

    code = 230
    name = 'CHECKPOINT_INVALID'


class CheckpointUnsafeError(CheckpointError):
    """A checkpoint asks to build an object that is not on the allow-list (possible malware)."""

    code = 231
    name = 'CHECKPOINT_UNSAFE'


class VersionUnsupportedError(CheckpointError):
    """The checkpoint is a GPT-SoVITS version that was recognised but cannot be run."""

    code = 232
    name = 'VERSION_UNSUPPORTED'


class DependencyMissingError(GptsovitsError):
    """A library or model file is not installed; the message names the command that installs it."""

    code = 240
    name = 'DEPENDENCY_MISSING'


class DownloadError(GptsovitsError):
    """A model file could not be downloaded, or what arrived does not match its checksum."""

    code = 241
    name = 'DOWNLOAD_FAILED'


class ConfigurationError(GptsovitsError):
    """A setting or configuration file is wrong."""

    code = 242
    name = 'CONFIGURATION_INVALID'


class AudioDeviceError(GptsovitsError):
    """There is no such output device, or it is busy, was unplugged, or plays no rate of ours."""

    code = 243
    name = 'AUDIO_DEVICE'


class RecordingUnsuitableError(GptsovitsError):
    """A recording cannot become a voice: too short, too noisy, clipped, or of two speakers."""

    code = 250
    name = 'RECORDING_UNSUITABLE'


class RecordingSilentError(RecordingUnsuitableError):
    """Nobody speaks in a recording: it is silent, or holds only noise or music."""

    code = 260
    name = 'RECORDING_SILENT'


class RecordingTooShortError(RecordingUnsuitableError):
    """A recording holds too little speech in one piece."""

    code = 261
    name = 'RECORDING_TOO_SHORT'


class RecordingNoisyError(RecordingUnsuitableError):
    """Noise, music or other people are nearly as loud as the speaker."""

    code = 262
    name = 'RECORDING_NOISY'


class RecordingClippedError(RecordingUnsuitableError):
    """A recording was made too loud: its peaks are cut off."""

    code = 263
    name = 'RECORDING_CLIPPED'


class RecordingNarrowBandError(RecordingUnsuitableError):
    """A recording has no high frequencies, as over a telephone."""

    code = 264
    name = 'RECORDING_NARROW_BAND'


class RecordingManySpeakersError(RecordingUnsuitableError):
    """More than one person speaks in a recording, or each of several recordings has its own."""

    code = 265
    name = 'RECORDING_MANY_SPEAKERS'


class ConsentMissingError(GptsovitsError):
    """Nobody says that the speaker agreed to be copied, or the record of it is incomplete."""

    code = 251
    name = 'CONSENT_MISSING'


class VoiceExistsError(GptsovitsError):
    """There is a voice of that name already, and it was not asked to be overwritten."""

    code = 252
    name = 'VOICE_EXISTS'


class VoiceInUseError(GptsovitsError):
    """Other voices take their models from this one, so it can be neither deleted nor replaced."""

    code = 253
    name = 'VOICE_IN_USE'


class VoiceStoreBusyError(GptsovitsError):
    """Another program is changing the voice store."""

    code = 254
    name = 'VOICE_STORE_BUSY'


class VoiceStoreError(GptsovitsError):
    """The voice store cannot be written (disk full, no permission); it is as it was before.

    Bundled voices are never written, whatever the permissions.
    """

    code = 255
    name = 'VOICE_STORE_FAILED'


class VoiceArchiveError(GptsovitsError):
    """A .gsvvoice file is damaged, breaks a limit, or holds what a voice must not hold."""

    code = 256
    name = 'VOICE_ARCHIVE_INVALID'


def error_classes() -> dict[int, type[GptsovitsError]]:
    """Return every error class by its code."""
    found: dict[int, type[GptsovitsError]] = {}
    todo: list[type[GptsovitsError]] = [GptsovitsError]
    while todo:
        cls = todo.pop()
        todo.extend(cls.__subclasses__())
        if cls is not GptsovitsError:
            found[cls.code] = cls
    return found


def error_from_code(code: int, message: str) -> GptsovitsError:
    """Rebuild an error that crossed a process boundary; an unknown code becomes InternalError."""
    return error_classes().get(code, InternalError)(message)
