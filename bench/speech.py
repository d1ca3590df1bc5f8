"""How fast the engine is, as a whole and by stage."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.report import Conditions, Row, timed
from gptsovits_ros.engine.acoustic_model import Decoding
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.loaded_voice import LoadedVoice, text_condition
from gptsovits_ros.engine.synthesis import segment_tokens, segment_waveform
from gptsovits_ros.semantic.generate import never
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.types import EngineSettings, SamplingParameters, SpeechRequest

# Twenty characters, one segment.
SENTENCE = '今天天气很好我们一起去公园里面散步好不好'
# Two seconds of speech.
TOKENS = 50


@dataclass(frozen=True)
class Timeline:
    """Where the time of one segment goes [s].

    Attributes:
        text: normalising and phonemes.
        bert: BERT features.
        prefill: the GPT reads the text and the prompt, and gives the first token.
        tokens: the other tokens.
        waveform: SoVITS.
        audio: length of the audio that comes out.

    """

    text: float
    bert: float
    prefill: float
    tokens: float
    waveform: float
    audio: float


def measure(
    voice_folder: Path, threads: int, device: str, runs: int, command: str
) -> Iterator[Row]:
    """Yield the rows of a voice."""
    settings = EngineSettings(
        voice_root=str(voice_folder.parent),
        default_voice=voice_folder.name,
        device=device,
        threads=threads,
    )
    load_s, engine = timed(lambda: Engine.load(settings))
    conditions = Conditions(engine.device, torch.get_num_threads(), command)
    yield conditions.row('load of the voice', [load_s], 's')
    first = [_first_audio(engine, seed) for seed in range(runs + 1)]
    yield conditions.row('first audio, 20 characters, cold', first[:1], 's')
    yield conditions.row('first audio, 20 characters', first[1:], 's')
    voice = engine.loaded_voice()
    frontend = TextFrontend(voice.acoustic.symbols)
    timelines = [_timeline(voice, frontend, seed) for seed in range(runs)]
    for stage in ('text', 'bert', 'prefill'):
        yield conditions.row(stage, [getattr(line, stage) for line in timelines], 's')
    yield conditions.row(
        'semantic tokens', [(TOKENS - 1) / line.tokens for line in timelines], '1/s'
    )
    yield conditions.row(
        'waveform, seconds per second of audio',
        [line.waveform / line.audio for line in timelines],
        's/s',
    )
    yield conditions.row(
        'real-time factor', [_total(line) / line.audio for line in timelines], 's/s'
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield conditions.row('largest resident memory', [peak], 'MiB')


def _first_audio(engine: Engine, seed: int) -> float:
    """Return how long the first chunk of the sentence takes [s]."""
    request = SpeechRequest(SENTENCE, language='zh', split_method='cut0', seed=seed)
    return timed(lambda: next(engine.synthesize(request)))[0]


def _total(line: Timeline) -> float:
    return line.text + line.bert + line.prefill + line.tokens + line.waveform


def _timeline(voice: LoadedVoice, frontend: TextFrontend, seed: int) -> Timeline:
    """Speak the sentence once, by hand, with a clock between the stages."""
    generator = torch.Generator(voice.device).manual_seed(seed)
    text_s, phonemes = timed(lambda: frontend.phonemes(SENTENCE, 'zh'))
    with torch.inference_mode():
        bert_s, text = timed(
            lambda: text_condition(
                phonemes, voice.bert, voice.semantic.config.bert_dim, voice.device
            )
        )
    stream = segment_tokens(voice, text, SamplingParameters(), generator, never, TOKENS)
    prefill_s, first = timed(lambda: next(stream))
    tokens_s, others = timed(lambda: list(stream))
    # A random GPT may end early; scaled to the full number, runs are comparable.
    tokens_s *= (TOKENS - 1) / max(1, len(others))
    tokens = ([first, *others] * TOKENS)[:TOKENS]
    wave_s, wave = timed(
        lambda: segment_waveform(voice, tokens, text, Decoding(), generator, never).cpu()
    )
    return Timeline(
        text_s, bert_s, prefill_s, tokens_s, wave_s, len(wave) / voice.acoustic.sample_rate
    )
