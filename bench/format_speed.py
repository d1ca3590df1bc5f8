"""How much quicker number formats are: CPU time of one thread, for each model by itself.

python -m bench.format_speed [--voice FOLDER]

CPU time leaves out what other programs take, so it can be compared on a machine that has other
work; what they take of memory bandwidth and caches is still in it. The fastest of the runs counts.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from bench.setup import Setup
from bench.speech import SENTENCE
from gptsovits_ros.checkpoint.encoders import load_bert
from gptsovits_ros.checkpoint.load import load_acoustic, load_semantic
from gptsovits_ros.engine.model_cache import size_bytes
from gptsovits_ros.engine.number_formats import BFLOAT16, FLOAT32, INT8
from gptsovits_ros.engine.precision import ModelFormats
from gptsovits_ros.semantic.generate import generate
from gptsovits_ros.types import SamplingParameters
from gptsovits_ros.voice.store import VoiceStore

RUNS = 6
TOKENS = 30
PHONEMES, PROMPT = 60, 75  # of prompt and text together; about those of a short sentence
FRAMES = 25  # half a second
ROW = '{:<10} {:<9} {:>8} {:>14} {:>16}'


@torch.inference_mode()
def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog='python -m bench.format_speed',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--voice', type=Path, help='default: the full-size stand-in')
    folder = Setup(parser.parse_args().voice, 'cpu', 1, 0, 0, '').voice_folder()
    voice = VoiceStore(str(folder.parent)).voice(folder.name)
    torch.set_num_threads(1)
    print(ROW.format('model', 'format', 'MiB', 'first [ms]', 'then [ms per]'))
    for name in (FLOAT32, BFLOAT16, INT8):
        gpt = load_semantic(voice.semantic)
        ModelFormats(semantic=name).apply(gpt)
        prefill, token = _gpt(gpt)
        _print('GPT', name, gpt, prefill, f'{token:.1f} token')
        del gpt
    for name in (FLOAT32, BFLOAT16, INT8) if voice.bert else ():
        bert = load_bert(voice.bert)
        ModelFormats(bert=name).apply(bert)
        _print('BERT', name, bert, _cpu_ms(lambda bert=bert: bert(SENTENCE)), '')
        del bert
    for name in (FLOAT32, BFLOAT16):
        sovits = load_acoustic(voice.acoustic)
        ModelFormats(decoder=name).apply(sovits)
        _print('decoder', name, sovits.decoder, None, f'{_decoder(sovits):.0f} second')
    return 0


def _print(model: str, name: str, module: torch.nn.Module, first: float | None, then: str) -> None:
    size = size_bytes([module]) / 2**20
    print(
        ROW.format(model, name, f'{size:.0f}', '' if first is None else f'{first:.0f}', then),
        flush=True,
    )


def _cpu_ms(action: Callable[[], object]) -> float:
    """Return the CPU time of an action [ms], the least of RUNS."""
    times = []
    for _ in range(RUNS):
        start = time.thread_time()
        action()
        times.append(time.thread_time() - start)
    return 1e3 * min(times)


def _gpt(gpt: torch.nn.Module) -> tuple[float, float]:
    """Return the CPU time of the first token, and of each other one [ms]."""
    torch.manual_seed(1)
    inputs = (
        torch.randint(gpt.config.phoneme_vocab_size, (PHONEMES,)),
        torch.randn(gpt.config.bert_dim, PHONEMES),
        torch.randint(gpt.config.eos, (PROMPT,)),
    )

    def tokens(count: int) -> None:
        # The end token comes no sooner than a model may say it; a seed that reaches the count.
        generator = torch.Generator().manual_seed(0)
        made = list(generate(gpt, *inputs, SamplingParameters(), generator, max_tokens=count))
        if len(made) != count:
            raise SystemExit(f'the GPT ended after {len(made)} of {count} tokens')

    first = _cpu_ms(lambda: tokens(1))
    return first, (_cpu_ms(lambda: tokens(TOKENS)) - first) / (TOKENS - 1)


def _decoder(sovits: torch.nn.Module) -> float:
    """Return the CPU time of one second of audio [ms]."""
    torch.manual_seed(2)
    config = sovits.config
    z, style = (
        torch.randn(1, config.inter_channels, FRAMES),
        torch.randn(1, config.gin_channels, 1),
    )
    seconds = FRAMES * config.spectrogram.hop_length / config.sample_rate
    return _cpu_ms(lambda: sovits.decoder(z, style)) / seconds


if __name__ == '__main__':
    sys.exit(main())
