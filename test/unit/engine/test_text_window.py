"""Voices whose GPT is told its place in the text."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace

import numpy as np
import pytest
import yaml

from gptsovits_ros.checkpoint.load import load_semantic
from gptsovits_ros.checkpoint.save import semantic_weights
from gptsovits_ros.checkpoint.token_table import save_token_table
from gptsovits_ros.checkpoint.weights import write_weights
from gptsovits_ros.engine import synthesis
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.errors import VoiceInvalidError
from gptsovits_ros.semantic.generate import generate
from gptsovits_ros.semantic.text_path import CodePhonemes
from gptsovits_ros.semantic.token_table import TokenTable
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.text.symbols import PUNCTUATION, symbol_ids
from gptsovits_ros.types import SpeechRequest

TEXT = 'Hello there, my name is Robot.'


@pytest.fixture
def root(tiny_voice, tmp_path):
    """Return a store with a voice whose GPT sees two phonemes ahead, without a table."""
    folder = tmp_path / 'placed'
    shutil.copytree(tiny_voice, folder)
    file = folder / 'voice.yaml'
    tree = yaml.safe_load(file.read_text('utf-8'))
    model = load_semantic(folder / tree['model']['semantic'])
    model.config = replace(model.config, text_ahead=2)
    write_weights(semantic_weights(model, 'a test'), folder / 'placed.safetensors')
    tree['model']['semantic'] = 'placed.safetensors'
    file.write_text(yaml.safe_dump(tree, allow_unicode=True), 'utf-8')
    return tmp_path


@pytest.fixture
def spoken():
    """Return the phonemes of the text that are no punctuation."""
    frontend = TextFrontend('v2')
    (segment,) = frontend.segments(TEXT, 'en', 'cut0')
    marks = symbol_ids(sorted(PUNCTUATION), 'v2')
    ids = np.asarray(frontend.read(segment).ids)
    return ids[~np.isin(ids, marks)]


@pytest.fixture
def codes(spoken):
    """Return codes that these phonemes and silence share."""
    known = np.unique(spoken)
    endings = np.tile(np.array([0.3, 0.6, 1.0], np.float32), (len(known), 1))
    return CodePhonemes(np.resize([0, *known], 1024), 0, known, endings)


@pytest.mark.parametrize('has_prompt', [False, True])
@pytest.mark.parametrize('stream', [False, True])
def test_it_says_every_phoneme_once(root, codes, spoken, monkeypatch, stream, has_prompt):
    table = TokenTable(
        codes.phonemes.copy(),
        np.zeros((len(codes.phonemes) + 1, 1024), np.float32),
        99.0,
        99.0,
        codes,
    )
    save_token_table(table, 'v2', 'a test', root / 'placed' / 'token_table.safetensors')
    file = root / 'placed' / 'voice.yaml'
    tree = yaml.safe_load(file.read_text('utf-8'))
    tree['encoders']['token_table'] = 'token_table.safetensors'
    if not has_prompt:
        tree['prompt']['text'] = ''
    file.write_text(yaml.safe_dump(tree, allow_unicode=True), 'utf-8')
    drawn = []

    def noted(*arguments, **options):
        for token in generate(*arguments, **options):
            drawn.append(token)
            yield token

    monkeypatch.setattr(synthesis, 'generate', noted)
    engine = Engine.load(EngineSettings(voice_root=str(root), threads=1))
    request = SpeechRequest(
        TEXT, language='en', seed=1, split_method='cut0', stream=stream, guard_retries=0
    )
    assert sum(chunk.duration_s for chunk in engine.synthesize(request)) > 0.5
    said = [label for label, _ in itertools.groupby(codes.labels[drawn].tolist()) if label]
    assert said == [phoneme for phoneme, _ in itertools.groupby(spoken.tolist())]


def test_without_a_table_of_its_tokens_it_is_refused(root):
    with pytest.raises(VoiceInvalidError, match='told its place in the text'):
        Engine.load(EngineSettings(voice_root=str(root), threads=1))
