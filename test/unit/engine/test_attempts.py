"""What the engine does about faults: real frontend and decoder, a GPT that follows a script."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gptsovits_ros.acoustic.streaming import LOOKAHEAD_TOKENS
from gptsovits_ros.engine import engine as engine_module
from gptsovits_ros.engine.chunk_plan import FIRST_TOKENS, Pace
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.guard import Prompt, SegmentGuard
from gptsovits_ros.engine.loaded_voice import load_voice
from gptsovits_ros.errors import CanceledError
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.text.symbols import symbol_table
from gptsovits_ros.types import SpeechRequest

from .helpers import FixedPace

PAGE = (Path(__file__).parents[3] / 'docs' / 'guard.md').read_text('utf-8')
MAX_SEC = 54.0  # as official models

# One segment of about 4 s.
LONG = '今天天气很好我们一起去公园里面散步好不好'

NASTY = ('是的', 'OK', '1', '哈哈哈哈', '不停地说' * 125)


class ScriptedGpt(nn.Module):
    """A GPT whose n-th attempt gives the n-th list of tokens, then ends; the last list repeats."""

    def __init__(self, config, scripts: list[list[int]]) -> None:
        super().__init__()
        self.config = config
        self.scripts = scripts
        self.attempts = 0
        self.steps = 0

    def embed_text(self, phoneme_ids, bert):
        return torch.zeros(1, phoneme_ids.shape[1], self.config.hidden_dim)

    def embed_tokens(self, tokens, start=0):
        return torch.zeros(1, tokens.shape[1], self.config.hidden_dim)

    def hidden_states(self, h, mask, cache):
        if mask is not None:  # a new text
            self.attempts += 1
            self.steps = 0
        return h

    def logits(self, last):
        script = self.scripts[min(self.attempts, len(self.scripts)) - 1]
        logits = torch.zeros(1, self.config.vocab_size)
        token = script[self.steps] if self.steps < len(script) else self.config.eos
        logits[0, token] = 100.0
        self.steps += 1
        return logits


class Speech:
    """Speaks in a guarded tiny voice whose GPT is scripted, and whose sound can be spoiled.

    Attributes:
        prompt: of the voice.
        meter: tells the pace of the models.
        gpt: the scripted GPT.
        spoil: changes the waveform of the n-th decode of a segment, from 0.

    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.meter = FixedPace()
        self.spoil: Callable[[int, torch.Tensor], torch.Tensor] = lambda n, wave: wave
        self._frontend = TextFrontend('v2')
        self._decodes = 0
        monkeypatch.setattr(engine_module, 'load_voice', self._load)
        monkeypatch.setattr(engine_module, 'PaceMeter', lambda: self.meter)
        self._engine = Engine.load(EngineSettings(voice_root=str(root), threads=1))
        voice = self._engine.loaded_voice()
        table = symbol_table('v2')
        self.prompt = Prompt(
            tuple(table[id] for id in voice.prompt_text.ids.tolist()),
            tuple(voice.prompt_tokens.tolist()),
        )
        decode, stream = voice.acoustic.waveform, voice.acoustic.stream
        monkeypatch.setattr(voice.acoustic, 'waveform', lambda *args: self._spoilt(decode(*args)))
        monkeypatch.setattr(
            voice.acoustic, 'stream', lambda *args: self._spoilt_stream(stream(*args))
        )

    def _load(self, *arguments):
        voice = load_voice(*arguments)
        self.gpt = ScriptedGpt(replace(voice.semantic.config, max_sec=MAX_SEC), [[]])
        # The prompt of a stand-in is too monotonous to be recognised.
        prompt = torch.tensor(tokens(60, seed=8))
        return replace(voice, semantic=self.gpt, prompt_tokens=prompt)

    def _spoilt(self, wave: torch.Tensor) -> torch.Tensor:
        self._decodes += 1
        return self.spoil(self._decodes - 1, wave)

    def _spoilt_stream(self, stream):
        decode = stream.decode
        stream.decode = lambda *args: self._spoilt(decode(*args))
        return stream

    def guard(self, text: str) -> SegmentGuard:
        """Return the guard of the one segment of a text."""
        (segment,) = self._frontend.segments(text, 'auto', 'cut5')
        spans = self._frontend.read(segment).spans
        symbols = [symbol for span in spans for symbol in span.phonemes]
        return SegmentGuard.of(symbols, self.prompt, self.gpt.config.token_limit)

    def say(self, text: str, scripts: list[list[int]], cancelled=lambda: False, **options):
        """Return the one segment of a text as one chunk, made whole if not said otherwise."""
        chunks = list(self.chunks(text, scripts, cancelled, **options))
        assert [chunk.is_segment_end for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        assert not any(chunk.guard for chunk in chunks[:-1])
        return replace(chunks[-1], samples=np.concatenate([chunk.samples for chunk in chunks]))

    def decodes(self, text: str, scripts: list[list[int]], **options) -> int:
        """Return how many decodes a text takes."""
        self.say(text, scripts, **options)
        return self._decodes

    def chunks(self, text: str, scripts: list[list[int]], cancelled=lambda: False, **options):
        """Yield the chunks of the one segment of a text."""
        self.gpt.scripts, self.gpt.attempts, self._decodes = scripts, 0, 0
        options = {'seed': 3, 'pause_s': 0.0, 'stream': False, **options}
        yield from self._engine.synthesize(SpeechRequest(text, **options), cancelled)


@pytest.fixture(scope='module')
def guarded_root(tiny_voice, tmp_path_factory, turn_guard_on) -> Path:
    root = tmp_path_factory.mktemp('guarded')
    shutil.copytree(tiny_voice, root / 'tiny')
    turn_guard_on(root / 'tiny')
    return root


@pytest.fixture(scope='module')
def shared_speech(guarded_root) -> Iterator[Speech]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Speech(guarded_root, monkeypatch)


@pytest.fixture
def speech(shared_speech) -> Speech:
    shared_speech.spoil = lambda n, wave: wave
    shared_speech.meter.pace = None
    return shared_speech


def tokens(length: int, seed: int = 0) -> list[int]:
    random = np.random.default_rng(seed)
    return np.concatenate([random.permutation(1000) for _ in range(2)])[:length].tolist()


def fitting(guard: SegmentGuard, seed: int = 0) -> list[int]:
    """Return tokens with which nothing is wrong."""
    good = tokens(min(round(guard.low * 1.5), guard.high), seed)
    assert guard.faults(good) == ()
    return good


FAULTS = {
    'ends at once': lambda guard, prompt: tokens(11),
    'never ends': lambda guard, prompt: tokens(1350),
    'loops': lambda guard, prompt: fitting(guard) + tokens(4, seed=2) * 10,
    'leaks the prompt': lambda guard, prompt: list(prompt.tokens[-20:]) + fitting(guard),
}


@pytest.mark.parametrize('fault', FAULTS)
@pytest.mark.parametrize('text', NASTY, ids=lambda text: text[:4])
def test_page_tells_what_is_done_about_each_fault_of_each_nasty_text(speech, text, fault):
    guard = speech.guard(text)
    bad, good = FAULTS[fault](guard, speech.prompt), fitting(guard)
    once = speech.say(text, [bad, good])
    attempts = speech.gpt.attempts
    always = speech.say(text, [bad], guard_retries=1)
    assert np.abs(once.samples).max() > 0 and np.abs(always.samples).max() > 0
    name = text if len(text) < 10 else f'{text[:4]}… ({len(text)} characters)'
    row = [name, fault, *map(_listed, (once.guard, always.guard)), str(attempts)]
    assert f'| {" | ".join(row)} |' in PAGE


@pytest.mark.parametrize('fault', FAULTS)
@pytest.mark.parametrize('text', [NASTY[0], NASTY[-1]], ids=lambda text: text[:4])
def test_page_tells_what_is_done_about_each_fault_of_a_stream(speech, text, fault):
    guard = speech.guard(text)
    bad, good = FAULTS[fault](guard, speech.prompt), fitting(guard)
    once = speech.say(text, [bad, good], stream=True)
    name = f'{text[:4]}…' if len(text) > 10 else text
    row = [name, fault, _listed(once.guard), str(speech.gpt.attempts)]
    assert f'| {" | ".join(row)} |' in PAGE


def _listed(report: tuple[str, ...]) -> str:
    return ', '.join(f'`{entry}`' for entry in report) or 'nothing'


def test_page_has_the_constants_of_the_code():
    from gptsovits_ros.engine import guard

    stated = dict(re.findall(r'`([A-Z_]+)` = (\d+(?:\.\d+)?)', PAGE))
    assert len(stated) >= 8
    assert {name: getattr(guard, name) for name in stated} == {
        name: pytest.approx(float(value)) for name, value in stated.items()
    }


@pytest.mark.parametrize('stream', [False, True])
@pytest.mark.parametrize('text', ['是的', LONG])
def test_nothing_changes_bit_for_bit_when_nothing_is_wrong(speech, text, stream):
    good = fitting(speech.guard(text))
    on = speech.say(text, [good], stream=stream)
    off = speech.say(text, [good], stream=stream, guard_retries=0)
    assert np.array_equal(on.samples, off.samples)
    assert on.guard == ()


@pytest.mark.parametrize('stream', [False, True])
def test_guard_retries_0_speaks_whatever_comes(speech, stream):
    scripts = [tokens(11), fitting(speech.guard('是的'))]
    chunk = speech.say('是的', scripts, guard_retries=0, stream=stream)
    assert (chunk.guard, speech.gpt.attempts) == ((), 1)


@pytest.mark.parametrize('stream', [False, True])
@pytest.mark.parametrize('retries', [1, 2, 5])
def test_attempts_are_bounded_and_the_safe_setting_comes_last(speech, retries, stream):
    chunk = speech.say('是的', [[]], guard_retries=retries, stream=stream)
    assert chunk.guard == ('too_short:kept',)
    assert speech.gpt.attempts == 1 + retries + 1


@pytest.mark.parametrize('stream', [False, True])
def test_the_safe_setting_is_reported_where_it_helps(speech, stream):
    good = fitting(speech.guard('是的'))
    chunk = speech.say('是的', [tokens(11)] * 3 + [good], stream=stream)
    assert chunk.guard == ('too_short:safe',)


@pytest.mark.parametrize('stream', [False, True])
def test_of_bad_attempts_the_best_is_spoken(speech, stream):
    leak = list(speech.prompt.tokens[-20:]) + tokens(20)
    chunk = speech.say('是的', [leak, tokens(5), tokens(12, seed=9), tokens(3)], stream=stream)
    assert chunk.guard == ('leak:replaced', 'too_short:kept')
    rate = chunk.sample_rate
    assert len(chunk.samples) == pytest.approx(12 / 25 * rate, abs=0.05 * rate)


def test_what_never_ends_is_cut_at_the_end_of_the_band(speech):
    guard = speech.guard('是的')
    chunk = speech.say('是的', [tokens(1350)])
    rate = chunk.sample_rate
    assert chunk.guard == ('too_long:cut',)
    assert len(chunk.samples) == pytest.approx(guard.high / 25 * rate, abs=0.05 * rate)
    # It is not drawn to its end either.
    assert speech.gpt.steps == guard.high + 1


@pytest.mark.parametrize(
    ('value', 'once', 'always'),
    [
        (0.0, ('silent:retried',), ('silent:kept',)),
        (float('nan'), ('not_finite:retried',), ('not_finite:silenced',)),
    ],
)
@pytest.mark.parametrize('stream', [False, True])
def test_bad_sound_is_made_again_and_reported_if_it_stays(speech, value, once, always, stream):
    good = fitting(speech.guard('是的'))
    # Silence may be followed by sound; what is no number is wrong at once.
    judged = speech.decodes('是的', [good], stream=stream) if value == 0 else 1
    speech.spoil = lambda n, wave: torch.full_like(wave, value) if n < judged else wave
    assert speech.say('是的', [good], stream=stream).guard == once
    speech.spoil = lambda n, wave: torch.full_like(wave, value)
    chunk = speech.say('是的', [good], stream=stream)
    assert chunk.guard == always
    assert np.isfinite(chunk.samples).all()


def test_silence_is_not_preferred_to_sound_with_a_fault(speech):
    good = fitting(speech.guard('是的'))
    speech.spoil = lambda n, wave: torch.zeros_like(wave) if n == 0 else wave
    chunk = speech.say('是的', [good, tokens(11)])
    assert chunk.guard == ('silent:replaced', 'too_short:kept')
    assert np.abs(chunk.samples).max() > 0


@pytest.mark.parametrize('attempt', [1, 2, 3, 4])
@pytest.mark.parametrize('stream', [False, True])
def test_cancel_is_heard_in_every_attempt(speech, attempt, stream):
    with pytest.raises(CanceledError):
        speech.say('是的', [tokens(11)], lambda: speech.gpt.attempts >= attempt, stream=stream)
    assert speech.gpt.attempts == attempt


def test_a_segment_that_is_well_leaves_while_it_is_made(speech):
    good = fitting(speech.guard(LONG))
    steps = [speech.gpt.steps for _ in speech.chunks(LONG, [good], stream=True)]
    assert steps[0] == FIRST_TOKENS + LOOKAHEAD_TOKENS
    assert len(steps) >= 3 and steps[-1] == len(good) + 1


@pytest.mark.parametrize('fault', ['well', 'loops'])
def test_a_slow_machine_speaks_later_and_the_same(speech, fault):
    guard = speech.guard(LONG)
    script = fitting(guard) if fault == 'well' else AFTER['loops'][0](guard)
    fast = list(speech.chunks(LONG, [script, fitting(guard)], stream=True))
    speech.meter.pace = Pace(0.1, 0.03)
    slow = list(speech.chunks(LONG, [script, fitting(guard)], stream=True))
    assert len(slow) < len(fast)
    assert len(slow[0].samples) > len(fast[0].samples)
    assert slow[-1].guard == fast[-1].guard
    pieces = [np.concatenate([chunk.samples for chunk in chunks]) for chunks in (slow, fast)]
    assert np.array_equal(*pieces)


def test_a_brief_segment_is_judged_whole_before_it_is_heard(speech):
    assert speech.guard('是的').is_brief and not speech.guard(LONG).is_brief
    good = fitting(speech.guard('是的'))
    (chunk,) = speech.chunks('是的', [tokens(1350), good], stream=True)
    assert (chunk.guard, speech.gpt.attempts) == (('too_long:retried',), 2)


BEFORE = {
    'ends at once': (lambda guard, prompt: tokens(11), 'too_short:retried'),
    'leaks the prompt': (
        lambda guard, prompt: list(prompt.tokens[-20:]) + fitting(guard),
        'leak:retried',
    ),
    'leaks after a breath': (
        lambda guard, prompt: [985, *prompt.tokens[-9:], *tokens(50, seed=4)],
        'leak:retried',
    ),
}


@pytest.mark.parametrize('fault', BEFORE)
def test_what_is_seen_before_the_first_piece_leaves_is_never_heard(speech, fault):
    make, report = BEFORE[fault]
    guard = speech.guard(LONG)
    good = fitting(guard)
    told = speech.say(LONG, [make(guard, speech.prompt), good], stream=True)
    assert told.guard == (report,)
    assert speech.gpt.attempts == 2
    # It is stopped as soon as it is seen, and what is spoken has the length of the other.
    seconds = len(good) / 25
    assert len(told.samples) == pytest.approx(seconds * told.sample_rate, abs=100)


AFTER = {
    'never ends': (lambda guard: tokens(1350), 'too_long:cut'),
    'ends early': (lambda guard: tokens(round(guard.low * 0.8)), 'too_short:kept'),
    'loops': (lambda guard: fitting(guard)[:20] + tokens(4, seed=2) * 12, 'loop:kept'),
}


@pytest.mark.parametrize('fault', AFTER)
def test_what_is_seen_once_sound_has_left_is_told_and_not_drawn_again(speech, fault):
    make, report = AFTER[fault]
    guard = speech.guard(LONG)
    bad = make(guard)
    chunks = list(speech.chunks(LONG, [bad, fitting(guard)], stream=True))
    assert len(chunks) > 1
    assert chunks[-1].guard == (report,)
    assert speech.gpt.attempts == 1
    spoken = sum(len(chunk.samples) for chunk in chunks) / chunks[0].sample_rate
    assert spoken == pytest.approx(min(len(bad), guard.high) / 25, abs=0.01)


def test_silence_at_the_start_waits_for_sound_and_silence_in_between_does_not(speech):
    good = fitting(speech.guard(LONG))
    count = len(list(speech.chunks(LONG, [good], stream=True)))
    speech.spoil = lambda n, wave: torch.zeros_like(wave) if n == 0 else wave
    chunks = list(speech.chunks(LONG, [good], stream=True))
    assert len(chunks) == count - 1
    assert speech.gpt.attempts == 1 and chunks[-1].guard == ()
    assert not chunks[0].samples[: FIRST_TOKENS * 1280].any()
    speech.spoil = lambda n, wave: torch.zeros_like(wave) if n == 1 else wave
    assert len(list(speech.chunks(LONG, [good], stream=True))) == count


def test_samples_that_are_no_numbers_are_silenced_once_sound_has_left(speech):
    good = fitting(speech.guard(LONG))
    speech.spoil = lambda n, wave: torch.full_like(wave, float('nan')) if n == 1 else wave
    chunk = speech.say(LONG, [good], stream=True)
    assert (chunk.guard, speech.gpt.attempts) == (('not_finite:silenced',), 1)
    assert np.isfinite(chunk.samples).all()


def test_without_a_guard_nothing_waits_and_nothing_is_touched(speech):
    good = fitting(speech.guard(LONG))
    speech.spoil = lambda n, wave: torch.full_like(wave, float('nan')) if n == 0 else wave
    chunks = list(speech.chunks(LONG, [good], stream=True, guard_retries=0))
    assert np.isnan(chunks[0].samples).all()
    assert np.isfinite(chunks[1].samples).all()


def test_the_same_seed_is_the_same_audio_when_the_guard_steps_in(guarded_root, monkeypatch):
    monkeypatch.setattr(engine_module, 'load_voice', load_voice)
    engine = Engine.load(EngineSettings(voice_root=str(guarded_root), threads=1))
    # Random weights: whether and where a segment ends is chance.
    request = SpeechRequest('你好，机器人今天在这里说话。', seed=11)
    first, second = (list(engine.synthesize(request)) for _ in range(2))
    # How many chunks there are depends on the pace of the machine.
    assert any(chunk.guard for chunk in first)
    ends = [[chunk.guard for chunk in made if chunk.is_segment_end] for made in (first, second)]
    assert ends[0] == ends[1]
    samples = [np.concatenate([chunk.samples for chunk in made]) for made in (first, second)]
    assert np.array_equal(*samples)
