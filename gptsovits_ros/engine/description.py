"""All about a voice of the store, for the services and the command line; nothing loads torch."""

from __future__ import annotations

from dataclasses import asdict

from gptsovits_ros.engine.protocol import travel_text
from gptsovits_ros.engine.voice_tasks import ConsentRecord, Description, Enrolment
from gptsovits_ros.types import VoiceInfo
from gptsovits_ros.voice.enroll.report import EnrolmentReport, finite
from gptsovits_ros.voice.enroll.report_file import read_report
from gptsovits_ros.voice.store import VoiceStore
from gptsovits_ros.voice.voice_file import VOICE_FILE, Voice


def describe(store: VoiceStore, name: str, default: str, check: bool = False) -> Description:
    """Return all about a voice.

    Args:
        store: where it is.
        name: of the voice.
        default: name of the voice that speaks where none is named.
        check: compare its files with their checksums.

    Raises:
        VoiceNotFoundError: there is no such voice.
        VoiceInvalidError: it, its consent or its report is damaged.

    """
    voice = store.voice(name)
    consent, report = voice.consent, read_report(voice.folder)
    return Description(
        info=voice_info(voice, name == default),
        bundled=store.is_bundled(name),
        base=voice.base,
        used_by=tuple(store.dependants(name)),
        consent=ConsentRecord(**asdict(consent)) if consent else None,
        enrolment=enrolment_of(report) if report else None,
        prompt_text=voice.prompt_text,
        prompt_language=voice.prompt_language,
        recordings=len(voice.clips),
        conditions_kept=voice.conditions is not None,
        models=tuple(travel_text(str(path)) for path in voice.models),
        folder=travel_text(str(voice.folder)),
        size_bytes=voice.size_bytes,
        created_s=(voice.folder / VOICE_FILE).stat().st_mtime,
        changed=tuple(store.changed_files(name)) if check else (),
    )


def voice_info(voice: Voice, is_default: bool) -> VoiceInfo:
    """Return what lists tell of a voice."""
    return VoiceInfo(
        voice.name,
        voice.description,
        voice.languages,
        voice.model_version,
        voice.sample_rate,
        is_default,
    )


def enrolment_of(report: EnrolmentReport) -> Enrolment:
    """Return what services tell of an enrolment."""
    quality = report.quality
    prompt, found = quality.prompt, quality.prompt.quality
    return Enrolment(
        base=report.base,
        retention=report.retention,
        took_s=report.seconds,
        duration_s=quality.duration_s,
        speech_s=quality.speech_s,
        score=quality.score,
        clip=travel_text(prompt.clip),
        start_s=prompt.start_s,
        end_s=prompt.end_s,
        snr_db=finite(found.snr_db),
        loudness_lufs=finite(found.loudness_lufs),
        clipped_share=found.clipped_share,
        bandwidth_hz=found.bandwidth_hz,
        references=len(quality.references),
        text=quality.text,
        text_source=quality.text_source,
        agreement=quality.agreement,
        denoised=quality.denoised,
        notes=quality.notes,
    )
