"""How fast the engine is, as a whole and by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from bench.memory import largest_mib
from bench.report import Row, timed
from bench.setup import Setup
from gptsovits_ros.engine.acoustic_model import Decoding
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.loaded_voice import LoadedVoice, text_condition
from gptsovits_ros.engine.synthesis import segment_tokens, segment_waveform
from gptsovits_ros.semantic.generate import never
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.types import SamplingParameters, SpeechRequest

# Twenty characters, one segment.
SENTENCE = '今天天气很好我们一起去公园里面散步好不好'
# Three segments, nine seconds at the limit of a stand-in.
TEXT = f'{SENTENCE}，{SENTENCE}，{SENTENCE}。'
# Two seconds of speech.
TOKENS = 50


@dataclass(frozen=True)
class Utterance:
    """How an utterance came, as a player sees it.

    Attributes:
        first_s: from the request to the first chunk [s].
        total_s: from the request to the last chunk [s].
        audio_s: length of the audio [s].
        starved_s: longest time by which a chunk came later than it should have been heard, for a
            player that starts with the first chunk [s].

    """

    first_s: float
    total_s: float
    audio_s: float
    starved_s: float


@dataclass(frozen=True)
class Timeline:
    """Where the time of one segment goes [s].

    Attributes:
        text: normalising and phonemes.
        bert: BERT features.
        prefill: the GPT reads the text and the prompt, and gives the first token.
        tokens: the other tokens.
        waveform: SoVITS, the whole segment at once.
        audio: length of the audio that comes out.

    """

    text: float
    bert: float
    prefill: float
    tokens: float
    waveform: float
    audio: float


def measure(setup: Setup) -> Iterator[Row]:
    """Yield the rows of a voice."""
    settings = setup.settings(setup.voice_folder())
    load_s, engine = timed(lambda: Engine.load(settings))
    conditions = setup.conditions(engine.device)
    yield conditions.row('load of the voice', [load_s], 's')
    short = [speak(engine, SENTENCE, seed) for seed in range(setup.runs + 1)]
    yield conditions.row('first audio, 20 characters, cold', [short[0].first_s], 's')
    first = [utterance.first_s for utterance in short[1:]]
    yield from conditions.quantiles('first audio, 20 characters', first, 's')
    long = [speak(engine, TEXT, seed) for seed in range(setup.runs)]
    spoken = short[1:] + long
    yield conditions.row(
        'real-time factor', [line.total_s / line.audio_s for line in spoken], 's/s'
    )
    yield conditions.row(
        'chunk too late for a player that starts at once',
        [line.starved_s for line in spoken],
        's',
        1.0,
    )
    yield from _stages(engine, setup, conditions)
    peak = largest_mib()
    yield conditions.row('largest resident memory', [peak], 'MiB')
    if torch.cuda.is_available() and engine.device != 'cpu':
        reserved = torch.cuda.max_memory_reserved(engine.device) / 2**20
        yield conditions.row('largest GPU memory', [reserved], 'MiB')


def speak(engine: Engine, text: str, seed: int) -> Utterance:
    """Speak a text, and look at when its chunks come."""
    request = SpeechRequest(text, language='zh', split_method='cut5', seed=seed)
    start = time.perf_counter()
    first = audio_s = starved = 0.0
    for chunk in engine.synthesize(request):
        came = time.perf_counter() - start
        first = first or came
        starved = max(starved, came - first - audio_s)
        audio_s += chunk.duration_s
    return Utterance(first, time.perf_counter() - start, audio_s, starved)


def _stages(engine: Engine, setup: Setup, conditions) -> Iterator[Row]:
    """Yield the rows of the stages, each by itself."""
    voice = engine.loaded_voice()
    frontend = TextFrontend(voice.acoustic.symbols)
    lines = [_timeline(voice, frontend, seed) for seed in range(setup.runs)]
    for stage in ('text', 'bert', 'prefill'):
        yield conditions.row(stage, [getattr(line, stage) for line in lines], 's')
    yield conditions.row('semantic tokens', [(TOKENS - 1) / line.tokens for line in lines], '1/s')
    yield conditions.row(
        'waveform, seconds per second of audio',
        [line.waveform / line.audio for line in lines],
        's/s',
    )


def _timeline(voice: LoadedVoice, frontend: TextFrontend, seed: int) -> Timeline:
    """Speak the sentence once, by hand, with a clock between the stages."""
    generator = torch.Generator(voice.device).manual_seed(seed)
    text_s, phonemes = timed(lambda: frontend.phonemes(SENTENCE, 'zh'))

    @torch.inference_mode()
    def bert():
        width = voice.semantic.config.bert_dim
        condition = text_condition(phonemes, voice.bert, width, voice.device)
        if voice.device.type == 'cuda':
            torch.cuda.synchronize(voice.device)
        return condition

    bert_s, text = timed(bert)
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
