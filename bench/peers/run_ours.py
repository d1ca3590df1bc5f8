"""Speak with this package, for `bench.peers`: WORK THREADS."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from exchange import Clock, answer, limit_cores


def load(work: Path, threads: int):
    """Return what speaks."""
    from gptsovits_ros.engine.engine import Engine
    from gptsovits_ros.settings import EngineSettings
    from gptsovits_ros.types import SpeechRequest

    inputs = json.loads((work / 'inputs.json').read_text())
    voice = Path(inputs['voice'])
    engine = Engine.load(
        EngineSettings(voice_root=str(voice.parent), default_voice=voice.name, threads=threads)
    )
    rate = engine.loaded_voice().acoustic.sample_rate

    def speak(seed: int) -> dict[str, float]:
        clock = Clock()
        text = inputs['text']['written']
        request = SpeechRequest(text, language='zh', split_method='cut0', seed=seed, pause_s=0.0)
        for chunk in engine.synthesize(request):
            clock.piece(len(chunk.samples))
        return clock.result(rate)

    return speak


if __name__ == '__main__':
    limit_cores(int(sys.argv[2]))
    answer(lambda: load(Path(sys.argv[1]), int(sys.argv[2])))
