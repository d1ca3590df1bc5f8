"""`python -m bench.enroll FOLDER`: which recordings become voices, how well, and how fast.

FOLDER holds recordings named SPEAKER_NN.wav (any others are left out), as many per speaker as
there are; docs/enrolment.md tells where those of its table came from. Of each speaker the first
ten seconds are enrolled, and again all (up to a minute); then every one is spoiled in each way
that must be refused. Nothing is stored.

With --voice whole enrolments of the first ten seconds are timed, with the models of that voice:
the first in a process that has spoken, and later ones, by stages. `--no-tables` leaves the rest.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import soundfile
import torch

from gptsovits_ros.audio.resample import resample_soxr_hq
from gptsovits_ros.engine import enrolment
from gptsovits_ros.engine.cfm_adapter import CfmAdapter
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.enrolment import EnrolmentRequest
from gptsovits_ros.engine.sovits_adapter import SovitsAdapter
from gptsovits_ros.engine.threads import enrolment_threads
from gptsovits_ros.errors import RecordingUnsuitableError
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.voice.consent import Consent
from gptsovits_ros.voice.enroll.decode import Clip
from gptsovits_ros.voice.enroll.plan import EnrolmentChain, EnrolmentPlan

RATE = 16000
SHORT_S, LONG_S = 10.0, 60.0
SMALL_BYTES = 1_000_000
LATER = 5
CONSENT = Consent.now('bench', '2026-01-01', 'measuring')
Wave = np.ndarray  # float32 [T] at RATE


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog='python -m bench.enroll', description=__doc__)
    parser.add_argument('folder', type=Path, metavar='FOLDER', help='with SPEAKER_NN.wav')
    parser.add_argument(
        '--voice', type=Path, metavar='FOLDER', help='base voice whose enrolment is timed'
    )
    parser.add_argument(
        '--threads',
        type=int,
        default=0,
        metavar='N',
        help='engine.threads of those that are timed (default: 0, as a robot that says nothing)',
    )
    parser.add_argument('--no-tables', action='store_true', help='only time whole enrolments')
    parser.add_argument(
        '--narrow',
        default='',
        metavar='NAMES',
        help='speakers who were recorded at 8 kHz and must be refused, with commas between',
    )
    args = parser.parse_args()
    speakers = read(args.folder)
    if not args.no_tables:
        print_tables(speakers, set(filter(None, args.narrow.split(','))))
    if args.voice:
        time_whole(args.voice, next(iter(speakers.values())), args.threads)
    return 0


def print_tables(speakers: dict[str, tuple[Wave, int]], narrow: set[str]) -> None:
    """Print what becomes of good recordings, and of spoiled ones."""
    chain = EnrolmentChain(Path(tempfile.gettempdir()) / 'no-models')
    # The first one loads the networks.
    attempt(chain, next(iter(speakers.values())), RATE)
    good = {}
    print('| speaker | recording | prompt | score | noise below | likeness | references | CPU |')
    print('|---|---|---|---|---|---|---|---|')
    for name, (wave, rate) in speakers.items():
        for seconds in (SHORT_S, LONG_S):
            if seconds == LONG_S and len(wave) <= 12 * rate:
                continue
            found, cpu_s = attempt(chain, (wave[: int(seconds * rate)], rate), rate)
            print(row(name, min(seconds, len(wave) / rate), found, cpu_s), flush=True)
        if name not in narrow:
            good[name] = resample_soxr_hq(wave[: int(9 * rate)], rate, RATE)
    print('\n| spoiled | refused | as |\n|---|---|---|')
    for title, make in SPOILED.items():
        kinds = Counter(
            'taken' if isinstance(found, EnrolmentPlan) else found
            for wave in make(good)
            for found in [attempt(chain, (wave, RATE), RATE)[0]]
        )
        refused = sum(count for kind, count in kinds.items() if kind != 'taken')
        names = ', '.join(f'{kind} {count}' for kind, count in kinds.most_common())
        print(f'| {title} | {refused} of {sum(kinds.values())} | {names} |', flush=True)


def read(folder: Path) -> dict[str, tuple[Wave, int]]:
    """Return up to a minute of each speaker, and its rate."""
    parts: dict[str, list[Wave]] = {}
    rates = {}
    for path in sorted(folder.glob('*_[0-9][0-9].wav')):
        samples, rate = soundfile.read(path, dtype='float32')
        name = path.stem[:-3]
        parts.setdefault(name, []).append(samples)
        rates[name] = rate
    if not parts:
        sys.exit(f'no SPEAKER_NN.wav in {folder}')
    return {
        name: (np.concatenate(waves)[: int(LONG_S * rates[name])], rates[name])
        for name, waves in parts.items()
    }


def attempt(
    chain: EnrolmentChain, recording: tuple[Wave, int], rate: int
) -> tuple[EnrolmentPlan | str, float]:
    """Return the plan or the name of the refusal, and the CPU time that it took [s]."""
    start = time.process_time()
    try:
        found: EnrolmentPlan | str = chain.plan([as_clip(*recording)], 'en')
    except RecordingUnsuitableError as error:
        found = error.name
    return found, time.process_time() - start


def as_clip(wave: Wave, rate: int) -> Clip:
    """Return a WAV file in memory."""
    content = io.BytesIO()
    soundfile.write(content, np.clip(wave, -1, 1), rate, format='WAV', subtype='PCM_16')
    return Clip(content.getvalue(), 'recording')


def row(name: str, seconds: float, found: EnrolmentPlan | str, cpu_s: float) -> str:
    """Return a line of the first table."""
    if isinstance(found, str):
        return f'| {name} | {seconds:.1f} s | refused: {found} | | | | | {cpu_s:.2f} s |'
    report = found.report
    piece = report.prompt
    alike = '-' if report.agreement is None else f'{report.agreement:.2f}'
    return (
        f'| {name} | {seconds:.1f} s | {piece.start_s:.1f}-{piece.end_s:.1f} s '
        f'| {report.score:.2f} | {piece.quality.snr_db:.0f} dB | {alike} '
        f'| {len(report.references)} | {cpu_s:.2f} s |'
    )


def rms(wave: Wave) -> float:
    """Return the level of what is loud, which is speech."""
    frames = wave[: len(wave) // 512 * 512].reshape(-1, 512)
    power = (frames**2).mean(axis=1)
    return float(np.sqrt(power[power > power.max() / 100].mean()))


def mixed(wave: Wave, other: Wave, db: float = 0.0) -> Wave:
    """Return a recording with something else so many decibels below it."""
    other = np.resize(other, len(wave))
    both = wave + other * (rms(wave) / rms(other) * 10 ** (-db / 20))
    return (both * min(1.0, 0.9 / np.abs(both).max())).astype(np.float32)


def noise(count: int, pink: bool = False) -> Wave:
    """Return white or pink noise."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(count))
    if pink:
        spectrum /= np.sqrt(np.arange(1, len(spectrum) + 1))
    return np.fft.irfft(spectrum, count).astype(np.float32)


def music(count: int) -> Wave:
    """Return chords that change twice a second and fade."""
    at = np.arange(count) / RATE
    root = 220 * 2 ** (np.array([0, 5, 7, 0])[(at / 2).astype(int) % 4] / 12)
    wave = np.zeros(count)
    for step, part in itertools.product((0, 4, 7), range(1, 8)):
        phase = 2 * np.pi * np.cumsum(root * 2 ** (step / 12)) * part / RATE
        wave += 0.6**part * np.sin(phase)
    return (0.2 * wave * np.exp(-(at * 2 % 1))).astype(np.float32)


def low_pass(wave: Wave, hz: float) -> Wave:
    """Return a recording without what is above a frequency."""
    spectrum = np.fft.rfft(wave)
    spectrum[int(hz / RATE * len(wave)) :] = 0
    return np.fft.irfft(spectrum, len(wave)).astype(np.float32)


def babble(good: dict[str, Wave], name: str) -> Wave:
    """Return six others who speak at once."""
    others = [wave for other, wave in good.items() if other != name][:6]
    shortest = max(map(len, others))
    return sum(
        np.resize(np.roll(wave, 8000 * index), shortest) / rms(wave)
        for index, wave in enumerate(others)
    )


def pairs(good: dict[str, Wave]) -> Iterator[tuple[Wave, Wave]]:
    """Return every speaker with every other one."""
    return itertools.permutations(good.values(), 2)


def through_mp3(wave: Wave) -> Wave:
    """Return a recording as MP3 gives it back."""
    content = io.BytesIO()
    soundfile.write(content, wave, RATE, format='MP3')
    content.seek(0)
    return soundfile.read(content, dtype='float32')[0]


def each(change: Callable[[Wave], Wave]) -> Callable[[dict[str, Wave]], Iterator[Wave]]:
    """Return what spoils every recording in one way."""
    return lambda good: map(change, good.values())


SPOILED: dict[str, Callable[[dict[str, Wave]], Iterator[Wave]]] = {
    'silence': each(np.zeros_like),
    'hiss alone': each(lambda wave: noise(len(wave)) * 0.01),
    'music alone': each(lambda wave: music(len(wave))),
    'white noise at 0 dB': each(lambda wave: mixed(wave, noise(len(wave)))),
    'pink noise at 0 dB': each(lambda wave: mixed(wave, noise(len(wave), pink=True))),
    'music at 0 dB': each(lambda wave: mixed(wave, music(len(wave)))),
    'six people at 0 dB': lambda good: (mixed(good[name], babble(good, name)) for name in good),
    'two people at once': lambda good: (mixed(one, two) for one, two in pairs(good)),
    'two people in turn': lambda good: (
        np.concatenate([0.07 / rms(one) * one[:72000], 0.07 / rms(two) * two[:72000]])
        for one, two in pairs(good)
    ),
    'two seconds': each(lambda wave: wave[: 2 * RATE]),
    'clipped, 20 dB': each(lambda wave: np.clip(wave / np.abs(wave).max() * 10, -1, 1)),
    'clipped, 10 dB': each(lambda wave: np.clip(wave / np.abs(wave).max() * 3.2, -1, 1)),
    'clipped, then MP3': each(
        lambda wave: through_mp3(0.7 * np.clip(wave / np.abs(wave).max() * 10, -1, 1))
    ),
    'telephone (3.4 kHz)': each(lambda wave: low_pass(wave, 3400)),
}


# What an enrolment consists of, and what does it; the rest is text, files and checksums.
STAGES: dict[str, tuple[tuple[Any, str], ...]] = {
    'listening': ((EnrolmentChain, 'plan'),),
    'loading': ((enrolment, 'load_acoustic_model'), (enrolment, 'load_content')),
    'words': ((enrolment, 'computed_tokens'),),
    'timbre': ((SovitsAdapter, 'condition'), (CfmAdapter, 'condition')),
}


@contextmanager
def timed_stages() -> Iterator[dict[str, float]]:
    """Yield how long each stage took so far [s]."""
    took = dict.fromkeys(STAGES, 0.0)

    def timed(stage: str, work: Callable) -> Callable:
        def do(*args: Any, **options: Any) -> Any:
            start = time.monotonic()
            try:
                return work(*args, **options)
            finally:
                took[stage] += time.monotonic() - start

        return do

    with ExitStack() as stack:
        for stage, places in STAGES.items():
            for owner, name in places:
                work = timed(stage, getattr(owner, name))
                stack.enter_context(mock.patch.object(owner, name, work))
        yield took


def time_whole(base: Path, recording: tuple[Wave, int], threads: int) -> None:
    """Print how long whole enrolments take, with the models of a voice and a text."""
    wave, rate = recording
    text = 'This is what the speaker says, more or less, for about ten seconds or so, without end.'
    with tempfile.TemporaryDirectory() as root:
        # Its models are found as shared ones, so they need not be copied.
        shutil.copytree(base, Path(root, base.name), ignore=only_small)
        settings = EngineSettings(
            voice_root=root, model_root=str(base), cache='off', threads=threads
        )
        # As in a running node: the base voice is loaded, what enrolment alone needs is not.
        engine = Engine.load(settings)
        cores = len(os.sched_getaffinity(0))
        print(
            f'\n{cores} cores, load {os.getloadavg()[0]:.1f}; threads of speech: '
            f'{torch.get_num_threads()}, of an enrolment: {enrolment_threads(threads, cores)}\n'
        )
        print(f'| enrolment of 10 s | time | CPU | {" | ".join(STAGES)} | rest |')
        print('|---' * (len(STAGES) + 4) + '|')
        later = []
        for title in ('first', *(f'later-{number}' for number in range(1, LATER + 1))):
            request = EnrolmentRequest(
                title,
                'en',
                (as_clip(wave[: int(SHORT_S * rate)], rate),),
                CONSENT,
                text,
                base=base.name,
            )
            start, start_cpu = time.monotonic(), time.process_time()
            with timed_stages() as took:
                report = engine.enroll(request)
            wall_s, cpu_s = time.monotonic() - start, time.process_time() - start_cpu
            if title != 'first':
                later.append(wall_s)
            parts = [*took.values(), wall_s - sum(took.values())]
            known = 'with prompt text' if report.quality.text else 'timbre only'
            print(
                f'| {title}, {known} | {wall_s:.2f} s | {cpu_s:.2f} s | '
                + ' | '.join(f'{part:.2f} s' for part in parts)
                + ' |',
                flush=True,
            )
        print(f'\nlater ones: median {np.median(later):.2f} s, {min(later):.2f} s at best')


def only_small(folder: str, names: list[str]) -> set[str]:
    """Return the files of a voice that are models."""
    paths = {name: Path(folder, name) for name in names}
    return {
        name for name, path in paths.items() if path.is_dir() or path.stat().st_size > SMALL_BYTES
    }


if __name__ == '__main__':
    sys.exit(main())
