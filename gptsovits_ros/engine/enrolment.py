"""A recording becomes a voice of the store: zero-shot, with the models of another voice."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from gptsovits_ros.audio.files import write_wav
from gptsovits_ros.engine.acoustic_model import AcousticModel, VoicePrompt
from gptsovits_ros.engine.kept_conditions import Conditions, keep_conditions
from gptsovits_ros.engine.loaded_voice import (
    computed_tokens,
    load_acoustic_model,
    load_content,
)
from gptsovits_ros.engine.model_cache import ModelCache, file_states
from gptsovits_ros.errors import CanceledError, ConsentMissingError, ParameterInvalidError
from gptsovits_ros.semantic.generate import never
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.voice.consent import EXAMPLE, Consent, write_consent
from gptsovits_ros.voice.enroll.decode import Clip
from gptsovits_ros.voice.enroll.plan import EnrolmentChain, EnrolmentPlan, Step
from gptsovits_ros.voice.enroll.report import EnrolmentReport
from gptsovits_ros.voice.enroll.report_file import write_report
from gptsovits_ros.voice.store import VoiceStore, check_name
from gptsovits_ros.voice.voice_file import (
    NEEDED_KEYS,
    PROMPT_LANGUAGES,
    Voice,
    write_voice_file,
)

# What stays of the recordings: the chosen clips, or only what the models take from them.
KEEP, EMBEDDINGS = 'keep', 'embeddings'
RETENTIONS = (KEEP, EMBEDDINGS)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EnrolmentRequest:
    """One voice to be made.

    Attributes:
        name: of the new voice.
        language: spoken in the recordings, one of voice.enroll.plan.LANGUAGES.
        clips: the recordings.
        consent: that of the speaker; its source, where it has none, is what the clips are called.
            None only if needs_consent is False.
        transcript: what is said in all recordings; may be empty.
        description: one line for people.
        base: the voice whose models it speaks with; empty: the default voice.
        overwrite: replace a voice of that name.
        denoise: take noise out of the recordings first.
        retention: one of RETENTIONS.
        needs_consent: False on a robot whose operator keeps the records elsewhere.

    """

    name: str
    language: str
    clips: tuple[Clip, ...]
    consent: Consent | None
    transcript: str = ''
    description: str = ''
    base: str = ''
    overwrite: bool = False
    denoise: bool = False
    retention: str = KEEP
    needs_consent: bool = True


class _Base:
    """The models that an enrolment takes from a base voice, each loaded at its first use."""

    def __init__(self, voice: Voice, models: ModelCache, device: torch.device) -> None:
        self.files = file_states(voice.models)
        self._voice = voice
        self._models = models
        self._device = device

    @cached_property
    def acoustic(self) -> AcousticModel:
        """What hears the timbre."""
        return load_acoustic_model(self._voice, self._models, self._device)

    @cached_property
    def content(self) -> nn.Module:
        """What hears the words of the prompt."""
        return load_content(self._voice, self._device)


class Enroller:
    """Makes voices. Keeps what the last enrolment loaded, so that the next one is quick."""

    def __init__(
        self,
        store: VoiceStore,
        models: ModelCache,
        frontend: Callable[[str], TextFrontend],
        device: torch.device,
        threads: int,
    ) -> None:
        """Create what makes voices.

        Args:
            store: where they go to.
            models: those in use already.
            frontend: returns the text frontend of a symbol table.
            device: where models run.
            threads: CPU threads of the models that hear the recordings.

        """
        self._store = store
        self._models = models
        self._frontend = frontend
        self._device = device
        self._threads = threads
        self._chain = EnrolmentChain(store.model_root)
        self._last: _Base | None = None

    def enroll(
        self,
        request: EnrolmentRequest,
        base_name: str,
        cancelled: Callable[[], bool] = never,
    ) -> EnrolmentReport:
        """Make a voice, all of it or nothing.

        Args:
            request: what to make of what.
            base_name: the voice whose models are taken.
            cancelled: asked between the steps; the engine may speak before it answers.

        Raises:
            CanceledError: cancelled() said yes; nothing is stored.
            ConsentMissingError: nobody says that the speaker agreed.
            RecordingUnsuitableError: one of its classes; the message tells what to do.
            AudioInvalidError: a recording cannot be read.
            VoiceExistsError, VoiceNotFoundError, VoiceInUseError: by name.
            GptsovitsError: a model or a library is missing, or the store cannot be written.

        """
        start = time.monotonic()
        consent = _consent(request)
        _check(request)
        base = self._store.voice(base_name)
        reports = []

        def step() -> None:
            if cancelled():
                raise CanceledError('the enrolment was cancelled; nothing was stored')

        # All of it within `create`, which first finds out whether the name can be had.
        def build(folder: Path) -> None:
            models = self._store.models_of(base.name)
            # `create` looks as well, but at what was built; nobody shall speak a minute for that.
            self._store.check_base(request.name, models.get('base', ''))
            step()
            plan = self._plan(request, base, step)
            step()
            self._write(folder, request, plan, base, step)
            if consent is not None:
                write_consent(consent, folder)
            seconds = time.monotonic() - start
            report = EnrolmentReport(
                request.name, base.name, request.retention, seconds, plan.report
            )
            write_report(report, folder)
            reports.append(report)
            step()

        self._store.create(request.name, build, request.overwrite)
        (report,) = reports
        log.info(
            'voice "%s" enrolled from %.1f s of speech in %.1f s, score %.2f',
            request.name,
            report.quality.speech_s,
            report.seconds,
            report.quality.score,
        )
        return report

    def _plan(self, request: EnrolmentRequest, base: Voice, step: Step) -> EnrolmentPlan:
        plan = self._chain.plan(
            request.clips, request.language, request.transcript, request.denoise, step
        )
        return _for_base(plan, request.language, base)

    def _write(
        self,
        folder: Path,
        request: EnrolmentRequest,
        plan: EnrolmentPlan,
        base: Voice,
        step: Step,
    ) -> None:
        """Write all that the recordings give into the empty folder of the voice."""
        write_wav(folder / 'prompt.wav', plan.prompt.samples, plan.prompt.sample_rate)
        references = []
        for number, piece in enumerate(plan.references, 1):
            references.append(f'reference-{number}.wav')
            write_wav(folder / references[-1], piece.samples, piece.sample_rate)
        tree = {
            'description': request.description,
            'languages': list(base.languages),
            'guard': base.guard,
            **self._store.models_of(base.name),
            'prompt': {
                'audio': 'prompt.wav',
                'text': plan.text,
                'language': _prompt_language(request.language, base),
            },
            'references': references,
        }
        write_voice_file(folder, tree)
        self._keep_conditions(self._store.read(folder), step)
        if request.retention == EMBEDDINGS:
            for name in ('prompt.wav', *references):
                (folder / name).unlink()
            tree['prompt'] = {**tree['prompt'], 'audio': ''}
            write_voice_file(folder, {**tree, 'references': []})

    def _keep_conditions(self, voice: Voice, step: Step) -> None:
        """Compute what the models take from the recordings, and keep it with the voice."""
        base = self._base(voice)
        acoustic = base.acoustic
        ids = tokens = torch.zeros(0, dtype=torch.int64, device=self._device)
        if voice.prompt_text:
            frontend = self._frontend(acoustic.symbols)
            phonemes = frontend.prompt(voice.prompt_text, voice.prompt_language, ())
            ids = torch.from_numpy(phonemes.ids).to(self._device)
            step()
            content = base.content
            step()
            with self._computing():
                tokens = computed_tokens(voice, acoustic, content, self._device)
        step()
        with self._computing():
            condition = acoustic.condition(VoicePrompt(voice.clips, tokens, ids))
        keep_conditions(voice, acoustic, Conditions(tokens, condition))

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Compute with the threads of an enrolment; the speech in between has its own number."""
        threads = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            with torch.inference_mode():
                yield
        finally:
            torch.set_num_threads(threads)

    def _base(self, voice: Voice) -> _Base:
        """Return the models of the last enrolment, if they are the same."""
        if self._last is None or self._last.files != file_states(voice.models):
            self._last = _Base(voice, self._models, self._device)
        return self._last


def _check(request: EnrolmentRequest) -> None:
    check_name(request.name)
    if request.retention not in RETENTIONS:
        raise ParameterInvalidError(
            f'retention is "{request.retention}"; known are {", ".join(RETENTIONS)}'
        )


def _consent(request: EnrolmentRequest) -> Consent | None:
    """Return the record to be stored; None: none is needed."""
    if request.consent is None:
        if request.needs_consent:
            raise ConsentMissingError(
                'nobody says that the speaker agreed to be copied; say who, when, and for what, '
                f'as {EXAMPLE}'
            )
        return None
    source = ', '.join(clip.name for clip in request.clips)[:200]
    return replace(request.consent, source=request.consent.source or source)


def _for_base(plan: EnrolmentPlan, language: str, base: Voice) -> EnrolmentPlan:
    """Leave out a text that the models of the base voice do not read."""
    if plan.text and language not in base.languages:
        note = f'voice "{base.name}" does not speak {language}, so only the timbre is used'
        report = replace(
            plan.report, text='', text_source='none', notes=(*plan.report.notes, note)
        )
        plan = replace(plan, text='', report=report)
    if not plan.text and 'prompt.text' in NEEDED_KEYS[base.model_version]:
        raise ParameterInvalidError(
            f'a {base.model_version} voice as "{base.name}" needs to know what is said in the '
            'recording: give its exact text with a recording of 3 to 10 s'
        )
    return plan


def _prompt_language(language: str, base: Voice) -> str:
    """Return the language of the prompt, or any that voice.yaml takes if it has no text."""
    known = (language, *base.languages, *PROMPT_LANGUAGES)
    return next(one for one in known if one in PROMPT_LANGUAGES)
