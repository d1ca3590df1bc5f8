"""Two ways to read: as a listener would say it (default), and exactly as the official frontend."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gptsovits_ros.text import normalize_zh
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.text.spoken_form import passages, spoken_form

from .spoken_scoring import key, read_table

TABLES = Path(__file__).parent / 'tables'
_HAN = re.compile('[\u3400-\u9fff]')


@pytest.fixture(scope='module')
def frontend():
    return TextFrontend()


@pytest.fixture(scope='module')
def official():
    return TextFrontend(upstream_compatible=True)


def norm_text(frontend, text, language):
    """Return what the g2p of each language is given, in the order of the text."""
    segments = frontend.segments(text, language, 'cut5')
    return ' '.join(frontend.read(segment).norm_text.strip() for segment in segments)


# Upstream bugs of gptsovits-spec section 12 (15, 16), and numbers that its cuts split.
@pytest.mark.parametrize(
    ('language', 'text', 'said', 'officially'),
    [
        ('en', 'It is -19 degrees.', 'It is minus nineteen degrees.',
         'It isnegative nineteen degrees.'),
        ('en', 'Two things: tea; milk.', 'Two things, tea, milk.', 'Two things tea milk.'),
        ('en', 'Tea：milk，sugar.', 'Tea, milk, sugar.', 'Teamilksugar.'),
        ('en', 'Dr. Smith is here.', 'Doctor Smith is here.', 'Dr. Smith is here.'),
        ('zh', '价格是100-200元。', '价格是一百到两百元.', '价格是幺零零减二百元.'),
        ('zh', '长度是5mm。', '长度是五毫米.', '长度是五mm.'),
        ('zh', '时间是8:30-9:45。', '时间是八点三十分到九点四十五分.', '时间是八点半至九点半.'),
    ],
)  # fmt: skip
def test_known_bugs_are_there_only_where_they_are_asked_for(
    frontend, official, language, text, said, officially
):
    assert frontend.phonemes(text, language).norm_text == said
    assert official.phonemes(text, language).norm_text == officially


def test_a_number_with_a_comma_is_not_cut(frontend, official):
    text = 'It has 1,299 parts.'
    assert 'one thousand two hundred' in norm_text(frontend, text, 'en')
    assert norm_text(official, text, 'en') == 'It has one, two hundred ninety-nine parts.'


@pytest.mark.parametrize('language', ['zh', 'en', 'ja', 'ko', 'yue'])
def test_what_is_said_comes_through_cuts_pieces_and_official_rules(
    frontend, language, needs_language
):
    needs_language(language)
    rows = read_table(TABLES / f'spoken_{language}.tsv')
    lost = []
    for row in rows:
        found = norm_text(frontend, row.written, language)
        wanted = spoken_form(row.written, language)
        # An English sentence in Chinese text keeps its digits until it is read.
        if simplified(found) != simplified(wanted) and not re.search('[0-9]', wanted):
            lost.append(f'{row.written}: {found} instead of {wanted}')
    assert not lost
    assert len(rows) >= 100


def simplified(text):
    """Return what is compared, with characters as the official rules write them."""
    return _HAN.sub(lambda match: normalize_zh.normalize(match[0]) or match[0], key(text))


@pytest.mark.parametrize(
    ('tag', 'text', 'languages'),
    [
        ('zh', 'Hello.', ['zh']),
        ('all_yue', 'Hello.', ['yue']),
        ('en', '你好', ['en']),
        ('auto', '你好。Hello there! 3.5元', ['zh', 'en', 'zh']),
        ('auto', '今日は3時です。現在東京。', ['ja', 'zh']),
        ('auto', '네, 3시. OK? 5!', ['ko', 'en']),
        ('auto_yue', '3點。5點', ['yue']),
        ('auto', '3.5! 你好', ['zh']),
        ('auto', '3.5!', ['en']),
        ('auto', '', ['en']),
        ('auto', '请找Dr. Wang聊聊', ['zh']),
    ],
)
def test_auto_takes_each_sentence_in_the_language_of_its_script(tag, text, languages):
    found = passages(text, tag)
    assert [language for language, _ in found] == languages
    assert ''.join(part for _, part in found) == text


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('价格3.5元。It costs $3.50.', '价格三点五元。It costs three dollars and fifty cents.'),
        ('会议10:30开始。会議は3時です。', '会议十点三十分开始。会議は三時です。'),
    ],
)
def test_auto_reads_numbers_in_the_language_of_their_sentence(frontend, text, said):
    assert frontend.spoken(text, 'auto') == said


def test_a_prompt_is_read_in_the_same_way(frontend, official):
    assert frontend.prompt('我有100-200元', 'zh').norm_text == '我有一百到两百元.'
    assert official.prompt('我有100-200元', 'zh').norm_text == '我有幺零零减二百元.'
