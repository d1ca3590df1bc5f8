"""How fast the engine is, as a whole and by stage."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.report import Conditions, Row, seconds
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


def measure(voice_folder: Path, threads: int, device: str, runs: int, command: str) -> Iterator[Row]:
    """Yield the rows of a voice."""
    settings = EngineSettings(
        voice_root=str(voice_folder.parent), default_voice=voice_folder.name, device=device,
        threads=threads)
    loaded: list[Engine] = []
    load_s = seconds(lambda: loaded.append(Engine.load(settings)))
    engine = loaded[0]
    conditions = Conditions(engine.device, torch.get_num_threads(), command)
    yield conditions.row('load of the voice', [load_s], 's')
    first = [seconds(lambda: next(engine.synthesize(_request(run)))) for run in range(runs + 1)]
    yield conditions.row('first audio, 20 characters, cold', first[:1], 's')
    yield conditions.row('first audio, 20 characters', first[1:], 's')
    voice, frontend = engine.loaded_voice(), TextFrontend()
    timelines = [_timeline(voice, frontend, seed) for seed in range(runs)]
    for stage in ('text', 'bert', 'prefill'):
        yield conditions.row(stage, [getattr(line, stage) for line in timelines], 's')
    yield conditions.row(
        'semantic tokens', [(TOKENS - 1) / line.tokens for line in timelines], '1/s')
    yield conditions.row(
        'waveform, seconds per second of audio',
        [line.waveform / line.audio for line in timelines], 's/s')
    yield conditions.row(
        'real-time factor', [_total(line) / line.audio for line in timelines], 's/s')
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield conditions.row('largest resident memory', [peak], 'MiB')


def _request(seed: int) -> SpeechRequest:
    return SpeechRequest(SENTENCE, language='zh', split_method='cut0', seed=seed)


def _total(line: Timeline) -> float:
    return line.text + line.bert + line.prefill + line.tokens + line.waveform


def _timeline(voice: LoadedVoice, frontend: TextFrontend, seed: int) -> Timeline:
    """Speak the sentence once, by hand, with a clock between the stages."""
    generator = torch.Generator(voice.device).manual_seed(seed)
    results: dict = {}

    def keep(name: str, make) -> float:
        return seconds(lambda: results.__setitem__(name, make()))

    text_s = keep('phonemes', lambda: frontend.phonemes(SENTENCE, 'zh'))
    with torch.inference_mode():
        bert_s = keep('text', lambda: text_condition(
            results['phonemes'], voice.bert, voice.semantic.config.bert_dim, voice.device))
    # A random GPT may end early; a fixed number of tokens makes runs comparable.
    sampling = SamplingParameters()
    stream = segment_tokens(voice, results['text'], sampling, generator, never, TOKENS)
    tokens: list[int] = []
    prefill_s = seconds(lambda: tokens.append(next(stream)))
    tokens_s = seconds(lambda: tokens.extend(stream))
    # Tokens that the model did not make cost nothing; scale to the full number.
    tokens_s *= (TOKENS - 1) / max(1, len(tokens) - 1)
    codes = (tokens * TOKENS)[:TOKENS]
    wave_s = keep('wave', lambda: segment_waveform(
        voice, codes, results['text'], 1.0, 0.5, generator, never).cpu())
    audio_s = len(results['wave']) / voice.acoustic.config.sample_rate
    return Timeline(text_s, bert_s, prefill_s, tokens_s, wave_s, audio_s)
