"""What number formats cost in quality, on trained models and clips that they were not trained on.

python -m bench.formats --corpus FOLDER [--semantic FILE] [--acoustic FILE] [--clips 40]

For a GPT: cross-entropy and accuracy on the true tokens, how often the most likely token is the
same as in float32, and the Kullback-Leibler divergence from float32 [nat per token]. For SoVITS:
the error of the waveform against float32 with the same tokens and no noise.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.audio.files import load_reference_waveform
from gptsovits_ros.audio.spectrogram import magnitude_spectrogram
from gptsovits_ros.checkpoint.load import load_acoustic, load_semantic
from gptsovits_ros.engine.number_formats import BFLOAT16, FLOAT16, INT8
from gptsovits_ros.engine.precision import ModelFormats
from gptsovits_ros.semantic.model import Text2Semantic
from gptsovits_ros.training.corpus import (
    DEV_SPEAKER,
    DEV_TEXT,
    AudioCache,
    Speakers,
    Utterance,
    read_corpus,
    split_utterances,
)
from gptsovits_ros.training.semantic_trainer import SemanticExample, collate, predictions
from gptsovits_ros.training.settings import SemanticSettings

GPT_FORMATS = {
    'float32': ModelFormats(),
    'float16': ModelFormats(semantic=FLOAT16),
    'bfloat16': ModelFormats(semantic=BFLOAT16),
    'int8': ModelFormats(semantic=INT8),
    'int8, half range': ModelFormats(semantic=INT8, half_range=True),
}
DECODER_FORMATS = (FLOAT16, BFLOAT16)


def main() -> int:
    """Print a table for each model that is named."""
    parser = argparse.ArgumentParser(
        prog='python -m bench.formats',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--corpus', type=Path, required=True, help='see docs/corpus.md')
    parser.add_argument('--semantic', type=Path, help='a trained GPT')
    parser.add_argument('--acoustic', type=Path, help='a trained SoVITS (v1 or v2)')
    parser.add_argument('--clips', type=int, default=40, help='of each split (default: 40)')
    args = parser.parse_args()
    torch.set_num_threads(1)
    _, splits = split_utterances(read_corpus(args.corpus, 1024, print), args.corpus)
    for split in (DEV_TEXT, DEV_SPEAKER):
        clips = splits.get(split, [])[: args.clips]
        if args.semantic and clips:
            print('\n'.join(gpt_rows(load_semantic(args.semantic), clips, split)), flush=True)
        if args.acoustic and clips:
            waves = AudioCache(args.corpus, 32000)
            print('\n'.join(sovits_rows(args.acoustic, clips, waves, split)), flush=True)
    return 0


@torch.inference_mode()
def gpt_rows(gpt: Text2Semantic, clips: list[Utterance], split: str) -> Iterator[str]:
    """Yield a line for each format."""
    yield f'{split:<16} {"tokens":>7} {"loss":>8} {"top 1":>7} {"agree":>7} {"KL":>9}'
    settings = SemanticSettings(model=gpt.config)
    speakers = Speakers(clips, lambda clip: len(clip.tokens) <= settings.prompt_max_tokens)
    rng = np.random.default_rng(1)
    examples = [
        SemanticExample(index, speakers.another(index, rng)) for index in range(len(clips))
    ]
    exact = None
    for name, formats in GPT_FORMATS.items():
        quick = _converted(gpt, formats)
        # One by one, as in use: the inputs of a call share a scale.
        results = [predictions(quick, collate(clips, [example], settings)) for example in examples]
        logits = torch.cat([result[0] for result in results]).float()
        targets = torch.cat([result[1] for result in results])
        exact = logits if exact is None else exact
        best = logits.argmax(-1)
        yield (
            f'{name:<16} {len(targets):>7} {F.cross_entropy(logits, targets):>8.4f} '
            f'{_share(best == targets):>7.4f} {_share(best == exact.argmax(-1)):>7.4f} '
            f'{_divergence(exact, logits):>9.2g}'
        )


@torch.inference_mode()
def sovits_rows(
    file: Path, clips: list[Utterance], waves: AudioCache, split: str
) -> Iterator[str]:
    """Yield a line for each format besides float32."""
    yield f'{split:<16} {"clips":>7} {"error of the waveform, median and largest":>42}'
    model = load_acoustic(file)
    quick = {name: _converted(model, ModelFormats(decoder=name)) for name in DECODER_FORMATS}
    errors: dict[str, list[float]] = {name: [] for name in quick}
    for clip in clips:
        inputs = (
            torch.from_numpy(clip.tokens)[None],
            torch.from_numpy(clip.phoneme_ids)[None],
            _style(model, waves.path(clip.name)),
        )
        exact = model.decode(*inputs)
        for name, other in quick.items():
            error = (other.decode(*inputs) - exact).norm() / exact.norm()
            errors[name].append(20 * torch.log10(error).item())
    for name, found in errors.items():
        yield f'{name:<16} {len(clips):>7} {np.median(found):>32.1f} dB {max(found):.1f} dB'


def _converted(model: nn.Module, formats: ModelFormats) -> nn.Module:
    quick = copy.deepcopy(model)
    formats.apply(quick)
    return quick


def _style(model: Sovits, clip: Path) -> Tensor:
    wave = load_reference_waveform(clip, model.config.sample_rate)
    return model.style_embedding([magnitude_spectrogram(wave, model.config.spectrogram)[None]])


def _share(hits: Tensor) -> float:
    return float(hits.float().mean())


def _divergence(exact: Tensor, logits: Tensor) -> float:
    exact, logits = F.log_softmax(exact, dim=-1), F.log_softmax(logits, dim=-1)
    return float((exact.exp() * (exact - logits)).sum(-1).mean())


if __name__ == '__main__':
    sys.exit(main())
