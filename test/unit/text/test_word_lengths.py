from __future__ import annotations

import pytest

from gptsovits_ros.text import word_lengths
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.types import SpokenWord


def test_characters_are_words_and_marks_have_no_text():
    assert word_lengths.of_characters('你,好', [2, 1, 2]) == [
        SpokenWord('你', 2),
        SpokenWord('', 1),
        SpokenWord('好', 2),
    ]


def test_korean_words_end_at_spaces_and_have_no_marks():
    assert word_lengths.of_spaces('네, 나.', list('ㄴㅔ,空ㄴㅏ.')) == [
        SpokenWord('네', 4),
        SpokenWord('나', 3),
    ]


def test_korean_with_other_spaces_is_one_word():
    assert word_lengths.of_spaces('네 나', list('ㄴㅔㄴㅏ')) == [SpokenWord('네 나', 4)]


def test_japanese_words_take_as_many_moras_as_they_have():
    phonemes = 'ky o ] o w a # , i [ cl t a .'.split()
    moras = [('今日', 2), ('は', 1), ('、', 0), ('行っ', 2), ('た', 1)]
    assert word_lengths.of_moras(moras, phonemes) == [
        SpokenWord('今日', 4),
        SpokenWord('は', 3),
        SpokenWord('', 1),
        SpokenWord('行っ', 3),
        SpokenWord('た', 2),
        SpokenWord('', 1),
    ]


def test_japanese_whose_moras_do_not_fit_is_one_word():
    assert word_lengths.of_moras([('今日', 3)], ['ky', 'o', 'o']) == [SpokenWord('今日', 3)]


@pytest.mark.parametrize(
    ('text', 'language', 'words'),
    [
        ("I'm 3.5 - isn't it?", 'en', "I'm three point five isn't it"),
        ('你好，3号 Bob。', 'zh', '你 好 三 号 Bob'),
    ],
)
def test_words_of_a_text_share_all_of_its_phonemes(text, language, words):
    spans = TextFrontend('v2').phonemes(text, language).spans
    for span in spans:
        assert sum(word.phonemes for word in span.words) == len(span.phonemes)
    assert ' '.join(word.text for span in spans for word in span.words if word.text) == words
