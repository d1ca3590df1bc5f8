"""The verb prerender, with an engine that counts what it is asked for."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gptsovits_ros.cli import UsageError, prerender
from gptsovits_ros.engine.phrase_cache import PhraseCache
from gptsovits_ros.engine.read_back import Understood
from gptsovits_ros.errors import (
    ConfigurationError,
    LanguageUnsupportedError,
    ParameterInvalidError,
    VoiceNotFoundError,
)
from gptsovits_ros.ros.parameters import Parameters
from gptsovits_ros.ros.requests import request_from_text
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import AudioChunk, SpeechRequest
from gptsovits_ros.voice.store import Voice, VoiceStore

PHRASES = '# for the lift\nGoing up.\n\n  Going down.  \n'


class Engine:
    """Says noise; a phrase with "wrong" in it never passes the guard, "shy" the second time."""

    def __init__(self) -> None:
        self.settings: list[EngineSettings] = []
        self.requests: list[SpeechRequest] = []

    def load(self, settings: EngineSettings) -> Engine:
        self.settings.append(settings)
        return self

    def synthesize(self, request: SpeechRequest) -> Iterator[AudioChunk]:
        if 'forbidden' in request.text:
            raise LanguageUnsupportedError('not this one')
        self.requests.append(request)
        is_wrong = 'wrong' in request.text or 'shy' in request.text and len(self.requests) == 1
        guard = ('skip:kept',) if is_wrong else ()
        level = 0.1 * len(self.requests)  # tells takes apart
        yield AudioChunk(np.full(1000, level, np.float32), 32000, guard=guard)


@pytest.fixture
def engine() -> Engine:
    return Engine()


class Ear:
    """Understands each take of a phrase as well as it is told, then all of it."""

    def __init__(self) -> None:
        self.errors: list[int] = []
        self.model_roots: list[Path] = []

    def find(self, settings: EngineSettings, model_root: Path) -> Ear:
        self.model_roots.append(model_root)
        return self

    def understood(self, chunks, request: SpeechRequest, voice: Voice) -> Understood:
        errors = self.errors.pop(0) if self.errors else 0
        return Understood(f'{errors} wrong', errors, 20)


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def run(engine, ear, tiny_voice, tmp_path):
    """Return a function that runs the verb on phrases as the command line does."""

    def run_verb(phrases: str, *argv: str, file: str = '') -> int:
        path = tmp_path / 'phrases.txt'
        path.write_text(phrases, encoding='utf-8')
        parser = argparse.ArgumentParser()
        prerender.add_arguments(parser)
        roots = (f'voice_root:={tiny_voice.parent}', f'cache_root:={tmp_path / "cache"}')
        options = [word for root in roots for word in ('-p', f'engine.{root}')]
        args = parser.parse_args([file or str(path), *options, *argv])
        return prerender.run(args, engine.load, ear.find)

    return run_verb


def heard(text: str, tiny_voice: Path, tmp_path: Path) -> tuple[AudioChunk, ...]:
    """Return what a node says at once."""
    node = Parameters.from_values({'engine.cache_root': str(tmp_path / 'cache')})
    voice = VoiceStore(tiny_voice.parent).voice(tiny_voice.name)
    cache, request = PhraseCache(node.engine_settings), request_from_text(text, node)
    return tuple(cache.speak(request, voice, lambda: iter(()), lambda: False))


def is_there(text: str, tiny_voice: Path, tmp_path: Path, **parameters: object) -> bool:
    """Tell whether a node with these parameters finds a text in the cache."""
    values = {name.replace('__', '.'): value for name, value in parameters.items()}
    values['engine.cache_root'] = str(tmp_path / 'cache')
    node = Parameters.from_values(values)
    voice = VoiceStore(tiny_voice.parent).voice(tiny_voice.name)
    cache = PhraseCache(node.engine_settings)
    return cache.is_prerendered(request_from_text(text, node), voice)


def test_phrases_are_where_the_node_looks_for_them(run, tiny_voice, tmp_path, capsys):
    assert run(PHRASES) == 0
    assert '2 made now, 0 there already, 0 failed' in capsys.readouterr().out
    for text in ('Going up.', 'Going down.'):
        assert is_there(text, tiny_voice, tmp_path)
    assert not is_there('# for the lift', tiny_voice, tmp_path)
    assert not is_there('Going up.', tiny_voice, tmp_path, speech__speed=1.5)


def test_second_run_makes_only_what_is_missing_and_loads_nothing_for_nothing(run, engine, capsys):
    run('Going up.')
    run(PHRASES)
    assert [request.text for request in engine.requests] == ['Going up.', 'Going down.']
    loads = len(engine.settings)
    assert run(PHRASES) == 0
    assert len(engine.settings) == loads
    assert '0 made now, 2 there already' in capsys.readouterr().out
    run(PHRASES, '--again')
    assert len(engine.requests) == 4


def test_parameters_of_the_robot_are_those_of_the_phrases(run, engine, tiny_voice, tmp_path):
    file = tmp_path / 'robot.yaml'
    file.write_text('/**: {ros__parameters: {speech: {speed: 1.25, seed: 3}, language: en}}')
    run('Going up.', '--params-file', str(file), '-p', 'speech.seed:=4', '--voice', 'tiny')
    (request,) = engine.requests
    assert (request.speed, request.seed, request.language) == (1.25, 4, 'en')
    assert engine.settings[0].cache == 'off'
    assert is_there(
        'Going up.', tiny_voice, tmp_path, speech__speed=1.25, speech__seed=4, language='en'
    )


def test_one_line_that_fails_is_told_and_the_rest_is_made(run, engine, capsys):
    assert run('One.\nforbidden\nThree.\n' + 'long ' * 500 + '\n') == 1
    captured = capsys.readouterr()
    assert 'error LANGUAGE_UNSUPPORTED: line 2: not this one' in captured.err
    assert 'error TEXT_TOO_LONG: line 4:' in captured.err
    assert '2 made now, 0 there already, 2 failed' in captured.out


def test_phrase_that_came_out_wrong_is_drawn_again_and_then_given_up(run, engine, capsys):
    assert run('shy') == 0
    assert len(engine.requests) == 2
    assert run('wrong') == 1
    assert len(engine.requests) == 2 + prerender.DRAWS
    assert 'line 1: it came out wrong 3 times (skip:kept)' in capsys.readouterr().err


def test_guard_judges_whole_segments_of_what_the_node_will_stream(
    run, engine, tiny_voice, tmp_path
):
    run('Going up.')
    assert [request.stream for request in engine.requests] == [False]
    assert request_from_text('Going up.', Parameters.from_values({})).stream
    assert is_there('Going up.', tiny_voice, tmp_path)


def test_phrase_with_a_seed_is_kept_as_the_robot_would_say_it(run, engine):
    assert run('wrong', '-p', 'speech.seed:=1') == 0
    assert len(engine.requests) == 1


@pytest.mark.parametrize(
    'takes, errors, asked, kept',
    [
        (1, [3], 1, 1),  # nobody listens
        (4, [0], 1, 1),
        (4, [5, 0], 2, 2),
        (4, [5, 2, 3, 4], 4, 2),
        (2, [5, 3, 0], 2, 2),
    ],
)
def test_take_that_is_understood_best_is_kept(
    run, engine, ear, tiny_voice, tmp_path, takes, errors, asked, kept
):
    ear.errors = errors
    assert run('Going up.', '--takes', str(takes)) == 0
    assert len(engine.requests) == asked
    (chunk,) = heard('Going up.', tiny_voice, tmp_path)
    assert chunk.samples[0] == pytest.approx(0.1 * kept, abs=1e-3)


def test_what_was_not_understood_is_told(run, ear, capsys):
    ear.errors = [0, 5, 2]
    assert run('One.\n# a note\nTwo.\nThree.\n', '--takes', '2') == 0
    captured = capsys.readouterr()
    assert 'line 3: 2 of 20 phonemes were not understood; heard "2 wrong"' in captured.err
    assert captured.err.count('understood') == 1
    assert '1 of those made now were not understood in full' in captured.out
    assert '3 made now' in captured.out


def test_takes_with_a_fault_do_not_count_and_are_not_listened_to(run, engine, ear, capsys):
    ear.errors = [1]
    run('shy', '--takes', '2')
    assert len(engine.requests) == 2 and ear.errors == []
    assert run('wrong', '--takes', '4') == 1
    assert len(engine.requests) == 6
    assert 'it came out wrong 4 times' in capsys.readouterr().err


def test_nobody_is_sent_for_where_there_is_nothing_to_hear(run, ear):
    run('Going up.')
    assert ear.model_roots == []
    run('Going up.', '--takes', '2')
    assert ear.model_roots == []
    run('Going down.', '--takes', '2')
    assert len(ear.model_roots) == 1


def test_full_cache_is_told_for_each_phrase(run, monkeypatch, capsys):
    monkeypatch.setattr(PhraseCache, 'add', _refuse)
    assert run(PHRASES) == 1
    assert capsys.readouterr().err.count('error CONFIGURATION_INVALID: line ') == 2


def _refuse(*_: object) -> None:
    raise ConfigurationError('full')


def test_prune_removes_what_is_no_longer_in_the_file(run, tiny_voice, tmp_path, capsys):
    run(PHRASES)
    run('Going up.', '--prune')
    assert '1 other phrases' in capsys.readouterr().out
    assert is_there('Going up.', tiny_voice, tmp_path)
    assert not is_there('Going down.', tiny_voice, tmp_path)


def test_standard_input_is_read(run, engine, monkeypatch):
    data = io.BytesIO(b'\xef\xbb\xbfHi.\r\nYou.')
    monkeypatch.setattr(sys, 'stdin', SimpleNamespace(buffer=data))
    assert run('not this file', file='-') == 0
    assert [request.text for request in engine.requests] == ['Hi.', 'You.']


@pytest.mark.parametrize(
    'options, error, message',
    [
        (['-p', 'speech.speed=1'], UsageError, 'NAME:=VALUE'),
        (['--takes', '0'], UsageError, 'at least one'),
        (['--takes', '2', '-p', 'speech.seed:=1'], UsageError, 'takes of a seed are alike'),
        (['-p', 'voice:=['], UsageError, 'not YAML'),
        (['-p', 'speech.speed:=9.0'], ParameterInvalidError, 'speech.speed'),
        (['--language', 'xx'], ParameterInvalidError, 'language'),
        (['--voice', 'nobody'], VoiceNotFoundError, 'nobody'),
        (['--params-file', '/no/such.yaml'], ConfigurationError, '/no/such.yaml'),
    ],
)
def test_wrong_options_are_refused_before_models_are_loaded(run, engine, options, error, message):
    with pytest.raises(error, match=message):
        run(PHRASES, *options)
    assert engine.settings == []
