#!/usr/bin/env python3
"""Make the corpus folder that the trainers read, from one or more tables of clips.

    .venv/bin/python tools/corpus/prepare.py CORPUS TABLE=AUDIO_FOLDER ...

With make.py's own output: prepare.py CORPUS CORPUS/generated.tsv=CORPUS/audio. Phonemes are made
by the package's own text frontend. What is there already stays; call it again when tables grew.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.training.prepare import prepare_corpus


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    parser.add_argument('sources', nargs='+', metavar='TABLE=AUDIO_FOLDER')
    args = parser.parse_args()
    pairs = (source.split('=', 1) for source in args.sources)
    sources = {Path(table): Path(audio) for table, audio in pairs}
    clips = prepare_corpus(sources, args.corpus, TextFrontend('v2'), print)
    counts, seconds = Counter(), Counter()
    for clip in clips:
        counts[clip.split, clip.language] += 1
        seconds[clip.split, clip.language] += clip.seconds
    for key, count in sorted(counts.items()):
        print(f'{" ".join(key)}: {count} clips, {seconds[key] / 3600:.3f} h')


if __name__ == '__main__':
    main()
