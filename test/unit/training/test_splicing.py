"""Spliced utterances: text and tokens still belong together."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gptsovits_ros.checkpoint.load import load_semantic
from gptsovits_ros.checkpoint.weights import write_weights
from gptsovits_ros.semantic.text_places import cut_points
from gptsovits_ros.text.symbols import symbol_ids, symbol_table
from gptsovits_ros.training.corpus import Utterance
from gptsovits_ros.training.splicing import Splicer

SYMBOLS = ('_', 'a1', 'b', 'c', 'd', 'AA1', 'SH')
LABELS = symbol_ids(SYMBOLS, 'v2')
SILENCE = int(LABELS[0])


def utterance(name: str, spoken: str, language: str = 'zh') -> Utterance:
    """Return one whose tokens are given as SYMBOL:COUNT; "," is silence with punctuation."""
    ids, tokens = [], []
    for part in spoken.split():
        symbol, _, count = part.partition(':')
        label = 0 if symbol in (',', '.', '_') else SYMBOLS.index(symbol)
        if symbol != '_':
            ids += symbol_ids([symbol], 'v2').tolist()
        tokens += [label] * int(count)
    return Utterance(
        name, 'train', 's', language, len(tokens) / 25, np.array(ids), np.array(tokens)
    )


def test_cuts_are_where_phonemes_begin():
    item = utterance('x', '_:2 a1:3 b:1 ,:4 c:2 .:3')
    assert cut_points(item.phoneme_ids, LABELS[item.tokens]).tolist() == [0, 5, 6, 10, 12, 15]


def test_two_equal_phonemes_are_cut_where_the_run_begins_or_within():
    item = utterance('x', '_:1 b:2 c:2 c:2 a1:1')
    cuts = cut_points(item.phoneme_ids, LABELS[item.tokens]).tolist()
    assert cuts[0] == 0 and cuts[1] == 3 and 3 <= cuts[2] <= 7 and cuts[3:] == [7, 8]


def test_a_silence_without_punctuation_belongs_to_what_is_before_it():
    item = utterance('x', 'a1:2 _:3 b:2')
    assert cut_points(item.phoneme_ids, LABELS[item.tokens]).tolist() == [0, 5, 7]


@pytest.mark.parametrize('seed', range(20))
def test_tokens_of_a_splice_say_its_phonemes(seed):
    items = [
        utterance('x', '_:2 a1:3 b:1 ,:4 c:2 d:1 .:3'),
        utterance('y', '_:1 d:2 a1:2 c:3 b:2 .:2'),
        utterance('z', '_:3 SH:2 AA1:3 ,:2 SH:1 .:4', 'en'),
    ]
    splicer = Splicer(items, LABELS)
    rng = np.random.default_rng(seed)
    for index in range(3):
        spliced = splicer.splice(index, rng)
        phonemes, tokens = spliced.phoneme_ids, spliced.tokens
        spoken = [label for label in LABELS[tokens].tolist() if label != SILENCE]
        said = [key for key, _ in itertools.groupby(spoken)]
        table = symbol_table('v2')
        wanted = [id for id in phonemes.tolist() if table[id] not in (',', '.')]
        assert said == [key for key, _ in itertools.groupby(wanted)]
        is_said = LABELS[tokens] != SILENCE
        assert (phonemes[spliced.places[is_said]] == LABELS[tokens[is_said]]).all()
        # It ends as an utterance does, and is of one language.
        assert tokens[-1] == 0 and table[phonemes[-1]] == '.'
        assert (index == 2) == ('SH' in [table[id] for id in phonemes])


def test_trainer_learns_spliced_utterances(make_trainer, run_steps, corpus_with_codes):
    changes = {'splice_probability': 1.0}
    trainer = make_trainer('semantic', changes, corpus_with_codes)
    losses = [step['loss'] for step in run_steps(trainer, 30)]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert run_steps(make_trainer('semantic', changes, corpus_with_codes), 30)[-1][
        'loss'
    ] == pytest.approx(losses[-1])


@pytest.mark.parametrize('splice', [0.0, 1.0])
def test_gpt_learns_from_a_window_of_the_text(
    make_trainer, run_steps, corpus_with_codes, splice, tmp_path
):
    """It goes on from one that saw all of the text, since the sizes are the same."""
    path = tmp_path / 'start.safetensors'
    write_weights(make_trainer('semantic').weights(''), path)
    changes = {
        'start': str(path),
        'model': {'text_ahead': 2},
        'splice_probability': splice,
        'prompt_probability': 0.5,
    }
    trainer = make_trainer('semantic', changes, corpus_with_codes)
    losses = [step['loss'] for step in run_steps(trainer, 30)]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert np.isfinite(trainer.evaluate()['dev-text/loss'])
    write_weights(trainer.weights(''), path)
    assert load_semantic(path).config.text_ahead == 2
