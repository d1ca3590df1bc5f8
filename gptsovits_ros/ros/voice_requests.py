"""Messages about voices <-> tasks of the engine: pure functions."""

from __future__ import annotations

import math
from typing import Any, Protocol

from builtin_interfaces.msg import Time

from gptsovits_ros.engine.protocol import (
    DeleteVoice,
    DescribeVoice,
    EnrollVoice,
    ExportVoice,
    ImportVoice,
    SetDefaultVoice,
    VoiceDone,
)
from gptsovits_ros.errors import AudioInvalidError, ParameterInvalidError
from gptsovits_ros.msg import EnrolmentReport, Voice, VoiceConsent, VoiceDescription
from gptsovits_ros.ros.conversions import duration_message, voice_message
from gptsovits_ros.ros.parameters import Parameters

MEGABYTE = 1_000_000
UNNUMBERED = 0  # the client of the engine numbers its tasks
# What EnrollVoice.srv and RecordVoice.action mean by `denoise`.
AS_SET, ON, OFF = 0, 1, 2


class EnrolmentFields(Protocol):
    """What EnrollVoice.srv and a goal of RecordVoice.action have in common."""

    name: str
    language: str
    transcript: str
    consent: VoiceConsent
    description: str
    base: str
    overwrite: bool
    denoise: int
    retention: str


def enrolment_task(
    fields: EnrolmentFields,
    parameters: Parameters,
    audio: bytes,
    source: str,
    paths: tuple[str, ...] = (),
) -> EnrollVoice:
    """Return the task of an enrolment.

    Args:
        fields: of the request or goal.
        parameters: what holds where it says nothing.
        audio: content of an audio file; empty: there is none.
        source: where the audio comes from.
        paths: of files on the robot.

    Raises:
        ParameterInvalidError: a choice is none of those that there are.

    """
    if fields.denoise not in (AS_SET, ON, OFF):
        raise ParameterInvalidError(
            f'denoise is {fields.denoise}; there are {AS_SET}, {ON}, {OFF}'
        )
    consent = fields.consent
    return EnrollVoice(
        UNNUMBERED,
        name=fields.name,
        language=fields.language,
        paths=paths,
        audio=audio,
        source=source,
        transcript=fields.transcript,
        consent_who=consent.who,
        consent_when=consent.when,
        consent_purpose=consent.purpose,
        needs_consent=parameters.enroll_require_consent,
        description=fields.description,
        base=fields.base,
        overwrite=fields.overwrite,
        denoise=parameters.enroll_denoise if fields.denoise == AS_SET else fields.denoise == ON,
        retention=fields.retention or parameters.enroll_retention,
        roots=roots(parameters),
    )


def enroll_task(request: Any, parameters: Parameters) -> EnrollVoice:
    """Return the task of a request EnrollVoice.

    Raises:
        AudioInvalidError: the audio is larger than allowed.
        ParameterInvalidError: as `enrolment_task`.

    """
    limit = parameters.enroll_max_audio_mb * MEGABYTE
    if len(request.audio) > limit:
        raise AudioInvalidError(
            f'{len(request.audio)} bytes of audio were sent; at most {limit} are taken '
            '(enroll.max_audio_mb). Send a shorter recording, or a compressed one'
        )
    audio, paths = bytes(request.audio), tuple(request.paths)
    return enrolment_task(request, parameters, audio, 'enroll_voice', paths)


def delete_task(request: Any, parameters: Parameters) -> DeleteVoice:
    """Return the task of a request DeleteVoice."""
    return DeleteVoice(UNNUMBERED, request.name, request.delete_consent)


def default_task(request: Any, parameters: Parameters) -> SetDefaultVoice:
    """Return the task of a request SetDefaultVoice."""
    return SetDefaultVoice(UNNUMBERED, request.name)


def describe_task(request: Any, parameters: Parameters) -> DescribeVoice:
    """Return the task of a request DescribeVoice."""
    return DescribeVoice(UNNUMBERED, request.name, request.check)


def export_task(request: Any, parameters: Parameters) -> ExportVoice:
    """Return the task of a request ExportVoice."""
    return ExportVoice(
        UNNUMBERED,
        request.name,
        request.path,
        request.with_models,
        request.overwrite,
        roots(parameters),
    )


def import_task(request: Any, parameters: Parameters) -> ImportVoice:
    """Return the task of a request ImportVoice."""
    return ImportVoice(
        UNNUMBERED, request.path, request.name, request.overwrite, roots(parameters)
    )


def roots(parameters: Parameters) -> tuple[str, ...]:
    """Return the folders that paths must lie in; empty: any."""
    return tuple(filter(None, parameters.enroll_path_roots.split(':')))


def fill_enrolment(response: Any, done: VoiceDone) -> None:
    """Put what an enrolment found into a response or result."""
    response.voice = done.voice
    response.report = _report_message(done.enrolment)


def _report_message(found: Any) -> EnrolmentReport:
    """Return the message of an Enrolment of the engine."""
    return EnrolmentReport(
        base=found.base,
        retention=found.retention,
        took=duration_message(found.took_s),
        duration=duration_message(found.duration_s),
        speech=duration_message(found.speech_s),
        score=found.score,
        prompt_clip=found.clip,
        prompt_start=duration_message(found.start_s),
        prompt_end=duration_message(found.end_s),
        snr_db=found.snr_db,
        loudness_lufs=found.loudness_lufs,
        clipped_share=found.clipped_share,
        bandwidth_hz=found.bandwidth_hz,
        references=found.references,
        text=found.text,
        text_source=found.text_source,
        agreement_known=found.agreement is not None,
        agreement=found.agreement or 0.0,
        denoised=found.denoised,
        notes=list(found.notes),
    )


def fill_description(response: Any, done: VoiceDone) -> None:
    """Put all about a voice into a response."""
    found = done.description
    consent = found.consent
    seconds, whole = math.modf(found.created_s)
    response.description = VoiceDescription(
        voice=voice_message(found.info, Voice),
        created=Time(sec=int(whole), nanosec=int(seconds * 1e9)),
        bundled=found.bundled,
        base=found.base,
        used_by=list(found.used_by),
        has_consent=consent is not None,
        consent=VoiceConsent()
        if consent is None
        else VoiceConsent(
            who=consent.who,
            when=consent.when,
            purpose=consent.purpose,
            source=consent.source,
            recorded_at=consent.recorded_at,
        ),
        has_report=found.enrolment is not None,
        report=EnrolmentReport() if found.enrolment is None else _report_message(found.enrolment),
        prompt_text=found.prompt_text,
        prompt_language=found.prompt_language,
        recordings=found.recordings,
        conditions_kept=found.conditions_kept,
        models=list(found.models),
        folder=found.folder,
        size=found.size_bytes,
        changed=list(found.changed),
    )


def fill_archive(response: Any, done: VoiceDone) -> None:
    """Put what was written into a response."""
    response.path = done.archive.path
    response.size = done.archive.size_bytes
    response.needs = list(done.archive.needs)


def fill_nothing(response: Any, done: VoiceDone) -> None:
    """Add nothing to a response that tells only whether it worked."""
