"""Skipped and repeated phonemes, from a voice with a token table to what is done about them."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import yaml

from gptsovits_ros.checkpoint.token_table import save_token_table
from gptsovits_ros.engine import synthesis
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.guard import Prompt, SegmentGuard, SpokenOrder
from gptsovits_ros.errors import CheckpointError
from gptsovits_ros.semantic.token_table import TokenTable
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.types import SpeechRequest

TEXT = 'My new robot can say good morning to you.'
LIMIT = 12.0
OWN = 8  # tokens of a phoneme


@pytest.fixture(scope='module')
def spoken():
    """Return phonemes of the text."""
    frontend = TextFrontend('v2')
    (segment,) = frontend.segments(TEXT, 'en', 'cut0')
    return frontend.read(segment)


@pytest.fixture(scope='module')
def table(spoken):
    """Return a table in which each phoneme of the text, and silence, has tokens of its own."""
    known = np.unique(spoken.ids)
    odds = np.full((len(known) + 1, 1024), -6.0, np.float32)
    for row in range(len(odds)):
        odds[row, OWN * row : OWN * (row + 1)] = 6
    return TokenTable(known, odds, LIMIT, LIMIT)


def say(ids, table, seed=0):
    """Return tokens that say these phonemes, three for each."""
    rng = np.random.default_rng(seed)
    rows = np.repeat([0, *(np.searchsorted(table.phonemes, ids) + 1), 0], 3)
    return (OWN * rows + rng.integers(0, OWN, len(rows))).tolist()


@pytest.fixture(scope='module')
def scripts(spoken, table):
    """Return tokens that say the text in full, or not."""
    ids = spoken.ids
    return {
        'well': say(ids, table),
        'skipped': say(np.delete(ids, range(8, 14)), table),
        'repeated': say(np.concatenate([ids[:14], ids[8:]]), table),
        'skipped at the start': say(ids[6:], table),
    }


def symbols_of(spoken):
    return [symbol for span in spoken.spans for symbol in span.phonemes]


def names(faults):
    return [fault.name for fault in faults]


@pytest.mark.parametrize('fault', ['skipped', 'repeated'])
def test_what_is_wrong_with_the_order_is_a_fault_though_the_length_is_right(
    spoken, table, scripts, fault
):
    plain = SegmentGuard.of(symbols_of(spoken), Prompt(), 1350)
    guard = SegmentGuard.of(symbols_of(spoken), Prompt(), 1350, SpokenOrder(table, spoken.ids))
    assert plain.faults(scripts[fault]) == ()
    assert guard.faults(scripts['well']) == guard.early_faults(scripts['well'][:20]) == ()
    (found,) = guard.faults(scripts[fault])
    assert found.name == fault and found.severity > 1
    soon = scripts[fault][: 3 * 9 + 6 if fault == 'skipped' else 3 * 15 + 6]
    assert fault in names(guard.early_faults(soon))


def test_the_worse_disorder_is_more_severe(spoken, table):
    guard = SegmentGuard.of(symbols_of(spoken), Prompt(), 1350, SpokenOrder(table, spoken.ids))
    (little,), (much,) = (
        [fault for fault in guard.faults(say(np.delete(spoken.ids, range(6, end)), table))
         if fault.name == 'skipped']
        for end in (12, 20)
    )  # fmt: skip
    assert much.severity > little.severity


@pytest.fixture(scope='module')
def root(tiny_voice, table, tmp_path_factory):
    """Return a store with a guarded voice that has the table."""
    root = tmp_path_factory.mktemp('ordered')
    shutil.copytree(tiny_voice, root / 'tiny')
    save_token_table(table, 'v2', 'a test', root / 'tiny' / 'token_table.safetensors')
    file = root / 'tiny' / 'voice.yaml'
    tree = yaml.safe_load(file.read_text('utf-8'))
    del tree['guard']
    tree['prompt']['text'] = ''  # that of a stand-in tells of a strange pace
    tree['encoders']['token_table'] = 'token_table.safetensors'
    file.write_text(yaml.safe_dump(tree, allow_unicode=True), 'utf-8')
    return root


@pytest.fixture(scope='module')
def engine(root):
    return Engine.load(EngineSettings(voice_root=str(root), threads=1))


def reports(engine, monkeypatch, drawn, **options):
    """Speak with a GPT that draws these tokens, the last ones again and again."""
    rest = list(drawn)

    def generate(*arguments, **more):
        return iter(rest.pop(0) if len(rest) > 1 else rest[0])

    monkeypatch.setattr(synthesis, 'generate', generate)
    gpt = engine.loaded_voice().semantic
    monkeypatch.setattr(gpt, 'config', replace(gpt.config, max_sec=54.0))
    request = SpeechRequest(TEXT, language='en', seed=1, split_method='cut0', **options)
    chunks = list(engine.synthesize(request))
    return chunks[-1].guard, len(chunks), len(drawn) - len(rest)


@pytest.mark.parametrize('stream', [False, True])
def test_speech_in_full_is_left_alone(engine, monkeypatch, scripts, stream):
    found, _, _ = reports(engine, monkeypatch, [scripts['well']], stream=stream)
    assert found == ()


@pytest.mark.parametrize('fault', ['skipped', 'repeated'])
def test_disorder_is_drawn_again_and_kept_if_it_stays(engine, monkeypatch, scripts, fault):
    once = [scripts[fault], scripts['well']]
    assert reports(engine, monkeypatch, once, stream=False)[0] == (f'{fault}:retried',)
    always = [scripts[fault]]
    assert reports(engine, monkeypatch, always, stream=False)[0] == (f'{fault}:kept',)


def test_a_skip_before_the_first_piece_is_never_heard_in_a_stream(engine, monkeypatch, scripts):
    drawn = [scripts['skipped at the start'], scripts['well']]
    found, chunks, used = reports(engine, monkeypatch, drawn, stream=True)
    assert (found, used) == (('skipped:retried',), 1)
    assert chunks > 1


def test_a_skip_after_that_is_told(engine, monkeypatch, scripts, spoken, table):
    late = say(np.delete(spoken.ids, range(16, 23)), table)
    found, chunks, _ = reports(engine, monkeypatch, [late], stream=True)
    assert found == ('skipped:kept',)
    assert chunks > 1


def test_a_table_that_is_not_for_the_voice_is_refused(root, table, tmp_path):
    shutil.copytree(root / 'tiny', tmp_path / 'tiny')
    save_token_table(table, 'v1', '', tmp_path / 'tiny' / 'token_table.safetensors')
    with pytest.raises(CheckpointError, match='phonemes of v1'):
        Engine.load(EngineSettings(voice_root=str(tmp_path), threads=1))
