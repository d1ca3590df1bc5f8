"""乾 and 著 of traditional text are read as what they mean."""

from __future__ import annotations

import pytest

from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.text.traditional_zh import plain

READINGS = [
    ('請把桌子擦乾淨。', 'g an1 j ing4'),
    ('餅乾在桌上。', 'b ing3 g an1'),
    ('乾坤大挪移。', 'q ian2 k un1'),
    ('他看著我。', 'k an4 zh e5'),
    ('我們等著你。', 'd eng3 zh e5'),
    ('不要著急。', 'zh ao2 j i2'),
    ('他很著名。', 'zh u4 m ing2'),
    ('這是一本名著。', 'm ing2 zh u4'),
    ('效果顯著。', 'x ian3 zh u4'),
    ('大家討論著這個問題。', 't ao3 l un4 zh e5'),
]


@pytest.fixture(scope='module')
def frontends():
    """Return the frontend for listeners and the one that reads as the official program."""
    return TextFrontend('v2'), TextFrontend('v2', upstream_compatible=True)


def symbols(frontend, text):
    (segment,) = frontend.segments(text, 'zh', 'cut0')
    read = frontend.read(segment)
    return read, ' '.join(symbol for span in read.spans for symbol in span.phonemes)


@pytest.mark.parametrize('text, expected', READINGS)
def test_traditional_text_is_read_as_it_is_meant(frontends, text, expected):
    read, spoken = symbols(frontends[0], text)
    assert f' {expected} ' in f' {spoken} '
    assert read.text.rstrip('。') == text.rstrip('。')  # what is shown stays as it was written


@pytest.mark.parametrize('text', ['他看著我。', '請把桌子擦乾淨。'])
def test_the_compatible_frontend_leaves_them_alone(frontends, text):
    assert symbols(frontends[1], text)[1] != symbols(frontends[0], text)[1]


@pytest.mark.parametrize(
    'text',
    [
        '',
        '你好。',
        '乾隆皇帝',
        '康乾盛世',
        '译著',
        '这是他们的合著',
        '著有小说三部',
        '遗著',
        '拙著',
    ],
)
def test_what_simplified_text_means_by_them_stays(text):
    assert plain(text) == text


@pytest.mark.parametrize(
    'text, expected',
    [
        ('晒乾', '晒干'),
        ('乾著急', '干着急'),
        ('沿著河走', '沿着河走'),
        ('作者著書時看著窗外', '作者著書時看着窗外'),
        ('他譯著一本書', '他譯着一本書'),
    ],
)
def test_characters_become_those_of_simplified_text(text, expected):
    assert plain(text) == expected
