"""The engine: text in, audio out, in any voice of the store; no ROS here.

engine = Engine.load(EngineSettings(voice_root='voices'))
for chunk in engine.synthesize(SpeechRequest('Hello.')):
    play(chunk.samples, chunk.sample_rate)
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from typing import NoReturn

import torch

from gptsovits_ros.audio.watermark import MarkedStream
from gptsovits_ros.engine.chunk_plan import PaceMeter
from gptsovits_ros.engine.cuda_graphs import CapturedModels
from gptsovits_ros.engine.description import voice_info
from gptsovits_ros.engine.device import find_device, limit_memory
from gptsovits_ros.engine.enrolment import Enroller, EnrolmentRequest
from gptsovits_ros.engine.loaded_voice import LoadedVoice, load_voice
from gptsovits_ros.engine.model_cache import ModelCache
from gptsovits_ros.engine.phrase_cache import PhraseCache
from gptsovits_ros.engine.precision import ModelFormats
from gptsovits_ros.engine.segment_chunks import as_marked, spoken_segment, watermarked
from gptsovits_ros.engine.synthesis import SegmentSpeech
from gptsovits_ros.engine.threads import batch_threads, default_threads, enrolment_threads
from gptsovits_ros.engine.token_batch import TokenBatches
from gptsovits_ros.engine.turns import Turns
from gptsovits_ros.engine.voice_jobs import VoiceJobs
from gptsovits_ros.engine.voice_pool import VoicePool
from gptsovits_ros.engine.voice_tasks import (
    DescribeVoice,
    EnrollVoice,
    ExportVoice,
    SetDefaultVoice,
    VoiceDone,
    VoiceTask,
)
from gptsovits_ros.engine.watermark_weights import load_watermark
from gptsovits_ros.errors import (
    LanguageUnsupportedError,
    TextInvalidError,
    VoiceInvalidError,
    VoiceNotFoundError,
    VoiceStoreBusyError,
    VoiceStoreError,
)
from gptsovits_ros.semantic.generate import never
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.text.user_lexicon import lexicons_at
from gptsovits_ros.types import (
    AudioChunk,
    Phonemes,
    Segment,
    SpeechRequest,
    VoiceInfo,
    check_request,
)
from gptsovits_ros.voice.enroll.report import EnrolmentReport
from gptsovits_ros.voice.store import Voice, VoiceStore

# Every language reads numbers.
WARM_UP_TEXT = '1, 2, 3, 4, 5, 6, 7, 8, 9, 10.'

log = logging.getLogger(__name__)


class Engine:
    """Owns the models. One utterance at a time, from one thread.

    With settings.parallel above 1, `synthesize` may be called, and what it returns be read, by so
    many threads at once, while nothing else is asked of the engine.
    """

    def __init__(self, settings: EngineSettings, store: VoiceStore, device: torch.device) -> None:
        self._settings = settings
        self._store = store
        self._device = device
        cores = len(os.sched_getaffinity(0))
        self._threads = settings.threads or default_threads(cores, settings.parallel)
        on_cpu = device.type == 'cpu'
        self._shared_threads = self._threads if on_cpu and settings.draw_ahead else 1
        self._turns = self._batches = None
        if settings.parallel > 1:
            drawing = batch_threads(self._threads, on_cpu)
            self._threads -= drawing
            self._shared_threads = 1
            self._turns = Turns()
            self._batches = TokenBatches(drawing, self._threads, self._turns)
        self._models = ModelCache(device, ModelFormats.of(settings.precision, device).apply)
        self._captured = CapturedModels.on(device, settings.cuda_graphs)
        self._lexicons = lexicons_at(settings.lexicon)
        self._frontends: dict[str, TextFrontend] = {}
        self._meters: dict[str, PaceMeter] = {}  # by the name of the voice
        self._pool = VoicePool(store, self._load_voice, settings.memory_budget_mb)
        cache = PhraseCache(settings)
        # Phrases that were kept before the cache was turned off go with their voice, too.
        store.before_removal(cache.forget)
        self._phrases = None if settings.cache == 'off' else cache
        self._watermark = load_watermark() if settings.watermark else None
        threads = enrolment_threads(settings.threads, cores)
        self._enroller = Enroller(store, self._models, self._frontend, device, threads)

    @classmethod
    def load(cls, settings: EngineSettings) -> Engine:
        """Load the default voice and the text frontend, so that the first request is quick.

        Raises:
            ConfigurationError: no such device, or the lexicon is wrong.
            VoiceNotFoundError: the store is empty, or has no voice of the default name.
            GptsovitsError: a file of the voice is missing, damaged or unsafe.

        """
        engine = cls.open(settings)
        engine._settle_store()
        voice = engine.loaded_voice()
        engine._frontend(voice.acoustic.symbols).load(voice.voice.languages)
        if engine._phrases is not None:
            engine._phrases.prepare(voice.voice)
        if engine._device.type == 'cuda':
            engine._warm_up(voice.voice)
        return engine

    @classmethod
    def open(cls, settings: EngineSettings) -> Engine:
        """Return an engine that has loaded nothing yet.

        Raises:
            ConfigurationError: as `load`.

        """
        store = VoiceStore(settings.voice_root, settings.model_root)
        device = find_device(settings.device)
        limit_memory(device, settings.gpu_memory_mb)
        engine = cls(settings, store, device)
        torch.set_num_threads(engine._threads)
        return engine

    @property
    def device(self) -> str:
        """Where the models run, e.g. "cpu" or "cuda:0"."""
        return str(self._device)

    @property
    def default_voice(self) -> str:
        """Name of the voice for requests that name none."""
        default = self._store.default
        if not default:
            raise VoiceNotFoundError(
                f'no voice in {self._store.voice_root}; `gptsovits_ros make-test-voice '
                f'{self._store.voice_root / "test"}` makes one that babbles'
            )
        return self._settings.default_voice or default

    @property
    def resident_voices(self) -> list[str]:
        """Names of the voices in memory, the least recently used first."""
        return self._pool.names

    @property
    def resident_bytes(self) -> int:
        """Memory of the weights of the voices in memory, each counted once."""
        return self._pool.size_bytes

    def loaded_voice(self, name: str = '') -> LoadedVoice:
        """Return the models of a voice, loaded at its first use; empty: the default voice."""
        return self._pool.voice(name or self.default_voice)

    def enroll(
        self, request: EnrolmentRequest, cancelled: Callable[[], bool] = never
    ) -> EnrolmentReport:
        """Make a voice from recordings (docs/enrolment.md); raises as `Enroller.enroll`."""
        return self._enroller.enroll(request, request.base or self.default_voice, cancelled)

    def do_voice_task(self, task: VoiceTask, cancelled: Callable[[], bool] = never) -> VoiceDone:
        """Do something with the voices; nothing of a voice that is gone stays in memory.

        Raises:
            CanceledError: cancelled() said yes; nothing has changed.
            GptsovitsError: what `VoiceJobs.do` raises; nothing has changed.

        """
        jobs = VoiceJobs(self._store, lambda: self.default_voice, self.enroll)
        done = jobs.do(task, cancelled)
        is_check = isinstance(task, EnrollVoice) and task.check_only
        if not is_check and not isinstance(task, (DescribeVoice, ExportVoice, SetDefaultVoice)):
            self._pool.drop(done.voice)
            self._meters.pop(done.voice, None)
        return done

    def unload(self) -> None:
        """Give up the models of all voices; whoever asks for one next waits until it is loaded."""
        self._pool.clear()

    def voices(self) -> list[VoiceInfo]:
        """Return all voices of the store, sorted by name, without loading their models.

        A damaged voice is left out and logged; asking for it by name gives its error.
        """
        found = []
        names = self._store.names()
        default = self.default_voice if names else ''
        for name in names:
            try:
                voice = self._store.voice(name)
            except VoiceInvalidError as error:
                log.warning('voice "%s" cannot be used: %s', name, error)
                continue
            found.append(voice_info(voice, name == default))
        return found

    def synthesize(
        self, request: SpeechRequest, cancelled: Callable[[], bool] = never
    ) -> Generator[AudioChunk, None, None]:
        """Return the audio of a request, segment by segment, each followed by its pause.

        A segment comes in one chunk, or in several while it is made (request.stream).

        Args:
            request: what to say, and how.
            cancelled: asked before each semantic token and each decode; must be quick.

        Raises:
            CanceledError: cancelled() said yes.
            TextInvalidError, TextTooLongError, LanguageUnsupportedError, VoiceNotFoundError,
            ParameterInvalidError: the request cannot be spoken; nothing was yielded.
            GptsovitsError: the voice cannot be loaded.

        """
        return self._in_turns(self._chunks(request, cancelled))

    def _chunks(
        self, request: SpeechRequest, cancelled: Callable[[], bool]
    ) -> Generator[AudioChunk, None, None]:
        """Yield the audio of a request, from the cache or made anew."""
        check_request(request, self._settings.max_text_length)
        if self._phrases is None:
            yield from self._spoken(request, cancelled)
            return
        voice = self._store.voice(request.voice or self.default_voice)
        # Phrases are kept with their marks, whoever asks for them first.
        asked = replace(request, marks=True)
        chunks = self._phrases.speak(
            asked, voice, lambda: self._spoken(asked, cancelled), cancelled
        )
        with closing(chunks):
            for chunk in chunks:
                yield chunk if request.marks else replace(chunk, marks=())

    def _spoken(
        self, request: SpeechRequest, cancelled: Callable[[], bool]
    ) -> Generator[AudioChunk, None, None]:
        """Yield the audio of a checked request, made anew."""
        with self._pool.using(request.voice or self.default_voice) as voice:
            _check_language(voice.voice, request.language)
            seed = secrets.randbits(63) if request.seed is None else request.seed
            meter = self._meters.setdefault(voice.voice.name, PaceMeter())
            segments = self._segments(request, voice)
            spoken = enumerate(segments[request.first_segment :], request.first_segment)
            mark = None if self._watermark is None else MarkedStream(self._watermark).marked
            for index, (segment, phonemes) in spoken:
                marked = as_marked(request, segment)
                speech = SegmentSpeech(
                    voice,
                    marked,
                    seed,
                    index,
                    phonemes,
                    meter,
                    cancelled,
                    self._shared_threads,
                    self._sharing,
                )
                with closing(spoken_segment(speech)) as chunks:
                    for chunk in chunks:
                        yield chunk if mark is None else watermarked(chunk, mark)

    def _segments(
        self, request: SpeechRequest, voice: LoadedVoice
    ) -> list[tuple[Segment, Phonemes]]:
        """Return all segments before the first is spoken: a refused text is refused whole."""
        spoken = []
        frontend = self._frontend(voice.acoustic.symbols)
        segments = frontend.segments(
            request.text, request.language, request.split_method, voice.lexicons
        )
        for number, segment in enumerate(segments):
            try:
                spoken.append((segment, frontend.read(segment)))
            except TextInvalidError as error:
                # One segment in a script that nobody here reads must not silence its neighbours.
                log.warning('segment %d of the text was left out: %s', number, error)
        if not spoken:
            raise TextInvalidError('the text holds nothing that can be spoken')
        # English words stand in texts of every language, and the frontend reads them in all.
        found = {span.language for _, phonemes in spoken for span in phonemes.spans} - {'en'}
        for language in sorted(found.difference(voice.voice.languages)):
            _refuse_language(voice.voice, language)
        return spoken

    def _warm_up(self, voice: Voice) -> None:
        """Speak to nobody: a GPU sets itself up, and steps are captured, at their first use."""
        request = SpeechRequest(
            WARM_UP_TEXT, voice=voice.name, language=voice.languages[0], seed=0
        )
        # A window of frames is captured when it comes the second time.
        for _ in range(2):
            # Not from the cache, where it would be found the second time.
            for _ in self._in_turns(self._spoken(request, never)):
                pass
        # What was measured meanwhile tells nothing of later.
        self._meters.clear()

    def _settle_store(self) -> None:
        """Remove what a program that died left in the store: recordings, maybe."""
        try:
            self._store.recover()
        except (VoiceStoreBusyError, VoiceStoreError) as error:
            # Voices are read from a store that cannot be changed, too.
            log.warning('the voice store was left as it is: %s', error)

    def _in_turns(
        self, chunks: Generator[AudioChunk, None, None]
    ) -> Generator[AudioChunk, None, None]:
        """Return chunks that are made in turns with those of other threads."""
        if self._turns is None:
            return chunks
        # The caller's thread may have spoken with another engine before.
        torch.set_num_threads(self._threads)
        return self._turns.each(chunks)

    def _sharing(self) -> int:
        return 1 if self._turns is None else self._turns.sharing

    def _load_voice(self, voice: Voice) -> LoadedVoice:
        return load_voice(
            voice, self._models, self._frontend, self._device, self._captured, self._batches
        )

    def _frontend(self, symbols: str) -> TextFrontend:
        """Return the text frontend of a symbol table, made at its first use."""
        if symbols not in self._frontends:
            self._frontends[symbols] = TextFrontend(
                symbols,
                self._settings.upstream_compatible,
                self._lexicons,
                self._store.model_root,
            )
        return self._frontends[symbols]


def _check_language(voice: Voice, language: str) -> None:
    if language in ('auto', 'auto_yue'):
        return
    if language.removeprefix('all_') not in voice.languages:
        _refuse_language(voice, language)


def _refuse_language(voice: Voice, language: str) -> NoReturn:
    raise LanguageUnsupportedError(
        f'voice "{voice.name}" does not speak "{language}"; it speaks '
        + ', '.join(voice.languages)
    )
