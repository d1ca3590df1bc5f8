import json

import pytest

from gptsovits_ros.errors import ParameterInvalidError
from gptsovits_ros.text.split import collapse_punctuation, cut, split_long, split_text
from gptsovits_ros.types import SPLIT_METHODS

from .growth import grows_linearly


@pytest.fixture
def cases(goldens):
    return json.loads((goldens / 'text' / 'text.json').read_text('utf-8'))


@pytest.mark.parametrize('method', SPLIT_METHODS)
def test_cuts_equal_the_official_ones(cases, method):
    for case in cases['cuts']:
        assert cut(case['text'], method) == case[method]


@pytest.mark.parametrize('language', ['zh', 'en'])
@pytest.mark.parametrize('method', SPLIT_METHODS)
def test_segments_equal_the_official_ones(cases, method, language):
    for case in cases['cuts']:
        assert split_text(case['text'], language, method) == case[f'pre_seg_{method}_{language}']


def test_punctuation_and_long_lines_equal_the_official_ones(cases):
    for case in cases['cuts']:
        assert collapse_punctuation(case['text']) == case['replace_consecutive_punctuation']
    assert split_long(cases['split_big_text']['text']) == cases['split_big_text']['result']


@pytest.mark.parametrize(
    ('count', 'groups'),
    [
        (1, [1]),
        (4, [4]),
        (5, [5]),
        (8, [8]),
        (9, [4, 5]),
        (12, [4, 8]),
        (13, [4, 4, 5]),
        (16, [4, 4, 8]),
    ],
)
def test_cut1_makes_groups_of_four_and_the_last_takes_the_rest(count, groups):
    lines = cut('好的。' * count, 'cut1').split('\n')
    assert [line.count('。') for line in lines] == groups


@pytest.mark.parametrize(
    ('method', 'text', 'lines'),
    [
        ('cut0', '…, .', ['']),
        (
            'cut2',
            '一' * 40 + '。' + '二' * 40 + '。' + '三' * 60 + '。',
            ['一' * 40 + '。' + '二' * 40 + '。', '三' * 60 + '。'],
        ),
        ('cut2', '一' * 60 + '。' + '二' * 10 + '。', ['一' * 60 + '。' + '二' * 10 + '。']),
        ('cut3', '。甲。乙。', ['甲', '乙']),
        ('cut4', 'Pi is 3.14, yes. No.', ['Pi is 3.14, yes', ' No']),
        ('cut5', 'a,b;3.5。', ['a,', 'b;', '3.5。']),
    ],
)
def test_method_cuts_where_it_says(method, text, lines):
    assert cut(text, method).split('\n') == lines


@pytest.mark.parametrize(
    ('text', 'language', 'segments'),
    [
        ('好', 'zh', ['好。']),  # cut5 drops the mark that was put in front
        ('Hello there', 'en', ['Hello there.']),
        ('Hello there', 'auto', ['Hello there。']),
        ('什么？？', 'zh', ['什么？']),
        ('你好吗!!!', 'zh', ['你好吗!']),
        ('一二三四五，六', 'zh', ['一二三四五，六。']),
        ('一二三四五，六七八九十', 'zh', ['一二三四五，', '六七八九十。']),
    ],
)
def test_text_gets_marks_and_short_parts_are_joined(text, language, segments):
    assert split_text(text, language, 'cut5') == segments


@pytest.mark.parametrize(
    ('text', 'language', 'segments'),
    [
        ('好', 'zh', ['。好。']),
        ('好', 'auto', ['。好。']),
        ('Go', 'en', ['.Go.']),
        ('Go on', 'en', ['Go on.']),
        ('，好', 'zh', ['，好。']),
        ('你好吗!!!', 'zh', ['。你好吗!']),
    ],
)
def test_a_very_short_beginning_gets_a_mark_in_front(text, language, segments):
    assert split_text(text, language, 'cut0') == segments


@pytest.mark.parametrize('text', ['', '\n\n', '   ', '...', '。！？', '——……', '()', '😀👍'])
@pytest.mark.parametrize('method', SPLIT_METHODS)
def test_text_without_words_has_no_segments(text, method):
    assert split_text(text, 'zh', method) == []


@pytest.mark.parametrize('unit', ['字', 'word ', '你好，', '1.', '\n\n', '-', '。', '.a'])
@pytest.mark.parametrize('method', SPLIT_METHODS)
def test_segments_of_long_text_are_short_and_lose_no_word(unit, method):
    text = unit * (10_000 // len(unit))
    segments = split_text(text, 'zh', method)
    assert all(len(segment) <= 510 for segment in segments)
    assert _words(''.join(segments)) == _words(text)
    assert grows_linearly(lambda part: split_text(part, 'zh', method), unit)


def _words(text):
    return [character for character in text if character.isalnum()]


def test_long_words_are_not_cut_where_there_is_a_space():
    parts = split_long('abcde ' * 20, max_length=20)
    assert ''.join(parts) == 'abcde ' * 20
    assert all(len(part) <= 20 for part in parts)
    assert {word for part in parts for word in part.split()} == {'abcde'}


def test_unknown_method_is_refused_by_name():
    with pytest.raises(ParameterInvalidError, match='"cut9".*cut0, cut1'):
        split_text('你好', 'zh', 'cut9')
