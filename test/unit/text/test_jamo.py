import pytest

from gptsovits_ros.text.jamo import (
    CODAS,
    ONSETS,
    VOWELS,
    decompose,
    from_notation,
    last_letter,
    to_letters,
)


@pytest.mark.parametrize(
    ('text', 'letters'),
    [
        ('가', 'ㄱㅏ'),
        ('힣', 'ㅎㅣㅎ'),
        ('값', 'ㄱㅏㅄ'),
        ('뷁', 'ㅂㅞㄺ'),
        ('한글 ok', 'ㅎㅏㄴㄱㅡㄹ ok'),
        ('ㅋㅋ', 'ㅋㅋ'),
        ('漢字', '漢字'),
        ('', ''),
    ],
)
def test_syllables_become_their_letters(text, letters):
    assert to_letters(decompose(text)) == letters


def test_decomposition_is_that_of_unicode():
    import unicodedata

    syllables = ''.join(map(chr, range(0xAC00, 0xD7A4)))
    assert decompose(syllables) == unicodedata.normalize('NFD', syllables)


def test_notation_tells_onset_and_coda_apart():
    assert from_notation('ㄱㅏ{ㄱ}') == decompose('각')
    assert from_notation('{ㄱㄲ}') == '[\u11a8\u11a9]'
    assert from_notation(r'([ㅈㅊ])ㅕ\1/P') == '([\u110c\u110e])\u1167\\1/P'


def test_every_letter_of_a_syllable_has_a_notation():
    assert (len(ONSETS), len(VOWELS), len(CODAS)) == (19, 21, 27)
    assert to_letters(from_notation(ONSETS + VOWELS)) == ONSETS + VOWELS
    assert to_letters(from_notation(f'{{{CODAS}}}')) == f'[{CODAS}]'


@pytest.mark.parametrize(
    ('character', 'letter'), [('할', 'ㄹ'), ('앉', 'ㄵ'), ('하', ''), ('ㄹ', ''), ('a', '')]
)
def test_last_letter_is_the_coda(character, letter):
    assert last_letter(character) == letter
