"""A recording becomes a voice of the store, whole or not at all."""

from __future__ import annotations

import shutil
import stat
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gptsovits_ros.engine import enrolment, loaded_voice
from gptsovits_ros.engine.description import enrolment_of
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.enrolment import EnrolmentRequest
from gptsovits_ros.engine.protocol import End, Error
from gptsovits_ros.engine.runner import EngineRunner, Job
from gptsovits_ros.engine.voice_tasks import (
    DeleteVoice,
    DescribeVoice,
    EnrollVoice,
    VoiceDone,
)
from gptsovits_ros.errors import (
    CanceledError,
    ConsentMissingError,
    ParameterInvalidError,
    RecordingSilentError,
    VoiceExistsError,
    VoiceInUseError,
    VoiceInvalidError,
    VoiceNotFoundError,
)
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest
from gptsovits_ros.voice import bundled
from gptsovits_ros.voice.consent import Consent
from gptsovits_ros.voice.enroll.decode import Clip
from gptsovits_ros.voice.enroll.plan import EnrolmentPlan, Piece
from gptsovits_ros.voice.enroll.report import PieceReport, Quality, QualityReport
from gptsovits_ros.voice.store import VoiceStore

RATE = 16000
CONSENT = Consent.parse('Ingrid Example, 2026-05-17, tests')
REQUEST = EnrolmentRequest('ingrid', 'en', (Clip(b'', 'clip.wav'),), CONSENT)


def piece(seconds: float, seed: int) -> Piece:
    random = np.random.default_rng(seed)
    return Piece((random.standard_normal(int(seconds * RATE)) * 0.1).astype(np.float32), RATE)


def planned(text: str = 'Hello there.') -> EnrolmentPlan:
    quality = Quality(4.0, 3.5, -23.0, 40.0, 15.0, 0.0, 8000.0)
    found = PieceReport('clip.wav', 0.0, 4.0, 0.9, quality)
    report = QualityReport(9.0, 8.0, 0.9, found, (found,), text, 'given', True, 0.9, False, ())
    return EnrolmentPlan(piece(4.0, 0), (piece(3.0, 1),), text, report)


class Chain:
    """Stands in for the chain that listens, which needs networks of other packages."""

    plan_to_give: EnrolmentPlan | Exception = planned()

    def __init__(self, model_root: Path) -> None:
        pass

    def plan(self, clips, language, transcript, without_noise, step) -> EnrolmentPlan:
        step()
        if isinstance(self.plan_to_give, Exception):
            raise self.plan_to_give
        return self.plan_to_give


@pytest.fixture
def chain(monkeypatch):
    """Return the class of the chain, whose plan_to_give can be changed."""
    fresh = type('FreshChain', (Chain,), {})
    monkeypatch.setattr(enrolment, 'EnrolmentChain', fresh)
    return fresh


@pytest.fixture
def root(tiny_voices, tmp_path) -> Path:
    """Return a store with one voice, "v2", whose models are shared."""
    (tmp_path / 'voices' / 'v2').mkdir(parents=True)
    for name in ('voice.yaml', 'prompt.wav'):
        (tmp_path / 'voices' / 'v2' / name).write_bytes((tiny_voices / 'v2' / name).read_bytes())
    return tmp_path / 'voices'


@pytest.fixture
def engine(root, tiny_voices, chain) -> Engine:
    settings = EngineSettings(
        voice_root=str(root),
        model_root=str(tiny_voices / 'v2'),
        device='cpu',
        cache='off',
        threads=1,
    )
    return Engine.open(replace(settings, precision='float32'))


def speech(engine: Engine, voice: str) -> np.ndarray:
    request = SpeechRequest('Hello.', 'en', voice, seed=1, guard_retries=0, stream=False)
    return np.concatenate([chunk.samples for chunk in engine.synthesize(request)])


def test_the_new_voice_speaks_with_the_models_of_the_default_voice(engine, root):
    report = engine.enroll(REQUEST)
    assert (report.name, report.base, report.retention) == ('ingrid', 'v2', 'keep')
    voice = VoiceStore(root, engine._store.model_root).voice('ingrid')
    assert (voice.prompt_text, voice.prompt_language) == ('Hello there.', 'en')
    assert voice.consent.who == 'Ingrid Example'
    assert voice.consent.source == 'clip.wav'
    assert len(voice.clips) == 2
    assert not voice.guard
    assert speech(engine, 'ingrid').std() > 0
    assert not np.array_equal(speech(engine, 'ingrid')[:1000], speech(engine, 'v2')[:1000])


def test_what_was_kept_is_what_the_recordings_give(engine, monkeypatch):
    engine.enroll(REQUEST)
    kept = speech(engine, 'ingrid')
    monkeypatch.setattr(loaded_voice, 'kept_conditions', lambda *args: None)
    other = Engine(engine._settings, engine._store, torch.device('cpu'))
    np.testing.assert_allclose(speech(other, 'ingrid'), kept, atol=1e-5)


def test_what_was_found_is_told_of_the_voice_from_then_on(engine, root):
    report = engine.enroll(REQUEST)
    found = engine.do_voice_task(DescribeVoice(1, 'ingrid')).description
    assert found.enrolment == enrolment_of(report)
    assert (found.enrolment.score, found.enrolment.clip) == (0.9, 'clip.wav')
    assert found.bundled is False
    (root / 'ingrid' / 'enrolment.yaml').unlink()
    assert engine.do_voice_task(DescribeVoice(1, 'ingrid')).description.enrolment is None
    assert speech(engine, 'ingrid').std() > 0


def test_only_its_owner_can_read_a_voice(engine, root):
    engine.enroll(REQUEST)
    folder = root / 'ingrid'
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_embeddings_alone_give_the_same_speech_and_no_recording_stays(engine, root):
    engine.enroll(REQUEST)
    kept = speech(engine, 'ingrid')
    engine.enroll(replace(REQUEST, name='secret', retention='embeddings'))
    assert not list((root / 'secret').glob('*.wav'))
    np.testing.assert_array_equal(speech(engine, 'secret'), kept)


def test_without_text_only_the_timbre_is_taken(engine, chain, monkeypatch):
    chain.plan_to_give = planned(text='')
    monkeypatch.setattr(enrolment, 'load_content', None)  # what hears words is not needed
    engine.enroll(REQUEST)
    assert len(engine.loaded_voice('ingrid').prompt_tokens) == 0
    assert speech(engine, 'ingrid').std() > 0


def test_a_text_that_the_base_voice_does_not_read_is_left_out(engine, chain):
    chain.plan_to_give = planned(text='こんにちは')
    report = engine.enroll(replace(REQUEST, language='ja'))
    assert report.quality.text == ''
    assert any('does not speak ja' in note for note in report.quality.notes)


def test_without_any_voice_of_ones_own_the_bundled_default_is_the_base(
    tiny_voice, chain, tmp_path, monkeypatch
):
    package = tmp_path / 'package'
    shutil.copytree(tiny_voice, package / 'core')
    before = {path: path.stat().st_mtime_ns for path in (package, *package.rglob('*'))}
    monkeypatch.setattr(bundled, 'BUNDLED_ROOT', package)
    settings = EngineSettings(
        voice_root=str(tmp_path / 'voices'),
        model_root=str(tmp_path / 'models'),
        device='cpu',
        cache='off',
    )
    engine = Engine.open(settings)
    assert engine.enroll(REQUEST).base == 'core'
    voice = engine._store.voice('ingrid')
    assert (voice.base, voice.semantic.parent) == ('core', package / 'core')
    assert voice.conditions == tmp_path / 'voices' / 'ingrid' / 'conditions.safetensors'
    assert speech(engine, 'ingrid').std() > 0
    # The next one is made with the same models, though the first is the default voice now.
    assert engine.enroll(replace(REQUEST, name='second')).base == 'ingrid'
    assert engine._store.voice('second').base == 'core'
    chain.plan_to_give = AssertionError('listened to recordings that it cannot use')
    with pytest.raises(VoiceInUseError, match='choose another name'):
        engine.enroll(replace(REQUEST, name='core'))
    assert {path: path.stat().st_mtime_ns for path in (package, *package.rglob('*'))} == before


def test_an_enrolment_has_its_own_threads_only_while_it_computes(engine, chain, monkeypatch):
    threads, seen = [1], []
    monkeypatch.setattr(torch, 'get_num_threads', lambda: threads[-1])
    monkeypatch.setattr(torch, 'set_num_threads', threads.append)
    engine._enroller._threads = 2
    compute = enrolment.computed_tokens
    monkeypatch.setattr(
        enrolment, 'computed_tokens', lambda *args: (seen.append(threads[-1]), compute(*args))[1]
    )
    between = []
    engine.enroll(REQUEST, lambda: bool(between.append(threads[-1])))
    assert seen == [2]
    assert set(between) == {1}
    assert threads == [1, 2, 1, 2, 1]


def test_models_are_loaded_once_for_several_enrolments(engine, monkeypatch):
    loaded = []
    load = enrolment.load_content
    monkeypatch.setattr(enrolment, 'load_content', lambda *args: loaded.append(1) or load(*args))
    engine.enroll(REQUEST)
    engine.enroll(replace(REQUEST, name='second'))
    assert loaded == [1]


@pytest.mark.parametrize(
    'change, error',
    [
        ({'consent': None}, ConsentMissingError),
        ({'name': '../evil'}, VoiceInvalidError),
        ({'name': ''}, VoiceInvalidError),
        ({'base': 'nobody'}, VoiceNotFoundError),
        ({'retention': 'everything'}, ParameterInvalidError),
        ({'name': 'v2'}, VoiceExistsError),
    ],
)
def test_a_refused_request_stores_nothing(engine, root, change, error):
    before = sorted(path.name for path in root.iterdir())
    with pytest.raises(error):
        engine.enroll(replace(REQUEST, **change))
    left = sorted(path.name for path in root.iterdir() if path.name != '.lock')
    assert left == before


def test_a_refused_recording_stores_nothing(engine, chain, root):
    chain.plan_to_give = RecordingSilentError('the recording is silent')
    with pytest.raises(RecordingSilentError):
        engine.enroll(REQUEST)
    assert sorted(path.name for path in root.iterdir() if path.name != '.lock') == ['v2']


def test_consent_may_be_kept_elsewhere(engine, root):
    engine.enroll(replace(REQUEST, consent=None, needs_consent=False))
    assert engine._store.voice('ingrid').consent is None


def test_the_record_is_the_one_that_was_given(engine):
    engine.enroll(replace(REQUEST, consent=replace(CONSENT, who='I, Ingrid', source='topic mic')))
    consent = engine._store.voice('ingrid').consent
    assert consent == replace(CONSENT, who='I, Ingrid', source='topic mic')


def test_overwriting_needs_to_be_asked_for(engine):
    engine.enroll(REQUEST)
    with pytest.raises(VoiceExistsError):
        engine.enroll(REQUEST)
    engine.enroll(replace(REQUEST, overwrite=True, description='again'))
    assert engine._store.voice('ingrid').description == 'again'


def test_v3_needs_to_know_what_is_said(tiny_voices, chain):
    chain.plan_to_give = planned(text='')
    settings = EngineSettings(
        voice_root=str(tiny_voices), default_voice='v3', device='cpu', cache='off'
    )
    with pytest.raises(ParameterInvalidError, match='exact text'):
        Engine.open(settings).enroll(REQUEST)
    assert 'ingrid' not in VoiceStore(tiny_voices).names()


class Robot:
    """An engine in its thread, as in the process of a robot: jobs go in, messages come out.

    Attributes:
        messages: what was sent, in order, without the audio and the list of voices.

    """

    def __init__(self, engine: Engine) -> None:
        self.messages = []
        self._ended = threading.Semaphore(0)
        self.runner = EngineRunner(
            lambda _: engine, engine._settings, self._take, lambda: pytest.fail('device lost')
        )
        self._count = 0

    def _take(self, client, message) -> None:
        if isinstance(message, (End, Error, VoiceDone)):
            self.messages.append(message)
            self._ended.release()

    def say(self, voice: str = 'v2') -> int:
        """Ask for speech."""
        return self._ask(SpeechRequest('Hello.', 'en', voice, seed=1, guard_retries=0)).id

    def do(self, task) -> Job:
        """Ask for a task with voices."""
        return self._ask(task)

    def _ask(self, request) -> Job:
        self._count += 1
        job = Job(b'client', self._count, 2**40, request)
        self.runner.submit(job)
        return job

    def work(self, count: int) -> list[tuple[str, int]]:
        """Do all; return what ended how, in order: kind of the message and number of the job."""
        self.runner.start()
        for _ in range(count):
            assert self._ended.acquire(timeout=120)
        self.runner.stop()
        self.runner.join(120)
        assert not self.runner.is_alive()
        return [(type(message).__name__, message.id) for message in self.messages]


ENROLL = EnrollVoice(
    1,
    'ingrid',
    'en',
    audio=b'RIFF',
    consent_who='Ingrid',
    consent_when='2026-05-17',
    consent_purpose='tests',
)


def during_the_plan(chain, act) -> None:
    """Let something happen while an enrolment listens to its recordings, before its next step."""

    def plan(self, clips, language, transcript, without_noise, step):
        act()
        step()
        return planned()

    chain.plan = plan


def test_who_speaks_while_a_voice_is_enrolled_does_not_wait_for_it(engine, chain):
    robot = Robot(engine)

    def act() -> None:
        robot.say()
        robot.say('nobody')
        robot.say()

    during_the_plan(chain, act)
    robot.do(ENROLL)
    ended = robot.work(4)
    assert ended == [('End', 2), ('Error', 3), ('End', 4), ('VoiceDone', 1)]
    assert robot.messages[1].code == VoiceNotFoundError.code
    assert robot.messages[0].chunks > 0
    assert speech(engine, 'ingrid').std() > 0


def test_every_step_lets_those_speak_who_came_in_the_meantime(engine, chain, monkeypatch):
    robot = Robot(engine)
    during_the_plan(chain, robot.say)
    for name in ('computed_tokens', 'keep_conditions'):
        make = getattr(enrolment, name)
        monkeypatch.setattr(
            enrolment, name, lambda *args, make=make: (robot.say(), make(*args))[1]
        )
    robot.do(ENROLL)
    ended = robot.work(4)
    assert ended == [('End', 2), ('End', 3), ('End', 4), ('VoiceDone', 1)]


def test_who_names_the_new_voice_waits_for_it_and_so_do_other_tasks(engine, chain):
    robot = Robot(engine)

    def act() -> None:
        robot.say()
        robot.say('ingrid')
        robot.say()
        robot.do(DeleteVoice(5, 'ingrid'))
        robot.say('ingrid')

    during_the_plan(chain, act)
    robot.do(ENROLL)
    assert robot.work(6) == [
        ('End', 2),
        ('VoiceDone', 1),
        ('End', 3),
        ('End', 4),
        ('VoiceDone', 5),
        ('Error', 6),
    ]


def test_an_enrolment_that_is_cancelled_while_somebody_speaks_stores_nothing(engine, chain, root):
    robot = Robot(engine)
    made = robot.do(ENROLL)

    def act() -> None:
        robot.say()
        spoken = engine.synthesize

        def synthesize(request, cancelled):
            robot.runner.withdraw(made)
            return spoken(request, cancelled)

        engine.synthesize = synthesize

    during_the_plan(chain, act)
    assert robot.work(2) == [('End', 2), ('Error', 1)]
    assert robot.messages[1].code == CanceledError.code
    assert sorted(path.name for path in root.iterdir() if path.name != '.lock') == ['v2']


def test_speech_that_comes_while_the_process_ends_is_left(engine, chain):
    robot = Robot(engine)

    def act() -> None:
        robot.runner.stop()
        robot.say()

    during_the_plan(chain, act)
    robot.do(ENROLL)
    assert robot.work(1) == [('VoiceDone', 1)]
