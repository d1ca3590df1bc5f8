#!/usr/bin/env python3
"""Speak new sentences of a corpus with more and more of the models, to see which of them errs.

    .venv/bin/python tools/corpus/stages.py CORPUS OUT --gpt RUN --prior RUN --decoder RUN

Makes OUT/decoder (the latent of the recording), OUT/prior (the tokens of the recording),
OUT/variants (its phonemes and their lengths; the GPT draws which variant of each) and OUT/gpt
(the text alone), each with a wav file per sentence and the texts.tsv that a judge reads. What a
stage is misheard more often than the one before is the share of its model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import soundfile
import torch

from gptsovits_ros.checkpoint.weights import ACOUSTIC, SEMANTIC
from gptsovits_ros.engine.text_following import text_path
from gptsovits_ros.semantic.generate import generate
from gptsovits_ros.semantic.text_path import END, TextPath, only_variants
from gptsovits_ros.semantic.text_places import token_places
from gptsovits_ros.training.acoustic_batch import AcousticCollator, AcousticExample
from gptsovits_ros.training.acoustic_parts import (
    averaged_acoustic,
    reconstruct,
    with_autoencoder,
)
from gptsovits_ros.training.corpus import DEV_TEXT, AudioCache, Speakers, Utterance, read_corpus
from gptsovits_ros.training.prepare import read_clips
from gptsovits_ros.training.semantic_trainer import averaged_semantic
from gptsovits_ros.training.settings import AcousticSettings, SemanticSettings, build_settings
from gptsovits_ros.training.state import run_state
from gptsovits_ros.training.token_table import SYMBOLS, code_phonemes
from gptsovits_ros.types import SamplingParameters

STAGES = ('decoder', 'prior', 'variants', 'gpt')


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('corpus', type=Path)
    parser.add_argument('out', type=Path)
    parser.add_argument('--gpt', type=Path, required=True, help='run of the GPT')
    parser.add_argument('--prior', type=Path, required=True, help='run of the prior of SoVITS')
    parser.add_argument('--decoder', type=Path, required=True, help='run of its autoencoder')
    parser.add_argument(
        '--lengths', type=Path, help='corpus that tells how long phonemes last (default: CORPUS)'
    )
    # What a bundle of 0.3 and the noise scale of requests, 0.5, come to.
    parser.add_argument('--prior-scale', type=float, default=0.15)
    parser.add_argument('--temperature', type=float, default=1.0)
    parser.add_argument('--clips', type=int, default=40, help='most of each language')
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    models = Models(args)
    texts = {clip.name: clip.text for clip in read_clips(args.corpus / 'corpus.tsv')}
    lines = []
    with torch.inference_mode():
        for place in chosen(models.utterances, args.clips):
            utterance = models.utterances[place]
            for stage, wave in zip(STAGES, models.waves(place), strict=True):
                (args.out / stage).mkdir(parents=True, exist_ok=True)
                path = args.out / stage / f'{utterance.name}.wav'
                soundfile.write(path, wave.numpy(), models.sample_rate)
            lines.append(f'{utterance.name}\t{utterance.language}\t{texts[utterance.name]}\n')
            print(f'{len(lines)}: {utterance.name}', flush=True)
    for stage in STAGES:
        (args.out / stage / 'texts.tsv').write_text(''.join(lines), encoding='utf-8')


def chosen(utterances: list[Utterance], most: int) -> list[int]:
    """Return the places of new sentences, the longest of each language."""
    places = [i for i, utterance in enumerate(utterances) if utterance.split == DEV_TEXT]
    places.sort(key=lambda i: -utterances[i].seconds)
    languages = sorted({utterances[i].language for i in places})
    return [
        place
        for language in languages
        for place in [i for i in places if utterances[i].language == language][:most]
    ]


class RecordedPath:
    """Keeps the GPT to the phonemes of a recording and to how long each lasts."""

    def __init__(self, labels: np.ndarray, phonemes: np.ndarray, tokens: np.ndarray) -> None:
        """Take the phoneme of each code [V], the text [P] and the tokens of the recording [S]."""
        self.text_rows = len(phonemes)
        self._labels = torch.from_numpy(np.append(labels, END))
        self._wanted = [*labels[tokens].tolist(), END]
        self._places = token_places(phonemes, labels[tokens]).tolist()
        self._at = 0

    @property
    def place(self) -> int:
        """Return which phoneme of the text the last token says."""
        return self._places[self._at - 1]

    def steer(self, logits: torch.Tensor) -> torch.Tensor:
        """Return logits [B, V + 1] of which those of other phonemes are minus infinity."""
        return only_variants(logits, self._labels, self._wanted[self._at])

    def take(self, _token: int) -> None:
        """Go on to the next token."""
        self._at += 1


class Models:
    """The averaged weights of three runs, and a corpus."""

    def __init__(self, args: argparse.Namespace) -> None:
        torch.set_num_threads(1)
        semantic = run_state(args.gpt, SEMANTIC)
        prior, decoder = (run_state(run, ACOUSTIC) for run in (args.prior, args.decoder))
        settings = build_settings(AcousticSettings, prior['settings'], str(args.prior))
        tensors = with_autoencoder(prior['trainer']['average'], decoder['trainer']['average'])
        self._acoustic = averaged_acoustic(settings, tensors, with_posterior=True)
        self._gpt = averaged_semantic(
            build_settings(SemanticSettings, semantic['settings'], str(args.gpt)),
            semantic['trainer']['average'],
        )
        config = settings.model
        self.sample_rate = config.sample_rate
        self.utterances = read_corpus(args.corpus, config.codebook_size, print)
        self._speakers = Speakers(self.utterances, lambda utterance: utterance.seconds > 1.5)
        self._collator = AcousticCollator(
            self.utterances,
            AudioCache(args.corpus, config.sample_rate),
            config,
            settings.slice_frames,
            int(settings.reference_seconds * config.sample_rate / config.samples_per_frame),
            torch.device('cpu'),
        )
        lengths, clips = args.corpus, self.utterances
        if args.lengths:
            lengths, clips = args.lengths, read_corpus(args.lengths, config.codebook_size, print)
        self._codes = code_phonemes(lengths, clips, config.codebook_size)
        self._sampling = SamplingParameters(temperature=args.temperature)
        self._scale, self._seed = args.prior_scale, args.seed

    def waves(self, place: int) -> list[torch.Tensor]:
        """Return the waves [T] of an utterance, one of each stage."""
        reference = self._speakers.another(place, np.random.default_rng([self._seed, place]))
        batch = self._collator.batch([AcousticExample(place, reference, 0.0, 0.0)])
        style = self._acoustic.style(batch.reference, None, batch.reference_mask)
        phonemes = batch.phonemes[0]
        recorded = RecordedPath(
            self._codes.labels, phonemes.numpy(), self.utterances[place].tokens
        )
        free = text_path(self._codes, SYMBOLS, phonemes.tolist())
        tokens = [batch.tokens, *(self._drawn(phonemes, path) for path in (recorded, free))]
        return [
            reconstruct(self._acoustic, batch)[0, 0],
            *(self._decode(drawn, batch.phonemes, style) for drawn in tokens),
        ]

    def _drawn(self, phonemes: torch.Tensor, path: TextPath | RecordedPath) -> torch.Tensor:
        """Return the tokens [1, S] that the GPT says a text with on a path, without a prompt."""
        tokens = generate(
            self._gpt,
            phonemes,
            torch.zeros(self._gpt.config.bert_dim, len(phonemes)),
            torch.zeros(0, dtype=torch.int64),
            self._sampling,
            torch.Generator().manual_seed(self._seed),
            path=path,
        )
        return torch.tensor([[int(token) for token in tokens]])

    def _decode(
        self, tokens: torch.Tensor, phonemes: torch.Tensor, style: torch.Tensor
    ) -> torch.Tensor:
        config = self._acoustic.config
        frames = self._acoustic.latent_frames(tokens.shape[1])
        generator = torch.Generator().manual_seed(self._seed)
        noise = torch.randn(1, config.inter_channels, frames, generator=generator)
        wave = self._acoustic.decode(tokens, phonemes, style, noise=noise, noise_scale=self._scale)
        return wave[0, 0]


if __name__ == '__main__':
    main()
