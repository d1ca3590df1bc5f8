"""Token tables, learned from clips that say something."""

from __future__ import annotations

import numpy as np
import pytest

from gptsovits_ros.checkpoint.token_table import load_token_table
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.text.symbols import symbol_table
from gptsovits_ros.training.__main__ import main
from gptsovits_ros.training.corpus import read_corpus
from gptsovits_ros.training.token_table import (
    LEAST_CLIPS,
    MARGIN,
    learn_token_table,
    write_token_table,
)

CODEBOOK = 64
SYMBOLS = ('a', 'i', 'u', 'e', 'o', 'k', 's', 't', 'n', 'h')
COLUMNS = 'name\tsplit\tspeaker\tlanguage\tseconds\ttext\n'


def say(symbols, rng):
    """Return tokens: each symbol has four of its own, and takes two to four of them."""
    tokens = [int(token) for token in rng.integers(60, 64, 3)]
    for symbol in symbols:
        own = 4 * SYMBOLS.index(symbol)
        tokens += [int(token) for token in rng.integers(own, own + 4, rng.integers(2, 5))]
    return tokens + [int(token) for token in rng.integers(60, 64, 3)]


@pytest.fixture
def make_corpus(tmp_path):
    """Return a function that writes a corpus with so many clips."""

    def make(count: int):
        rng = np.random.default_rng(0)
        lines = {'corpus.tsv': [COLUMNS], 'phonemes.tsv': [], 'tokens.tsv': []}
        for number in range(count):
            symbols = rng.choice(SYMBOLS, rng.integers(8, 14)).tolist()
            tokens, name = say(symbols, rng), f'c{number}'
            lines['corpus.tsv'].append(f'{name}\ttrain\tx\tja\t{len(tokens) / 25:.3f}\t-\n')
            lines['phonemes.tsv'].append(f'{name}\t{" ".join(symbols)}\n')
            lines['tokens.tsv'].append(f'{name}\t{" ".join(map(str, tokens))}\n')
        for name, content in lines.items():
            (tmp_path / name).write_text(''.join(content), encoding='utf-8')
        return tmp_path

    return make


def test_a_table_is_learned_without_being_told_which_token_belongs_to_which_phoneme(make_corpus):
    clips = read_corpus(make_corpus(150), CODEBOOK, print)
    table = learn_token_table(clips, CODEBOOK)
    ids = [symbol_table('v2').index(symbol) for symbol in SYMBOLS]
    for symbol, number in zip(SYMBOLS, ids, strict=True):
        row = table.odds[1 + np.searchsorted(table.phonemes, number)]
        own = 4 * SYMBOLS.index(symbol)
        assert set(np.argsort(row)[-4:]) == set(range(own, own + 4))
    assert set(np.argsort(table.odds[0])[-4:]) == {60, 61, 62, 63}  # silence
    assert MARGIN <= table.skip_limit < 2 * MARGIN
    assert MARGIN <= table.repeat_limit < 2 * MARGIN
    rng = np.random.default_rng(1)
    symbols = rng.choice(SYMBOLS, 12).tolist()
    wanted = [symbol_table('v2').index(symbol) for symbol in symbols]
    well = table.leaps(wanted, say(symbols, rng))
    assert well.skip < table.skip_limit and well.repeat < table.repeat_limit
    assert table.leaps(wanted, say(symbols[:4] + symbols[8:], rng)).skip > table.skip_limit
    assert table.leaps(wanted, say(symbols[:8] + symbols[4:], rng)).repeat > table.repeat_limit


def test_too_few_clips_are_refused(make_corpus, tmp_path):
    with pytest.raises(ConfigurationError, match=f'{LEAST_CLIPS - 1} usable clips'):
        write_token_table(make_corpus(LEAST_CLIPS - 1), tmp_path, print)


def test_the_command_writes_a_file_that_a_voice_can_name(make_corpus, tmp_path, capsys):
    assert main(['token-table', str(make_corpus(120)), str(tmp_path / 'voice')]) == 0
    output = capsys.readouterr()
    path = tmp_path / 'voice' / 'token_table.safetensors'
    assert output.out.strip() == str(path)
    assert f'{len(SYMBOLS)} phonemes' in output.err
    table = load_token_table(path, 'v2', 1024)
    assert len(table.phonemes) == len(SYMBOLS)


def test_a_corpus_that_says_what_its_tokens_say_gives_it_to_the_table(make_corpus, tmp_path):
    corpus = make_corpus(120)
    lines = [f'{4 * place + i}\t{s}\n' for place, s in enumerate(SYMBOLS) for i in range(4)]
    lines += [f'{code}\t_\n' for code in range(60, 64)]
    (corpus / 'codes.tsv').write_text(''.join(lines), encoding='utf-8')
    path = write_token_table(corpus, tmp_path / 'voice', print)
    codes = load_token_table(path, 'v2', 1024).codes
    table = symbol_table('v2')
    assert {table[id] for id in codes.phonemes} == set(SYMBOLS)
    assert [table[id] for id in codes.labels[:8]] == ['a'] * 4 + ['i'] * 4
    # Each phoneme lasts two to four tokens.
    assert codes.ending(table.index('k'), 1) < 0.05
    assert codes.ending(table.index('k'), 2) == pytest.approx(1 / 3, abs=0.15)


def test_the_command_tells_what_is_missing(tmp_path, capsys):
    assert main(['token-table', str(tmp_path), str(tmp_path)]) == 1
    assert 'CONFIGURATION_INVALID' in capsys.readouterr().err
