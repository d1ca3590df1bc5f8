#!/usr/bin/env python3
"""Put trained models and prompts of some speakers together as the voices of the package.

    .venv/bin/python tools/corpus/bundle.py CORPUS --gpt RUN --prior RUN --decoder RUN

CORPUS also holds content.safetensors (train_content.py). The folder of the package, or that
of --out, gets one folder per voice; the first owns the models, the others speak with them.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from pathlib import Path

from gptsovits_ros.checkpoint.content import CONTENT_FILE
from gptsovits_ros.checkpoint.token_table import TOKEN_TABLE_FILE
from gptsovits_ros.checkpoint.weights import read_weights, write_weights
from gptsovits_ros.training.corpus import TRAIN
from gptsovits_ros.training.export import export
from gptsovits_ros.training.prepare import Clip, read_clips
from gptsovits_ros.training.token_table import write_token_table
from gptsovits_ros.voice.bundled import BUNDLED_ROOT
from gptsovits_ros.voice.default_file import write_default
from gptsovits_ros.voice.voice_file import write_voice_file

SPEAKERS = Path(__file__).with_name('voices.tsv')
SAMPLE_RATE = 24000
# A prompt of this length leaves the GPT room, and is long enough to tell a voice by.
PROMPT_SECONDS = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    parser.add_argument('--gpt', type=Path, required=True, help='run of the GPT')
    parser.add_argument('--prior', type=Path, required=True, help='run of the prior of SoVITS')
    parser.add_argument('--decoder', type=Path, required=True, help='run of its autoencoder')
    parser.add_argument('--prior-scale', type=float, default=1.0)
    parser.add_argument('--out', type=Path, default=BUNDLED_ROOT)
    args = parser.parse_args()
    voices = read_voices()
    owner = voices[0]['voice']
    write_models(args, args.out / owner)
    clips = read_clips(args.corpus / 'corpus.tsv')
    for voice in voices:
        clip = choose_prompt(clips, voice['speaker'], voice['prompt_language'])
        write_voice(args.corpus, args.out / voice['voice'], clip, voice, owner)
        print(f'{voice["voice"]}: {clip.name}, {clip.seconds:.1f} s, "{clip.text}"')
    write_default(args.out, owner)
    size = sum(path.stat().st_size for path in args.out.rglob('*') if path.is_file())
    print(f'{size / 1e6:.1f} MB in {args.out}')


def read_voices() -> list[dict[str, str]]:
    """Return the rows of voices.tsv."""
    with open(SPEAKERS, encoding='utf-8', newline='') as stream:
        return list(csv.DictReader(stream, delimiter='\t'))


def write_models(args: argparse.Namespace, folder: Path) -> None:
    """Write GPT, SoVITS, content encoder and token table."""
    export(args.gpt, folder, is_packed=True)
    # Fine-tuning on the robot starts from the posterior, too.
    export(args.prior, folder, True, args.decoder, True, args.prior_scale)
    content = read_weights(args.corpus / CONTENT_FILE)
    write_weights(content, folder / CONTENT_FILE, is_packed=True)
    write_token_table(args.corpus, folder, print)


def choose_prompt(clips: list[Clip], speaker: str, language: str) -> Clip:
    """Return the clip of a speaker whose length is nearest to PROMPT_SECONDS."""
    fitting = [
        clip
        for clip in clips
        if (clip.speaker, clip.language, clip.split) == (speaker, language, TRAIN)
    ]
    if not fitting:
        raise SystemExit(f'the corpus has no clip of {speaker} in {language}')
    return min(fitting, key=lambda clip: abs(clip.seconds - PROMPT_SECONDS))


def write_voice(corpus: Path, folder: Path, clip: Clip, voice: dict[str, str], owner: str) -> None:
    """Write the prompt and voice.yaml of one voice."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(corpus / 'audio' / f'{clip.name}.opus', folder / 'prompt.opus')
    is_owner = folder.name == owner
    tree = {
        'description': voice['description'],
        'languages': ['en', 'zh'],
        **({} if is_owner else {'base': owner}),
        'model': {
            'semantic': 'semantic.safetensors',
            'acoustic': 'acoustic.safetensors',
            'version': 'v2',
            'sample_rate': SAMPLE_RATE,
        },
        # Without its text only the timbre is taken from the prompt: the tokens hardly tell who
        # speaks, and the GPT reads one text better than two.
        'prompt': {'audio': 'prompt.opus', 'text': '', 'language': clip.language},
        'references': [],
        'encoders': {'content': CONTENT_FILE, 'token_table': TOKEN_TABLE_FILE},
    }
    write_voice_file(folder, tree)


if __name__ == '__main__':
    main()
