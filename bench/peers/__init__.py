"""The same sentence spoken by other programs that run GPT-SoVITS, in turns with this one.

bench/peers/README.md tells how they are set up, and what is the same and what is not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.report import Conditions, Row
from bench.setup import Setup
from gptsovits_ros.errors import ConfigurationError

HERE = Path(__file__).resolve().parent
ROOT = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'gptsovits_ros-peers'
OURS = 'gptsovits_ros'
# Name -> environment, script, and its arguments beside the folder of the models and the threads.
PROGRAMS = {
    OURS: ('', 'run_ours.py', ()),
    'gpt-sovits-cpufast, streaming': ('cpufast', 'run_cpufast.py', ('streaming',)),
    'gpt-sovits-cpufast': ('cpufast', 'run_cpufast.py', ('whole',)),
    'genie-tts': ('genie', 'run_genie.py', ()),
}


class Program:
    """One of the programs, with its models loaded."""

    def __init__(self, name: str, work: Path, threads: int) -> None:
        """Start it and wait until it is ready."""
        environment, script, arguments = PROGRAMS[name]
        python = str(ROOT / environment / 'bin' / 'python') if environment else sys.executable
        self._process = subprocess.Popen(
            [python, str(HERE / script), str(work), str(threads), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                'OMP_NUM_THREADS': str(threads),
                'PYTHONPATH': '' if environment else str(HERE.parent.parent),
            },
        )
        self.name = name
        self.load_s = self._answer()['load_s']

    def speak(self, seed: int) -> dict[str, float]:
        """Let it speak the sentence, and return what `exchange.Clock` saw."""
        self._process.stdin.write(json.dumps({'seed': seed}) + '\n')
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, float]:
        line = self._process.stdout.readline()
        if not line:
            command = ' '.join(self._process.args)
            raise ConfigurationError(
                f'{self.name} ended with {self._process.wait()}; run `{command}` by hand to '
                'see why (bench/peers/README.md)'
            )
        return json.loads(line)


def measure(setup: Setup) -> Iterator[Row]:
    """Yield the rows of each program, and how many times as much as ours it takes."""
    work = ROOT / 'models'
    if not (work / 'inputs.json').is_file():
        voice = setup.voice_folder()
        raise ConfigurationError(f'run first: bench/peers/setup.sh {voice}')
    conditions = Conditions('cpu', setup.threads, setup.command, has_goals=False)
    with ExitStack() as stack:
        programs = []
        for name in PROGRAMS:
            programs.append(Program(name, work, setup.threads))
            stack.callback(programs[-1].close)
        for program in programs:
            program.speak(0)
        print(f'all are loaded; {setup.runs} rounds begin', flush=True)
        if setup.pause:
            input('press Enter ')
        rounds = [
            {program.name: program.speak(seed) for program in programs}
            for seed in range(1, setup.runs + 1)
        ]
    for program in programs:
        yield conditions.row(f'{program.name}: load', [program.load_s], 's')
        for what, values in _quantities([turn[program.name] for turn in rounds]).items():
            yield conditions.row(f'{program.name}: {what}', values, _unit(what))
    ours = _quantities([turn[OURS] for turn in rounds])
    for program in programs[1:]:
        theirs = _quantities([turn[program.name] for turn in rounds])
        for what, values in theirs.items():
            ratios = [value / own for value, own in zip(values, ours[what], strict=True)]
            yield conditions.row(f'{program.name} over ours: {what}', ratios, '1')


def _quantities(turns: list[dict[str, float]]) -> dict[str, list[float]]:
    return {
        'first audio': [turn['first_s'] for turn in turns],
        'real-time factor': [turn['total_s'] / turn['audio_s'] for turn in turns],
        'largest memory': [turn['largest_mib'] for turn in turns],
    }


def _unit(what: str) -> str:
    return {'first audio': 's', 'real-time factor': 's/s', 'largest memory': 'MiB'}[what]
