"""A worker process with a stand-in engine that does what the text of a request says.

The tests start it as `python fake_engine_worker.py --address ... --settings ...`, or as an engine
that clients share by `... --shared SOCKET`. All of it but the engine is the real one.
`EngineSettings.device` chooses how loading goes.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from gptsovits_ros.engine import worker
from gptsovits_ros.engine.shared_engine import serving
from gptsovits_ros.errors import CanceledError, error_from_code
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import AudioChunk, VoiceInfo

SAMPLE_RATE = 32000
VOICE = VoiceInfo('ann', 'a stand-in', ('zh', 'en'), 'v2', SAMPLE_RATE, is_default=True)


def samples_of(seed, index, length):
    """Return the audio that the stand-in makes, float32 [length], so that a test can expect it."""
    return np.random.default_rng([seed, index]).uniform(-1, 1, length).astype(np.float32)


class FakeEngine:
    """Obey texts such as "chunks 3 1000"; see the methods."""

    device = 'fake'

    def __init__(self):
        self._last = (0, False)  # chunks made and "was ended early" of the last request

    @classmethod
    def load(cls, settings):
        """Load well, or fail as settings.device says."""
        kind, _, argument = settings.device.partition(' ')
        if kind == 'error':
            raise error_from_code(int(argument), 'told to fail')
        if kind == 'import':
            raise ModuleNotFoundError(f"No module named '{argument}'")
        if kind == 'raise':
            raise KeyError(argument)
        if kind == 'exit':
            os._exit(int(argument))
        if kind == 'sleep':
            time.sleep(float(argument))
        if kind == 'impatient':
            silence_s, load_s = map(float, argument.split())
            worker.CLIENT_SILENCE_S = silence_s
            time.sleep(load_s)
        return cls()

    def voices(self):
        """Return the one voice."""
        return [VOICE]

    def synthesize(self, request, cancelled):
        """Do what the text says."""
        verb, *arguments = request.text.split()
        if verb == 'report':
            yield AudioChunk(np.array(self._last, np.float32), SAMPLE_RATE)
            return
        self._last = (0, False)
        yield from getattr(self, f'do_{verb}')(request, cancelled, *arguments)

    def do_chunks(self, request, cancelled, count, length, pause_s='0'):
        """Make chunks, asking `cancelled` before each."""
        done = False
        try:
            for index in range(int(count)):
                if cancelled():
                    raise CanceledError('the stand-in was cancelled')
                time.sleep(float(pause_s))
                self._last = (index + 1, False)
                samples = samples_of(request.seed or 0, index, int(length))
                yield AudioChunk(samples, SAMPLE_RATE, index, f'piece {index}', index % 2 == 1)
            done = True
        finally:  # also when the generator is closed
            self._last = (self._last[0], not done)

    def do_hang(self, request, cancelled):
        """Make one chunk, then nothing, without asking."""
        yield AudioChunk(np.zeros(10, np.float32), SAMPLE_RATE)
        time.sleep(3600)

    def do_error(self, request, cancelled, code):
        """Fail with an error of this package."""
        yield AudioChunk(np.zeros(10, np.float32), SAMPLE_RATE)
        raise error_from_code(int(code), f'told to fail with {code}')

    def do_raise(self, request, cancelled, kind):
        """Fail with any other exception."""
        yield from ()
        failures = {
            'KeyError': KeyError('lost'),
            'MemoryError': MemoryError(),
            'torch': RuntimeError('CUDA out of memory. Tried to allocate 2.00 GiB'),
            'device': RuntimeError('CUDA error: an illegal memory access was encountered'),
        }
        raise failures[kind]

    def do_shape(self, request, cancelled):
        """Make audio of a shape that cannot travel."""
        yield AudioChunk(np.zeros((2, 5), np.float32), SAMPLE_RATE)

    def do_die(self, request, cancelled, number):
        """Die from a signal."""
        print('these are my last words', file=sys.stderr, flush=True)
        yield from ()
        os.kill(os.getpid(), int(number))
        signal.pause()

    def do_log(self, request, cancelled, level, text):
        """Write a log record of two lines, and one line that is none."""
        logging.getLogger('fake').log(int(level), '%s\nsecond', text)
        print('bare ' + text, flush=True)
        yield AudioChunk(np.zeros(10, np.float32), SAMPLE_RATE)


def serve(socket: str) -> int:
    """Be an engine that several clients share."""
    with serving(Path(socket)) as address:
        return worker.serve(address, EngineSettings(), FakeEngine.load, is_shared=True)


if __name__ == '__main__':
    if sys.argv[1:2] == ['--shared']:
        sys.exit(serve(sys.argv[2]))
    sys.exit(worker.main(engine_factory=FakeEngine.load))
