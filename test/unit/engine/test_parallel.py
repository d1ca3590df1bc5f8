"""Utterances that are spoken at once: each as if it were alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from gptsovits_ros.engine import engine as engine_module
from gptsovits_ros.engine import protocol, synthesis
from gptsovits_ros.engine.chunk_plan import ChunkPlan, Pace
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.runner import EngineRunner, Job
from gptsovits_ros.engine.turns import Turns
from gptsovits_ros.engine.voice_tasks import SetDefaultVoice, VoiceDone
from gptsovits_ros.errors import CanceledError, ConfigurationError
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import AudioChunk, SpeechRequest

from .helpers import PATIENCE_S, FixedPace, in_threads

TEXTS = ('今天天气很好，\nHello!', 'Good morning.', '一二三四五。', 'Where is the kitchen, robot?')


@pytest.fixture(scope='module')
def settings(root) -> EngineSettings:
    # Rounded to int8 by a scale for all texts of a batch, they would depend on each other.
    return EngineSettings(
        voice_root=str(root),
        default_voice='plain',
        device='cpu',
        threads=2,
        precision='float32',
        parallel=4,
    )


@pytest.fixture(scope='module')
def engines(settings) -> Iterator[tuple[Engine, Engine]]:
    """Return an engine that speaks several utterances at once, and one that does not."""
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(engine_module, 'PaceMeter', FixedPace)
        yield Engine.load(settings), Engine.load(replace(settings, parallel=1, threads=1))
    torch.set_num_threads(before)


def requests(stream: bool = True) -> list[SpeechRequest]:
    return [
        SpeechRequest(
            text, language='auto', seed=number, voice=('plain', 'guarded')[number % 2],
            stream=stream, marks=True,
        )
        for number, text in enumerate(TEXTS)
    ]  # fmt: skip


def at_once(engine: Engine, wanted: list[SpeechRequest], cancelled=None) -> list:
    """Return the chunks of each request, or its error."""

    def speak(number: int) -> list[AudioChunk]:
        asked = cancelled if number == 1 and cancelled else lambda: False
        return list(engine.synthesize(wanted[number], asked))

    return in_threads(len(wanted), speak)


def assert_same(found: list[AudioChunk], expected: list[AudioChunk]) -> None:
    assert [
        (c.segment_index, c.segment_text, c.is_segment_end, c.guard, c.marks) for c in found
    ] == [(c.segment_index, c.segment_text, c.is_segment_end, c.guard, c.marks) for c in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.samples, other.samples, atol=1e-4)


@pytest.mark.parametrize('stream', [True, False])
def test_utterances_at_once_sound_as_if_alone(engines, stream):
    parallel, alone = engines
    wanted = requests(stream)
    for found, request in zip(at_once(parallel, wanted), wanted, strict=True):
        assert_same(found, list(alone.synthesize(request)))


def test_one_that_is_cancelled_or_refused_does_not_touch_the_others(engines):
    parallel, alone = engines
    wanted = [*requests(), SpeechRequest('...', seed=1)]
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > 4

    found = at_once(parallel, wanted, cancelled)
    assert isinstance(found[1], CanceledError)
    assert type(found[4]).__name__ == 'TextInvalidError'
    for number in (0, 2, 3):
        assert_same(found[number], list(alone.synthesize(wanted[number])))


def test_one_that_is_left_early_leaves_nothing(engines):
    parallel, alone = engines
    chunks = parallel.synthesize(requests()[0])
    next(chunks)
    chunks.close()
    batch = parallel.loaded_voice('plain').batch
    deadline = time.monotonic() + PATIENCE_S
    while batch._thread is not None and time.monotonic() < deadline:
        time.sleep(0.001)
    assert batch._thread is None
    assert_same(list(parallel.synthesize(requests()[2])), list(alone.synthesize(requests()[2])))


def test_who_shares_the_decoder_waits_longer_before_it_is_heard(engines, monkeypatch):
    """So that nobody falls silent within a segment while others have their turns."""
    parallel, _ = engines
    plans = []
    of = ChunkPlan.of

    def noted(*given, **options):
        plans.append(of(*given, **options))
        return plans[-1]

    monkeypatch.setattr(synthesis.ChunkPlan, 'of', noted)
    monkeypatch.setattr(FixedPace, 'pace', Pace(0.001, 0.015))
    request = SpeechRequest('一二三四五六七八九十。' * 3, split_method='cut0', seed=1)
    for sharing in (1, 4):
        monkeypatch.setattr(Turns, 'sharing', sharing)
        list(parallel.synthesize(request))
    alone, shared = (plan.head_start for plan in plans)
    assert alone == 1 and shared > 1


def test_one_thread_is_not_enough(settings):
    with pytest.raises(ConfigurationError, match='engine.threads is 1; set it to 2'):
        Engine.load(replace(settings, threads=1))


class Choir:
    """An engine whose utterances each wait until as many as expected are speaking."""

    device = 'fake'

    def __init__(self, expected: int) -> None:
        self.speaking = self.most = 0
        self.log: list[str] = []
        self._expected = expected
        self._changed = threading.Condition()

    def voices(self):
        return []

    def synthesize(self, request, cancelled):
        with self._changed:
            self.speaking += 1
            self.most = max(self.most, self.speaking)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self.most >= self._expected, PATIENCE_S)
        yield AudioChunk(np.zeros(1, np.float32), 32000)
        time.sleep(0.01)
        with self._changed:
            self.speaking -= 1
        self.log.append(request.text)

    def do_voice_task(self, task, cancelled):
        assert not self.speaking
        self.log.append('task')
        return VoiceDone(task.id, 'ann')


def test_a_runner_speaks_so_many_at_once_and_does_tasks_by_themselves():
    ended = threading.Semaphore(0)

    def send(client, message):
        if isinstance(message, (protocol.End, protocol.VoiceDone)):
            ended.release()

    choir = Choir(expected=3)
    runner = EngineRunner(lambda _: choir, EngineSettings(parallel=3), send, lambda: None)
    for number in range(6):
        runner.submit(Job(b'client', number, 2**40, SpeechRequest(str(number))))
    runner.submit(Job(b'client', 6, 0, SetDefaultVoice(6, 'ann')))
    runner.submit(Job(b'client', 7, 2**40, SpeechRequest('after')))
    runner.start()
    for _ in range(8):
        assert ended.acquire(timeout=PATIENCE_S)
    runner.stop()
    runner.join(PATIENCE_S)
    assert not runner.is_alive() and choir.most == 3
    assert sorted(choir.log[:6]) == list('012345') and choir.log[6:] == ['task', 'after']
