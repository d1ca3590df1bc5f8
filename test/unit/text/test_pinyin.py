import json

import pytest

from gptsovits_ros.text.pinyin import symbols


@pytest.mark.parametrize(
    ('syllable', 'expected'),
    [
        ('ma1', ('m', 'a1')),
        ('zhuang4', ('zh', 'uang4')),
        ('cheng2', ('ch', 'eng2')),
        ('de5', ('d', 'e5')),
        # no initial
        ('ai4', ('AA', 'ai4')),
        ('o1', ('OO', 'o1')),
        ('er2', ('EE', 'er2')),
        # the three vowels that pinyin writes i
        ('shi4', ('sh', 'ir4')),
        ('ri4', ('r', 'ir4')),
        ('si3', ('s', 'i03')),
        ('xi1', ('x', 'i1')),
        ('zhui1', ('zh', 'ui1')),
        # ü, written u after j q x y
        ('ju3', ('j', 'v3')),
        ('quan2', ('q', 'van2')),
        ('yun4', ('y', 'vn4')),
        ('lv4', ('l', 'v4')),
        ('lu4', ('l', 'u4')),
        ('you3', ('y', 'ou3')),
        # the two exceptions
        ('yan2', ('y', 'En2')),
        ('ye3', ('y', 'E3')),
        ('yang2', ('y', 'ang2')),
    ],
)
def test_syllable_has_an_initial_and_a_final_with_tone(syllable, expected):
    assert symbols(syllable) == expected


@pytest.mark.parametrize(
    'text',
    [
        '',
        'a',
        'ma',
        'ma0',
        'ma6',
        'MA1',
        '好',
        '兙5',
        'n2',
        'hm5',
        'zh1',
        'ma1ma1',
        'u1',
        ',',
        '1',
    ],
)
def test_what_is_no_syllable_is_one_unknown_symbol(text):
    assert symbols(text) == ('UNK',)


def test_rule_gives_the_official_table(goldens):
    table = json.loads((goldens / 'tables' / 'pinyin_to_symbols.json').read_text('utf-8'))
    assert len(table) == 429
    for syllable, (initial, final) in table.items():
        assert symbols(syllable + '3') == (initial, final + '3')
