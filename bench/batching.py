"""What it would bring if robots that share an engine were served by one token loop."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bench.report import Row, timed
from bench.setup import Setup
from bench.speech import SENTENCE
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.loaded_voice import text_condition
from gptsovits_ros.semantic.generate import generate_batch
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.types import SamplingParameters

TEXTS = (1, 2, 4, 8)
TOKENS = 40


def measure(setup: Setup) -> Iterator[Row]:
    """Yield the rows: tokens of all texts per second, the time to read the texts included."""
    engine = Engine.load(setup.settings(setup.voice_folder()))
    conditions = setup.conditions(engine.device)
    voice = engine.loaded_voice()
    phonemes = TextFrontend(voice.acoustic.symbols).phonemes(SENTENCE, 'zh')
    with torch.inference_mode():
        own = text_condition(phonemes, voice.bert, voice.semantic.config.bert_dim, voice.device)
        text = own if voice.prompt_text is None else voice.prompt_text + own
        for count in TEXTS:
            rates = []
            for seed in range(setup.runs):
                generator = torch.Generator(voice.device).manual_seed(seed)
                took, made = timed(
                    lambda count=count, generator=generator: generate_batch(
                        voice.semantic,
                        [(text.ids, text.bert)] * count,
                        voice.prompt_tokens,
                        SamplingParameters(),
                        generator,
                        max_tokens=TOKENS,
                    )
                )
                # A row that ends early is computed on until the last one ends.
                rates.append(count * max(map(len, made)) / took)
            yield conditions.row(f'GPT, {count} texts at once: tokens per second', rates, '1/s')
