"""A picture of one utterance: steps of the models, pieces of audio, and when they are heard.

`python -m bench.timeline --out docs/timeline.svg`. A step is each moment at which the engine asks
whether it shall go on: before each semantic token, and before each piece of waveform.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.setup import Setup
from bench.speech import SENTENCE
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.settings import PRECISIONS
from gptsovits_ros.types import SpeechRequest

WIDTH, LEFT, RIGHT, ROW, TOP = 860, 110, 20, 34, 34
INK, STEP, PIECE, HEARD, LATE = '#333', '#4477aa', '#228833', '#ccbb44', '#ee6677'


@dataclass
class Trace:
    """When what happened, from the request on [s].

    Attributes:
        steps: times of the steps.
        pieces: (time, length of audio) of each piece.

    """

    steps: list[float] = field(default_factory=list)
    pieces: list[tuple[float, float]] = field(default_factory=list)

    @property
    def heard(self) -> list[tuple[float, float]]:
        """Start and end of each piece for a player that starts with the first one."""
        spans, end = [], 0.0
        for came, length in self.pieces:
            start = max(end, came)
            end = start + length
            spans.append((start, end))
        return spans


def trace(engine: Engine, seed: int) -> Trace:
    """Speak the sentence, and note what happens."""
    result, start = Trace(), time.perf_counter()

    def goes_on() -> bool:
        result.steps.append(time.perf_counter() - start)
        return False

    request = SpeechRequest(SENTENCE, language='zh', split_method='cut0', seed=seed, pause_s=0.0)
    for chunk in engine.synthesize(request, goes_on):
        result.pieces.append((time.perf_counter() - start, chunk.duration_s))
    return result


def picture(found: Trace, caption: str) -> str:
    """Return the trace as SVG."""
    heard = found.heard
    total_s = max(heard[-1][1], found.steps[-1])
    scale = (WIDTH - LEFT - RIGHT) / total_s

    def bar(row: int, start: float, end: float, color: str) -> str:
        x, y = LEFT + start * scale, TOP + row * ROW
        return (
            f'<rect x="{x:.1f}" y="{y}" width="{max(1.0, (end - start) * scale - 0.5):.1f}" '
            f'height="{ROW - 14}" fill="{color}"/>'
        )

    def label(x: float, y: float, text: str) -> str:
        return f'<text x="{x:.1f}" y="{y}">{text}</text>'

    height = TOP + 3 * ROW + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        label(LEFT, 20, caption),
    ]
    for row, name in enumerate(('model steps', 'pieces made', 'heard')):
        parts.append(label(8, TOP + row * ROW + 15, name))
    parts += [bar(0, step, step, STEP) for step in found.steps]
    begun = [0.0, *(came for came, _ in found.pieces)]
    parts += [bar(1, start, end, PIECE) for start, end in zip(begun, begun[1:], strict=False)]
    last_end = heard[0][0]
    for start, end in heard:
        if start > last_end:
            parts.append(bar(2, last_end, start, LATE))
        parts.append(bar(2, start, end, HEARD))
        last_end = end
    axis = TOP + 3 * ROW + 6
    for tick in range(int(total_s / 0.5) + 1):
        x = LEFT + 0.5 * tick * scale
        parts.append(f'<path d="M{x:.1f} {TOP}V{axis}" stroke="#ddd"/>')
        parts.append(label(x - 8, axis + 14, f'{0.5 * tick:g} s'))
    return '\n'.join([*parts, '</svg>', ''])


def main() -> int:
    """Speak once to warm up, once for the picture, and write it."""
    parser = argparse.ArgumentParser(prog='python -m bench.timeline', description=__doc__)
    parser.add_argument('--voice', type=Path, metavar='FOLDER')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--precision', default='auto', choices=PRECISIONS)
    parser.add_argument('--out', type=Path, required=True, metavar='SVG')
    args = parser.parse_args()
    setup = Setup(args.voice, args.device, args.threads, 1, 1, '', args.precision)
    engine = Engine.load(setup.settings(setup.voice_folder()))
    trace(engine, 1)
    found = trace(engine, 2)
    caption = (
        f'{len(SENTENCE)} characters, {engine.device}, {args.threads} thread(s), '
        f'load {os.getloadavg()[0]:.1f}: first audio after {found.pieces[0][0]:.2f} s, '
        f'{found.heard[-1][1] - found.heard[0][0]:.1f} s of speech, '
        f'made in {found.pieces[-1][0]:.2f} s'
    )
    args.out.write_text(picture(found, caption), encoding='utf-8')
    print(caption)
    return 0


if __name__ == '__main__':
    sys.exit(main())
