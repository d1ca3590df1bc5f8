import json

import numpy as np
import pytest

from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.text.symbols import PUNCTUATION, symbol_ids, symbol_table


@pytest.mark.parametrize('version', ['v1', 'v2'])
def test_table_equals_the_official_list(goldens, version):
    official = json.loads((goldens / 'tables' / f'symbols_{version}.json').read_text('utf-8'))
    assert list(symbol_table(version)) == official


# Ids that gptsovits-spec section 3 states, so that the table is checked without the goldens too.
@pytest.mark.parametrize(
    ('symbol', 'number'),
    [
        ('!', 0),
        (',', 1),
        ('-', 2),
        ('.', 3),
        ('?', 4),
        ('SP', 77),
        ('SP2', 78),
        ('SP3', 79),
        ('UNK', 86),
        ('_', 95),
        ('…', 321),
        ('[', 322),
        (']', 323),
        ('ㄱ', 324),
        ('空', 352),
        ('Ya', 353),
        ('Yz', 731),
    ],
)
def test_symbol_has_its_fixed_id(symbol, number):
    assert symbol_table('v2')[number] == symbol


def test_version_2_begins_with_version_1():
    assert len(symbol_table('v1')) == 322
    assert len(symbol_table('v2')) == 732
    assert symbol_table('v2')[:322] == symbol_table('v1')


@pytest.mark.parametrize('version', ['v1', 'v2'])
def test_no_symbol_occurs_twice(version):
    assert len(set(symbol_table(version))) == len(symbol_table(version))


def test_ids_are_int64_and_unknown_symbols_become_unk():
    ids = symbol_ids(['HH', 'AH0', 'nonsense', '空'], 'v1')
    assert ids.dtype == np.int64
    assert ids.tolist() == [51, 12, 86, 86]
    assert symbol_ids(['空'], 'v2').tolist() == [352]


def test_no_phonemes_give_an_empty_array():
    assert symbol_ids([], 'v2').shape == (0,)


@pytest.mark.parametrize('version', ['v1', 'v2'])
def test_punctuation_is_in_every_table(version):
    assert set(PUNCTUATION) <= set(symbol_table(version))


def test_unknown_version_is_refused_by_name():
    with pytest.raises(ConfigurationError, match='"v9".*v1, v2'):
        symbol_table('v9')
