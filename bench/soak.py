"""Many utterances in one engine process: memory, open files and the time per audio stay."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench.memory import open_files, resident_mib, threads
from bench.report import Row
from bench.setup import Setup
from gptsovits_ros.engine.client import EngineClient
from gptsovits_ros.types import SpeechRequest

START_TIMEOUT_S = 300.0
# Short and long, of one and of several segments, in all languages of the stand-in.
TEXTS = (
    ('zh', '你好。'),
    ('en', 'Hello, I am your robot.'),
    ('auto', '今天是2024年3月15日，meeting在3点开始。'),
    ('en', 'The battery is at 40 percent; I will be back at the dock in 12 minutes, if I may.'),
    ('zh', '请让一下，谢谢。我要去三楼，电梯里的人请不要关门，我马上就到。'),
)
# Every so many utterances one is cancelled after its first chunk.
CANCEL_EVERY = 10
# What a fresh process still loads and keeps is no leak.
WARM_UP = 0.1


@dataclass(frozen=True)
class Sample:
    """What is seen after one utterance."""

    memory_mib: float
    time_per_audio: float
    open_files: int
    threads: int


def measure(setup: Setup) -> Iterator[Row]:
    """Yield the rows of all utterances; what they grow by is that between first and last tenth."""
    with EngineClient(setup.settings(setup.voice_folder('tiny'))) as client:
        status = client.wait_ready(START_TIMEOUT_S)
        conditions = setup.conditions(status.device)
        samples = [_say(client, status.pid, number) for number in range(setup.utterances)]
        restarts = client.status.restarts
    warm = samples[int(WARM_UP * len(samples)) :]
    tenth = max(1, len(warm) // 10)
    early, late = warm[:tenth], warm[-tenth:]
    name = f'soak of {setup.utterances} utterances'
    memory = [sample.memory_mib for sample in warm]
    yield conditions.row(f'{name}: memory', memory, 'MiB')
    yield conditions.row(f'{name}: growth of memory per 1000', [_slope(memory) * 1000], 'MiB')
    # What only settles grows less here than in the whole; a leak grows as much.
    half = memory[len(memory) // 2 :]
    yield conditions.row(
        f'{name}: growth of memory per 1000, second half', [_slope(half) * 1000], 'MiB'
    )
    yield conditions.row(
        f'{name}: time per audio, late over early', [_pace(late) / _pace(early)], '1'
    )
    for what in ('open_files', 'threads'):
        grown = getattr(late[-1], what) - getattr(early[0], what)
        yield conditions.row(f'{name}: more {what.replace("_", " ")}', [grown], '1')
    yield conditions.row(f'{name}: restarts of the engine', [restarts], '1')


def _say(client: EngineClient, pid: int, number: int) -> Sample:
    """Speak one utterance, or its start."""
    language, text = TEXTS[number % len(TEXTS)]
    start, audio_s = time.perf_counter(), 0.0
    with client.synthesize(SpeechRequest(text, language=language, seed=number)) as stream:
        is_cancelled = number % CANCEL_EVERY == CANCEL_EVERY - 1
        for chunk in itertools.islice(stream, 1) if is_cancelled else stream:
            audio_s += chunk.duration_s
    took = time.perf_counter() - start
    return Sample(resident_mib(pid), took / audio_s, open_files(pid), threads(pid))


def _slope(values: list[float]) -> float:
    """Return how much values grow from one to the next, by least squares."""
    return float(np.polyfit(np.arange(len(values)), values, 1)[0]) if len(values) > 1 else 0.0


def _pace(samples: list[Sample]) -> float:
    return float(np.median([sample.time_per_audio for sample in samples]))
