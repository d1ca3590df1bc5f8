#!/usr/bin/env python3
"""Draw what the bundled voices say beside what the teacher said, for sentences they never learned.

    .venv/bin/python tools/corpus/spectrograms.py CORPUS PICTURE.png

Needs matplotlib: pip install "gptsovits_ros[train]". The voices speak as `gptsovits_ros say` does.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import torch
from bundle import SAMPLE_RATE, read_voices
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gptsovits_ros.audio.pcm import INT16_SCALE
from gptsovits_ros.audio.spectrogram import MelConfig, mel_spectrogram
from gptsovits_ros.training.corpus import DEV_TEXT, AudioCache
from gptsovits_ros.training.prepare import Clip, read_clips
from gptsovits_ros.types import SpectrogramConfig

PROGRAM = Path(sys.executable).with_name('gptsovits_ros')
FRAME = SpectrogramConfig(SAMPLE_RATE, n_fft=1024, hop_length=240, win_length=1024)
MEL = MelConfig(FRAME, 80, 0.0, SAMPLE_RATE / 2)
# What is this far below the loudest point is black [nats].
DEPTH = 9.0
LONGEST_S = 4.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    parser.add_argument('picture', type=Path)
    parser.add_argument('--clips', type=int, default=2, help='of each language (default: 2)')
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    voices = {row['speaker']: row['voice'] for row in read_voices()}
    chosen = choose(read_clips(args.corpus / 'corpus.tsv'), set(voices), args.clips)
    audio = AudioCache(args.corpus, SAMPLE_RATE)
    figure = Figure(figsize=(3.2 * len(chosen), 4.2), layout='constrained')
    FigureCanvasAgg(figure)
    for column, clip in enumerate(chosen):
        voice = voices[clip.speaker]
        waves = {
            f'teacher, {clip.speaker}': audio.wave(clip.name) / INT16_SCALE,
            f'{voice}, {clip.language}': speak(voice, clip, args.seed),
        }
        for row, (title, wave) in enumerate(waves.items()):
            place = row * len(chosen) + column + 1
            draw(figure.add_subplot(2, len(chosen), place, title=title), wave)
        print(f'{clip.name} ({voice}): {clip.text}')
    figure.savefig(args.picture, dpi=80)


def choose(clips: list[Clip], speakers: set[str], count: int) -> list[Clip]:
    """Return the longest clips of each language that are short enough and were not learned."""
    chosen = []
    for language in ('en', 'zh'):
        fitting = [
            clip
            for clip in clips
            if (clip.split, clip.language) == (DEV_TEXT, language)
            and clip.speaker in speakers
            and clip.seconds < LONGEST_S
        ]
        chosen += sorted(fitting, key=lambda clip: -clip.seconds)[:count]
    return chosen


def speak(voice: str, clip: Clip, seed: int) -> np.ndarray:
    """Return the sentence of a clip, spoken by a bundled voice."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'said.wav')
        command = [str(PROGRAM), 'say', '--voice', voice]
        command += ['--lang', clip.language, '--seed', str(seed), '-o', str(path), '--', clip.text]
        subprocess.run(command, check=True)
        return soundfile.read(path, dtype='float32')[0]


def draw(axes, wave: np.ndarray) -> None:
    """Draw the log mel spectrogram of a wave."""
    mel = mel_spectrogram(torch.from_numpy(np.asarray(wave, np.float32))[None], MEL)[0].numpy()
    axes.imshow(
        mel,
        origin='lower',
        aspect='auto',
        cmap='magma',
        vmin=mel.max() - DEPTH,
        vmax=mel.max(),
        extent=(0, len(wave) / SAMPLE_RATE, 0, MEL.bands),
    )
    axes.set_yticks([])
    axes.set_xlabel('s', fontsize='small')
    axes.title.set_fontsize('medium')


if __name__ == '__main__':
    main()
