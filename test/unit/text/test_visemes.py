from __future__ import annotations

import pytest

from gptsovits_ros.text.durations import MEANS_MS, mean_duration, sound_kind
from gptsovits_ros.text.symbols import PAUSES, PUNCTUATION, symbol_table
from gptsovits_ros.text.visemes import SILENCE, VISEMES, visemes

SOUNDLESS = {'[', ']', 'UNK'}
RESTS = {*PUNCTUATION, *PAUSES, '_', '空', '停'}


def test_every_symbol_that_is_heard_has_a_shape():
    for symbol in symbol_table('v2'):
        shapes = visemes(symbol)
        assert set(shapes) <= set(VISEMES), symbol
        assert bool(shapes) == (symbol not in SOUNDLESS), symbol
        assert (SILENCE in shapes) == (symbol in RESTS), symbol


def test_tables_of_both_versions_share_their_symbols():
    assert set(symbol_table('v1')) < set(symbol_table('v2'))


@pytest.mark.parametrize(
    ('symbol', 'shapes'),
    [
        ('M', 'PP'),
        ('p', 'PP'),
        ('ㅁ', 'PP'),
        ('Yb', 'PP'),
        ('F', 'FF'),
        ('TH', 'TH'),
        ('AY1', 'aa ih'),
        ('OW0', 'oh ou'),
        ('iang4', 'ih aa kk'),
        ('van2', 'ou E nn'),
        ('v3', 'ou'),
        ('v', 'FF'),
        ('i05', 'ih'),
        ('ir1', 'ih'),
        ('En2', 'E nn'),
        ('ky', 'kk ih'),
        ('Ygw', 'kk ou'),
        ('Yoeng1', 'oh kk'),
        ('Yyut6', 'ou DD'),
        ('Y', 'ih'),
    ],
)
def test_shapes_are_those_of_the_sound(symbol, shapes):
    assert visemes(symbol) == tuple(shapes.split())


def test_what_is_no_symbol_has_no_shape():
    with pytest.raises(ValueError, match='no phoneme'):
        visemes('Qx1')


def test_every_symbol_has_a_mean_duration():
    for symbol in symbol_table('v2'):
        assert sound_kind(symbol) in MEANS_MS
        if symbol not in SOUNDLESS | RESTS:
            assert 0.04 < mean_duration(symbol) < 0.2, symbol


@pytest.mark.parametrize(
    ('symbol', 'kind'),
    [
        ('AH0', 'weak vowel'),
        ('EY1', 'diphthong'),
        ('IY2', 'vowel'),
        ('En2', 'long final'),
        ('a1', 'final'),
        ('Ya4', 'final'),
        ('Yk', 'aspirated'),
        ('N', 'sonorant'),
        (',', 'pause'),
        ('?', 'end of sentence'),
        ('[', 'nothing'),
    ],
)
def test_kinds_of_sound(symbol, kind):
    assert sound_kind(symbol) == kind
