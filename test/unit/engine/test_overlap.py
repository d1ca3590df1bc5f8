"""A token loop and a decoder with a core each: the same audio, and nothing is left over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from gptsovits_ros.engine import draw_ahead, guard, segment_chunks
from gptsovits_ros.engine import engine as engine_module
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.synthesis import SegmentSpeech
from gptsovits_ros.errors import CanceledError, OutOfMemoryError
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import AudioChunk, SpeechRequest

from .helpers import FixedPace

TEXT = '今天天气很好，\nHello!'


@pytest.fixture(scope='module')
def engines(root) -> Iterator[Callable[[int], Engine]]:
    """Return what gives an engine with so many threads.

    Whatever it asks for, torch stays at one thread: the results of an operation depend on how many
    share it, in the last digits, and cores that run tests are busy.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(engine_module, 'PaceMeter', FixedPace)
        monkeypatch.setattr(torch, 'set_num_threads', lambda count: None)
        made: dict[int, Engine] = {}

        def engine(threads: int) -> Engine:
            if threads not in made:
                settings = EngineSettings(
                    voice_root=str(root),
                    default_voice='plain',
                    device='cpu',
                    threads=threads,
                )
                made[threads] = Engine.load(settings)
            return made[threads]

        yield engine
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def started(monkeypatch) -> Iterator[list[str]]:
    """Return a list of the token loops that were started; none is left after the test."""
    names: list[str] = []
    start = draw_ahead._Drawing.__enter__

    def counted(drawing):
        names.append(drawing._thread.name)
        return start(drawing)

    monkeypatch.setattr(draw_ahead._Drawing, '__enter__', counted)
    yield names
    assert not is_drawing()


def is_drawing() -> bool:
    """Tell whether there is a token loop."""
    return 'token loop' in {thread.name for thread in threading.enumerate()}


def spoken_alike(engines: Callable[[int], Engine], request: SpeechRequest) -> list[AudioChunk]:
    """Return what an engine with two threads makes of a request, bit for bit as one with one."""
    turns = list(engines(1).synthesize(request))
    beside = list(engines(2).synthesize(request))
    for one, other in zip(turns, beside, strict=True):
        assert np.array_equal(one.samples, other.samples)
        assert replace(one, samples=other.samples) == other
    return beside


@pytest.mark.parametrize('voice', ['plain', 'guarded'])
@pytest.mark.parametrize('options', [{}, {'speed': 1.3, 'marks': True}])
@pytest.mark.parametrize('seed', [1, 2])
def test_the_audio_is_that_of_models_that_take_turns(engines, started, voice, options, seed):
    chunks = spoken_alike(engines, SpeechRequest(TEXT, voice=voice, seed=seed, **options))
    assert len(started) == sum(chunk.is_segment_end for chunk in chunks) == 2
    assert len(chunks) > 4


def test_the_audio_is_that_of_models_that_take_turns_when_it_is_drawn_anew(
    engines, started, monkeypatch
):
    monkeypatch.setattr(guard, 'BRIEF_TOKENS', 1000)
    chunks = spoken_alike(engines, SpeechRequest(TEXT, voice='guarded', seed=1))
    assert any(chunk.guard for chunk in chunks)
    assert len(started) > len(chunks) == 2


def test_a_whole_segment_has_no_token_loop_of_its_own(engines, started):
    spoken_alike(engines, SpeechRequest(TEXT, seed=1, stream=False))
    assert started == []


@pytest.mark.parametrize('voice', ['plain', 'guarded'])
@pytest.mark.parametrize('count', [1, 3])
def test_a_listener_who_leaves_ends_the_token_loop(engines, voice, count):
    stream = engines(2).synthesize(SpeechRequest(TEXT, voice=voice, seed=1))
    for _ in range(count):
        next(stream)
    stream.close()
    assert not is_drawing()


@pytest.mark.parametrize('voice', ['plain', 'guarded'])
@pytest.mark.parametrize('after', [0, 3, 30])
def test_cancel_ends_both(engines, voice, after):
    asked = []

    def cancelled() -> bool:
        asked.append(threading.current_thread())
        return len(asked) > after

    with pytest.raises(CanceledError):
        list(engines(2).synthesize(SpeechRequest(TEXT, voice=voice, seed=1), cancelled))
    # Only the thread that speaks tells of its progress.
    assert set(asked) == {threading.current_thread()}
    assert len(asked) == after + 1
    assert not is_drawing()


def broken(error: Exception, at: int) -> Callable:
    """Return a function that takes another one and gives one that fails at the n-th call."""

    def breaking(function: Callable) -> Callable:
        calls = []

        def call(*arguments: object, **options: object) -> object:
            calls.append(0)
            if len(calls) > at:
                raise error
            return function(*arguments, **options)

        return call

    return breaking


@pytest.mark.parametrize('voice', ['plain', 'guarded'])
@pytest.mark.parametrize(
    ('owner', 'name'), [(SegmentSpeech, '_sound'), (segment_chunks, 'limit_peak')]
)
@pytest.mark.parametrize('at', [0, 2])
def test_an_error_of_the_decoder_or_behind_it_ends_the_token_loop(
    engines, monkeypatch, voice, owner, name, at
):
    error = OutOfMemoryError('full')
    monkeypatch.setattr(owner, name, broken(error, at)(getattr(owner, name)))
    with pytest.raises(OutOfMemoryError) as caught:
        list(engines(2).synthesize(SpeechRequest(TEXT, voice=voice, seed=1)))
    # The error holds the frames that it went through, and a token loop none the less ends.
    assert caught.value is error
    assert not is_drawing()


@pytest.mark.parametrize('voice', ['plain', 'guarded'])
@pytest.mark.parametrize(
    ('at', 'error'), [(0, OutOfMemoryError('full')), (1, RuntimeError('bad')), (25, MemoryError())]
)
def test_an_error_of_the_token_loop_is_that_of_the_speech(engines, monkeypatch, voice, at, error):
    engine = engines(2)
    semantic = engine.loaded_voice(voice).semantic
    monkeypatch.setattr(semantic, 'logits', broken(error, at)(semantic.logits))
    with pytest.raises(type(error)) as caught:
        list(engine.synthesize(SpeechRequest(TEXT, voice=voice, seed=1)))
    assert caught.value is error
    assert not is_drawing()


def test_they_take_turns_where_that_is_wanted(root, started):
    before = torch.get_num_threads()
    settings = EngineSettings(
        voice_root=str(root), default_voice='plain', device='cpu', threads=2, draw_ahead=False
    )
    chunks = list(Engine.load(settings).synthesize(SpeechRequest(TEXT, seed=1)))
    torch.set_num_threads(before)
    assert len(chunks) > 2 and not started
