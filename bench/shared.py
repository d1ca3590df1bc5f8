"""Several robots that share one engine process: what each waits, and what all get together.

The engine speaks one utterance after another, so robots wait for each other; this measures how
long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from bench.report import Row
from bench.setup import Setup
from bench.speech import SENTENCE
from gptsovits_ros.engine.client import EngineClient
from gptsovits_ros.types import SpeechRequest

ROBOTS = (1, 2, 4, 8)
START_TIMEOUT_S = 300.0


class Robot(threading.Thread):
    """Says a sentence again and again, as soon as the one before is there."""

    def __init__(self, client: EngineClient, number: int, times: int) -> None:
        super().__init__(daemon=True)
        self.first_s: list[float] = []
        self.audio_s = 0.0
        self._client, self._number, self._times = client, number, times

    def run(self) -> None:
        """Say it."""
        for turn in range(self._times):
            request = SpeechRequest(SENTENCE, language='zh', seed=1000 * self._number + turn)
            start = time.perf_counter()
            for index, chunk in enumerate(self._client.synthesize(request)):
                if not index:
                    self.first_s.append(time.perf_counter() - start)
                self.audio_s += chunk.duration_s


def measure(setup: Setup) -> Iterator[Row]:
    """Yield the rows of each number of robots."""
    with EngineClient(setup.settings(setup.voice_folder())) as client:
        conditions = setup.conditions(client.wait_ready(START_TIMEOUT_S).device)
        for _ in client.synthesize(SpeechRequest(SENTENCE, language='zh')):
            pass
        for count in ROBOTS:
            robots = [Robot(client, number, setup.runs) for number in range(count)]
            start = time.perf_counter()
            for robot in robots:
                robot.start()
            for robot in robots:
                robot.join()
            took = time.perf_counter() - start
            name = f'{count} robot{"s" if count > 1 else ""} share one engine'
            audio_s = sum(robot.audio_s for robot in robots)
            yield conditions.row(f'{name}: audio per second', [audio_s / took], 's/s')
            first = [value for robot in robots for value in robot.first_s]
            yield from conditions.quantiles(f'{name}: first audio', first, 's')
