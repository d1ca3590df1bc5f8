"""Pronunciations as users write them."""

from __future__ import annotations

import pytest

from gptsovits_ros.text.alphabets import MAX_PHONEMES, UnknownSoundError, parse


@pytest.mark.parametrize(
    ('alphabet', 'pronunciation', 'phonemes'),
    [
        ('gptsovits', 'W IH1 N', ('W', 'IH1', 'N')),
        ('gptsovits', ' k o [ n ', ('k', 'o', '[', 'n')),
        ('gptsovits', 'n i2 , h ao3', ('n', 'i2', ',', 'h', 'ao3')),
        ('arpabet', 'N UW1 Y EH1 N', ('N', 'UW1', 'Y', 'EH1', 'N')),
        ('pinyin', 'chong2 qing4', ('ch', 'ong2', 'q', 'ing4')),
        ('pinyin', 'lü4 lv4', ('l', 'v4', 'l', 'v4')),
        ('jyutping', 'gwong2 m4', ('Ygw', 'Yong2', 'Ym', 'Ym4')),
    ],
)
def test_a_pronunciation_gives_symbols_of_the_models(alphabet, pronunciation, phonemes):
    assert parse(pronunciation, alphabet) == phonemes


@pytest.mark.parametrize(
    ('alphabet', 'pronunciation', 'named'),
    [
        ('gptsovits', 'W IH9 N', '"IH9"'),
        ('gptsovits', 'UNK', '"UNK"'),
        ('arpabet', 'N i2', '"i2"'),
        ('arpabet', 'a', '"a"'),
        ('pinyin', 'chong2 qing', '"qing"'),
        ('pinyin', 'buu1', '"buu1"'),
        ('jyutping', 'gwong7', '"gwong7"'),
        ('pinyin', 'x' * 1000, f'"{"x" * 40}"'),
    ],
)
def test_what_is_no_sound_is_named(alphabet, pronunciation, named):
    with pytest.raises(UnknownSoundError, match=named):
        parse(pronunciation, alphabet)


@pytest.mark.parametrize('pronunciation', ['', '  ', 'a1 ' * (MAX_PHONEMES + 1)])
def test_a_pronunciation_has_a_length(pronunciation):
    with pytest.raises(UnknownSoundError, match=str(MAX_PHONEMES)):
        parse(pronunciation, 'gptsovits')
