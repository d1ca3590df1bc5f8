"""What can be asked of the voice store while the engine runs, and what comes back.

Plain values that travel between node and engine (engine.protocol); `engine.voice_jobs` does the
work. Nothing here loads torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from gptsovits_ros.types import VoiceInfo


@dataclass(frozen=True)
class EnrollVoice:
    """Make a voice from recordings, zero-shot (docs/enrolment.md).

    Attributes:
        id: number of the request, chosen by the client, unique for its connection.
        name: of the new voice.
        language: spoken in the recordings.
        paths: recordings that are files on this machine, absolute.
        audio: content of one more audio file; empty: there is none.
        source: what `audio` is called in the report and in the record of the consent.
        transcript: what is said in all recordings; may be empty.
        consent_who: the speaker who agreed.
        consent_when: the day on which they agreed, as 2026-05-17.
        consent_purpose: what the voice may be used for.
        needs_consent: False: it may be empty.
        description: one line for people.
        base: the voice whose models it speaks with; empty: the default voice.
        overwrite: replace a voice of that name.
        denoise: take noise out first.
        retention: what stays of the recordings, "keep" or "embeddings".
        roots: folders that paths must lie in; empty: any.
        check_only: only look whether such a voice could be made, without any recording.

    """

    id: int
    name: str
    language: str
    paths: tuple[str, ...] = ()
    audio: bytes = b''
    source: str = ''
    transcript: str = ''
    consent_who: str = ''
    consent_when: str = ''
    consent_purpose: str = ''
    needs_consent: bool = True
    description: str = ''
    base: str = ''
    overwrite: bool = False
    denoise: bool = False
    retention: str = 'keep'
    roots: tuple[str, ...] = ()
    check_only: bool = False


@dataclass(frozen=True)
class DeleteVoice:
    """Remove a voice and its files; with forget_consent the record of the consent as well."""

    id: int
    name: str
    forget_consent: bool = False


@dataclass(frozen=True)
class SetDefaultVoice:
    """Let a voice speak where none is named."""

    id: int
    name: str


@dataclass(frozen=True)
class DescribeVoice:
    """Tell all about a voice; with check its files are compared with their checksums."""

    id: int
    name: str
    check: bool = False


@dataclass(frozen=True)
class ExportVoice:
    """Write a voice into one file.

    Attributes:
        id: as in EnrollVoice.
        name: of the voice.
        path: of the file, absolute, ending in .gsvvoice.
        with_models: put all models in.
        overwrite: replace a file that is there.
        roots: folders that the path must lie in; empty: any.

    """

    id: int
    name: str
    path: str
    with_models: bool = False
    overwrite: bool = False
    roots: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImportVoice:
    """Read a voice from such a file; name empty: as it was called where it came from."""

    id: int
    path: str
    name: str = ''
    overwrite: bool = False
    roots: tuple[str, ...] = ()


VoiceTask = EnrollVoice | DeleteVoice | SetDefaultVoice | DescribeVoice | ExportVoice | ImportVoice
VOICE_TASKS = (
    EnrollVoice,
    DeleteVoice,
    SetDefaultVoice,
    DescribeVoice,
    ExportVoice,
    ImportVoice,
)


@dataclass(frozen=True)
class Enrolment:
    """What an enrolment found: of the prompt, the piece that the GPT continues from, or of all.

    Attributes:
        base: the voice whose models the new one speaks with.
        retention: what was kept of the recordings.
        took_s: how long it took [s].
        duration_s: of all recordings [s].
        speech_s: of it speech [s].
        score: of the prompt, from 0 to 1.
        clip: the recording that the prompt is from.
        start_s: its first moment in it [s].
        end_s: its end [s].
        snr_db: level of the speech above the noise between its words [dB].
        loudness_lufs: by ITU-R BS.1770.
        clipped_share: share of the samples that are cut off, from 0 to 1.
        bandwidth_hz: up to which frequency the voice reaches.
        references: number of further pieces whose style is averaged with that of the prompt.
        text: what is said in it; empty: unknown.
        text_source: "given", "aligned", "heard" or "none".
        agreement: lowest likeness of the voice between two pieces, from -1 to 1; None: unknown.
        denoised: whether noise was taken out.
        notes: what could be better, one sentence each.

    """

    base: str
    retention: str
    took_s: float
    duration_s: float
    speech_s: float
    score: float
    clip: str
    start_s: float
    end_s: float
    snr_db: float
    loudness_lufs: float
    clipped_share: float
    bandwidth_hz: float
    references: int
    text: str
    text_source: str
    agreement: float | None
    denoised: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ConsentRecord:
    """That a speaker agreed, as in voice.consent; recorded_at as 2026-05-17T09:30:00+00:00."""

    who: str
    when: str
    purpose: str
    source: str
    recorded_at: str


@dataclass(frozen=True)
class Description:
    """All about a voice.

    Attributes:
        info: as in the list of voices.
        bundled: it came with the package, and cannot be deleted.
        base: the voice whose models it speaks with; empty: its own or shared ones.
        used_by: voices that speak with its models.
        consent: None: there is no record.
        enrolment: what was found when it was enrolled; None: it was not, or no report was kept.
        prompt_text: what is said in the recording that the GPT continues from; empty: unknown.
        prompt_language: of the recording.
        recordings: number of clips that are kept.
        conditions_kept: whether what the models take from them is kept.
        models: files of its models.
        folder: of the voice.
        size_bytes: of all its files.
        created_s: when it was stored [s since 1970].
        changed: files that differ from when it was stored, if that was asked.

    """

    info: VoiceInfo
    bundled: bool
    base: str
    used_by: tuple[str, ...]
    consent: ConsentRecord | None
    enrolment: Enrolment | None
    prompt_text: str
    prompt_language: str
    recordings: int
    conditions_kept: bool
    models: tuple[str, ...]
    folder: str
    size_bytes: int
    created_s: float
    changed: tuple[str, ...]


@dataclass(frozen=True)
class Archive:
    """A file that was written: its path, its size, and what is needed where it is imported."""

    path: str
    size_bytes: int
    needs: tuple[str, ...]


@dataclass(frozen=True)
class VoiceDone:
    """A task was done.

    Attributes:
        id: of the task.
        voice: name of the voice.
        enrolment: of EnrollVoice.
        description: of DescribeVoice, and of ImportVoice.
        archive: of ExportVoice.

    """

    id: int
    voice: str
    enrolment: Enrolment | None = None
    description: Description | None = None
    archive: Archive | None = None
