"""The way along a text, from the phonemes of the frontend."""

from __future__ import annotations

import numpy as np
import torch

from gptsovits_ros.engine.text_following import text_path
from gptsovits_ros.semantic.text_path import CodePhonemes
from gptsovits_ros.text.symbols import symbol_ids, symbol_table

SAID = ('_', 'AA1', 'K', 'uang4', 'zh')


def codes() -> CodePhonemes:
    """Return one code for each of SAID."""
    labels = symbol_ids(SAID, 'v2')
    phonemes = np.sort(labels[1:])
    return CodePhonemes(labels, int(labels[0]), phonemes, np.ones((4, 1), np.float32))


def spoken(text: str) -> list[str]:
    """Return what is said if every phoneme lasts one token, the likeliest way."""
    path = text_path(codes(), 'v2', symbol_ids(text.split(), 'v2').tolist())
    said = []
    while True:
        odds = path.log_odds()
        sayable = [n for n in range(1, len(SAID)) if torch.isfinite(odds[n])]
        if not sayable:
            return said
        path.take(sayable[0])
        said.append(SAID[sayable[0]])


def test_phonemes_are_said_in_order():
    assert spoken('K AA1 K') == ['K', 'AA1', 'K']


def test_another_tone_or_stress_stands_for_one_that_no_token_says():
    assert spoken('K AA2 zh uang1') == ['K', 'AA1', 'zh', 'uang4']


def test_what_no_token_says_is_passed_over():
    assert spoken('K ㄱ AA1') == ['K', 'AA1']


def test_punctuation_lets_a_silence_in():
    silence = 0
    for text, allowed in (('K , AA1', True), ('K AA1', False), (', K AA1', False)):
        path = text_path(codes(), 'v2', symbol_ids(text.split(), 'v2').tolist())
        path.take(SAID.index('K'))
        assert bool(torch.isfinite(path.log_odds()[silence])) is allowed, text


def test_a_text_with_nothing_to_say_has_no_way():
    assert text_path(codes(), 'v2', [symbol_table('v2').index('.')]) is None


def test_english_consonants_last_longer_than_other_phonemes():
    labels = symbol_ids(SAID, 'v2')
    # After two tokens 35 % of all phonemes go on.
    endings = np.array([[0.5, 0.3, 0.5, 1.0]] * 4, np.float32)
    every = CodePhonemes(labels, int(labels[0]), np.sort(labels[1:]), endings)

    def tokens(symbol: str) -> int:
        path = text_path(every, 'v2', symbol_ids([symbol, 'AA1'], 'v2').tolist())
        logits, count = torch.zeros(1, len(SAID) + 1), 0
        path.take(SAID.index(symbol))
        while torch.isfinite(path.steer(logits))[0, SAID.index(symbol)]:
            path.take(SAID.index(symbol))
            count += 1
        return count + 1

    assert (tokens('K'), tokens('zh'), tokens('uang4')) == (3, 2, 2)
