"""Tasks with voices, done in the engine process between two utterances."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gptsovits_ros.engine.description import describe, enrolment_of
from gptsovits_ros.engine.enrolment import EnrolmentRequest
from gptsovits_ros.engine.protocol import travel_text
from gptsovits_ros.engine.voice_tasks import (
    Archive,
    DeleteVoice,
    DescribeVoice,
    EnrollVoice,
    ExportVoice,
    ImportVoice,
    SetDefaultVoice,
    VoiceDone,
    VoiceTask,
)
from gptsovits_ros.errors import CanceledError, ParameterInvalidError
from gptsovits_ros.voice.archive_layout import SUFFIX
from gptsovits_ros.voice.consent import Consent
from gptsovits_ros.voice.enroll.decode import Clip
from gptsovits_ros.voice.enroll.report import EnrolmentReport
from gptsovits_ros.voice.export import export_voice
from gptsovits_ros.voice.importing import import_voice
from gptsovits_ros.voice.store import VoiceStore


class VoiceJobs:
    """Does tasks, each of them whole or not at all."""

    def __init__(
        self,
        store: VoiceStore,
        default: Callable[[], str],
        enroll: Callable[[EnrolmentRequest, Callable[[], bool]], EnrolmentReport],
    ) -> None:
        """Take the store, what names its default voice, and what makes a voice."""
        self._store = store
        self._default = default
        self._enroll = enroll

    def do(self, task: VoiceTask, cancelled: Callable[[], bool]) -> VoiceDone:
        """Do a task; only an enrolment can be cancelled once it has begun.

        Raises:
            CanceledError: cancelled() said yes; nothing has changed.
            ParameterInvalidError: a path of the task is not allowed.
            GptsovitsError: what the store, enrolment, export and import raise.

        """
        if cancelled():
            raise CanceledError('the task was cancelled; nothing was changed')
        if isinstance(task, EnrollVoice):
            return self._enrolled(task, cancelled)
        if isinstance(task, DeleteVoice):
            self._store.delete(task.name, keep_consent=not task.forget_consent)
        elif isinstance(task, SetDefaultVoice):
            self._store.set_default(task.name)
        elif isinstance(task, DescribeVoice):
            found = describe(self._store, task.name, self._default(), task.check)
            return VoiceDone(task.id, task.name, description=found)
        elif isinstance(task, ExportVoice):
            return VoiceDone(task.id, task.name, archive=self._exported(task))
        else:
            return self._imported(task)
        return VoiceDone(task.id, task.name)

    def _enrolled(self, task: EnrollVoice, cancelled: Callable[[], bool]) -> VoiceDone:
        clips = [Clip.file(checked_path(path, task.roots)) for path in task.paths]
        if task.audio:
            clips.append(Clip(task.audio, task.source or 'recording'))
        request = EnrolmentRequest(
            name=task.name,
            language=task.language,
            clips=tuple(clips),
            consent=_consent(task),
            transcript=task.transcript,
            description=task.description,
            base=task.base,
            overwrite=task.overwrite,
            denoise=task.denoise,
            retention=task.retention,
            needs_consent=task.needs_consent,
        )
        if task.check_only:
            # What needs no recording is looked at before an enrolment first asks this.
            with suppress(CanceledError):
                self._enroll(request, lambda: True)
            return VoiceDone(task.id, task.name)
        report = self._enroll(request, cancelled)
        return VoiceDone(task.id, task.name, enrolment=enrolment_of(report))

    def _exported(self, task: ExportVoice) -> Archive:
        path = checked_path(task.path, task.roots)
        if path.suffix != SUFFIX:
            raise ParameterInvalidError(f'{path} must end in {SUFFIX}')
        exported = export_voice(self._store, task.name, path, task.with_models, task.overwrite)
        return Archive(travel_text(str(exported.path)), exported.size, exported.needs)

    def _imported(self, task: ImportVoice) -> VoiceDone:
        path = checked_path(task.path, task.roots)
        voice = import_voice(self._store, path, task.name, task.overwrite)
        found = describe(self._store, voice.name, self._default())
        return VoiceDone(task.id, voice.name, description=found)


def checked_path(text: str, roots: tuple[str, ...]) -> Path:
    """Return a path that came over ROS, with all links followed.

    Raises:
        ParameterInvalidError: it is not absolute, or leads out of these folders.

    """
    if '\0' in text or not os.path.isabs(text):
        raise ParameterInvalidError(
            f'{text[:200]!r} is no absolute path; the robot cannot know where it would begin'
        )
    path = Path(os.path.realpath(text))
    if roots and not any(path.is_relative_to(os.path.realpath(root)) for root in roots):
        raise ParameterInvalidError(
            f'{text[:200]} is in none of the folders of enroll.path_roots: {", ".join(roots)}'
        )
    return path


def _consent(task: EnrollVoice) -> Consent | None:
    """Return the consent; None if nothing is said at all.

    Raises:
        ConsentMissingError: it does not tell who, when and for what.

    """
    parts = (task.consent_who, task.consent_when, task.consent_purpose)
    return Consent.now(*parts) if any(part.strip() for part in parts) else None
