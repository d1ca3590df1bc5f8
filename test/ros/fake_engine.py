"""An engine process whose engine is arithmetic: quick and exact, for tests of the ROS side.

The process, the protocol and the client are the real ones; only `Engine` is replaced. The text
steers it: `tone N` gives N segments of 0.2 s; `slow N` waits 0.3 s before each; `die` kills it
after the first chunk. Any other text is one segment.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from gptsovits_ros.engine import worker
from gptsovits_ros.errors import CanceledError, VoiceInvalidError
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import AudioChunk, SpeechRequest, VoiceInfo

SAMPLE_RATE = 32000
CHUNK_SAMPLES = 6400


class FakeEngine:
    """Speaks tones."""

    device = 'cpu'

    def voices(self) -> list[VoiceInfo]:
        """Return two voices."""
        return [
            VoiceInfo('bob', 'a low tone', ('en',), 'v2', SAMPLE_RATE),
            VoiceInfo('anna', 'a high tone', ('zh', 'en'), 'v2', SAMPLE_RATE, True),
        ]

    def synthesize(
        self, request: SpeechRequest, cancelled: Callable[[], bool]
    ) -> Iterator[AudioChunk]:
        """Yield chunks as the text says."""
        steered = re.fullmatch(r'([a-z]+) ([0-9]+)', request.text)
        word, number = steered.groups() if steered else (request.text, 1)
        for index in range(request.first_segment, int(number)):
            deadline = time.monotonic() + (0.3 if word == 'slow' else 0.0)
            while time.monotonic() < deadline:
                if cancelled():
                    raise CanceledError('cancelled')
                time.sleep(0.005)
            guard = ('leak:retried',) if word == 'leaky' else ()
            text = f'{word} {index}' if steered else word
            yield AudioChunk(samples(request, index), SAMPLE_RATE, index, text, guard=guard)
            if word == 'die':
                time.sleep(0.3)  # the chunk must be on its way
                os.kill(os.getpid(), signal.SIGKILL)


def samples(request: SpeechRequest, index: int) -> np.ndarray:
    """Return the samples of a chunk, float32 [6400]; every setting of the request changes them."""
    frequency = 220.0 if request.voice == 'bob' else 440.0
    phase = np.arange(CHUNK_SAMPLES) * (frequency * request.speed / SAMPLE_RATE) + index / 7
    amplitude = 0.1 + (request.seed or 0) % 8 / 10
    return (amplitude * np.sin(2 * np.pi * phase)).astype(np.float32)


def load(settings: EngineSettings) -> FakeEngine:
    """Load the engine; the name of the voice folder can make that slow, or fail."""
    folder = os.path.basename(settings.voice_root)
    if folder == 'damaged':
        raise VoiceInvalidError('voice.yaml is damaged')
    time.sleep(4.0 if folder == 'slow_to_load' else 0.0)
    return FakeEngine()


if __name__ == '__main__':
    sys.exit(worker.main(engine_factory=load))
