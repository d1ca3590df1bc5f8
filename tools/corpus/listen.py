#!/usr/bin/env python3
"""Write what whisper base hears in each clip: the teacher features of the content encoder.

    nice -n 19 VENV/bin/python tools/corpus/listen.py CORPUS

CORPUS/whisper/NAME.npy is float16 [F, 512], 50 frames per second, the output of the encoder. What
is there is not made again.
"""

from __future__ import annotations

import reader
from frames import read_corpus_argument, write_frames


def main() -> None:
    corpus = read_corpus_argument(__doc__)
    write_frames(corpus, 'whisper', reader.Reader().features)


if __name__ == '__main__':
    main()
