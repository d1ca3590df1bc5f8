#!/usr/bin/env python3
"""Put as much of a corpus as fits into a folder that can travel to another machine.

    .venv/bin/python tools/corpus/pack.py CORPUS PACK --mb 30

PACK is a corpus for the trainers (slices.py). The clips of the bundled voices come first, then
those that judge, then the others in the order of their names.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from bundle import read_voices

from gptsovits_ros.training.corpus import TRAIN
from gptsovits_ros.training.prepare import Clip, read_clips

# What the trainers read besides the audio; one line per clip, or for the whole corpus.
TABLES = ('corpus.tsv', 'phonemes.tsv', 'tokens.tsv')
WHOLE = ('codes.tsv', 'acoustic_init.safetensors')
MB = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    parser.add_argument('pack', type=Path)
    parser.add_argument('--mb', type=float, default=30.0, help='room for audio (default: 30)')
    args = parser.parse_args()
    (args.pack / 'audio').mkdir(parents=True, exist_ok=True)
    names, size, seconds = set(), 0, 0.0
    for clip in in_order(read_clips(args.corpus / 'corpus.tsv')):
        source = args.corpus / 'audio' / f'{clip.name}.opus'
        size += source.stat().st_size
        if size > args.mb * MB:
            break
        shutil.copyfile(source, args.pack / 'audio' / source.name)
        names.add(clip.name)
        seconds += clip.seconds
    for name in TABLES:
        write_rows(args.corpus / name, args.pack / name, names)
    for name in WHOLE:
        shutil.copyfile(args.corpus / name, args.pack / name)
    whole = sum(path.stat().st_size for path in args.pack.rglob('*') if path.is_file())
    print(f'{len(names)} clips, {seconds / 3600:.2f} h, {whole / MB:.1f} MB in {args.pack}')


def in_order(clips: list[Clip]) -> list[Clip]:
    """Return clips, the more important ones first."""
    core = {voice['speaker'] for voice in read_voices()}
    return sorted(
        clips, key=lambda clip: (clip.speaker not in core, clip.split == TRAIN, clip.name)
    )


def write_rows(source: Path, target: Path, names: set[str]) -> None:
    """Copy the lines of a table that belong to these clips, and its header if it has one."""
    with open(source, encoding='utf-8') as lines, open(target, 'w', encoding='utf-8') as out:
        out.writelines(
            line for line in lines if line.split('\t', 1)[0] in names or line.startswith('name\t')
        )


if __name__ == '__main__':
    main()
