"""Marks in a text: what they do, and what is refused."""

from __future__ import annotations

import pytest

from gptsovits_ros.errors import LanguageUnsupportedError, TextInvalidError
from gptsovits_ros.text import ssml
from gptsovits_ros.text.frontend import TextFrontend


@pytest.fixture(scope='module')
def frontend():
    return TextFrontend()


def described(frontend, text, language='en'):
    """Return text, pause, rate and language of each segment."""
    found = frontend.segments(f'<speak>{text}</speak>', language, 'cut0')
    return [(part.text.strip(), part.pause_s, part.rate, part.language) for part in found]


def phonemes(frontend, text, language):
    (segment,) = frontend.segments(f'<speak>{text}</speak>', language, 'cut0')
    return [symbol for span in frontend.read(segment).spans for symbol in span.phonemes]


@pytest.mark.parametrize(
    ('text', 'segments'),
    [
        ('Good morning.', [('Good morning.', None, 1.0, 'en')]),
        (
            'One moment please.<break time="500ms"/>Here it is.',
            [('One moment please.', 0.5, 1.0, 'en'), ('Here it is.', None, 1.0, 'en')],
        ),
        (
            'Wait a bit<break time="1.5s"/><break time="0.25s"/> and go on',
            [('Wait a bit.', 1.75, 1.0, 'en'), ('and go on.', None, 1.0, 'en')],
        ),
        ('<break time="5s"/>Now we start.', [('Now we start.', None, 1.0, 'en')]),
        ('The end is here.<break time="2s"/>', [('The end is here.', 2.0, 1.0, 'en')]),
        (
            'Read <sub alias="World Wide Web">WWW</sub> news',
            [('Read World Wide Web news.', None, 1.0, 'en')],
        ),
        (
            'It costs $3.50, <prosody rate="80%">that is 5km away</prosody> from here.',
            [
                ('It costs three dollars and fifty cents.', 0.0, 1.0, 'en'),
                ('that is five kilometers away.', 0.0, 0.8, 'en'),
                ('from here.', None, 1.0, 'en'),
            ],
        ),
        (
            '<prosody rate="fast">Very quickly.<prosody rate="1.2">Even more.</prosody></prosody>',
            [('Very quickly.', None, 1.25, 'en'), ('Even more.', None, 1.5, 'en')],
        ),
        (
            'We say <lang xml:lang="zh-CN">10:30出发</lang> there.',
            [
                ('We say.', 0.0, 1.0, 'en'),
                ('十点三十分出发。', 0.0, 1.0, 'zh'),
                ('there.', None, 1.0, 'en'),
            ],
        ),
        ('Fish &amp; chips\n  for  me', [('Fish and chips for me.', None, 1.0, 'en')]),
    ],
)  # fmt: skip
def test_marks_change_text_pauses_rates_and_languages(frontend, text, segments):
    assert described(frontend, text) == segments


@pytest.mark.parametrize(
    ('tag', 'language'),
    [('zh', 'zh'), ('zh-HK', 'yue'), ('yue-Hant-HK', 'yue'), ('cmn-Hans', 'zh'), ('ja_JP', 'ja'),
     ('en-GB', 'en'), ('ko-KR', 'ko')],
)  # fmt: skip
def test_languages_are_named_by_bcp_47(tag, language):
    (run,) = ssml.runs(f'<speak xml:lang="{tag}">今天</speak>')
    assert run.language == language


@pytest.mark.parametrize(
    ('rate', 'factor'),
    [('slow', 0.8), ('x-slow', 0.6), ('medium', 1.0), ('fast', 1.25), ('x-fast', 1.5),
     ('50%', 0.5), ('200%', 2.0), ('1.2', 1.2), ('0.5', 0.5)],
)  # fmt: skip
def test_rates_are_factors(rate, factor):
    (run,) = ssml.runs(f'<speak><prosody rate="{rate}">word</prosody></speak>')
    assert run.rate == pytest.approx(factor)


def test_phonemes_are_spoken_as_given(frontend):
    text = '我住在<phoneme alphabet="x-pinyin" ph="chong2 qing4">重庆</phoneme>。'
    assert ' '.join(phonemes(frontend, text, 'zh')) == 'w o3 zh u4 z ai4 ch ong2 q ing4 .'
    text = 'Ask <phoneme alphabet="x-arpabet" ph="W IH1 N">Nguyen</phoneme> now.'
    assert ' '.join(phonemes(frontend, text, 'en')) == 'AE1 S K W IH1 N N AW1 .'
    text = 'Ask <phoneme ph="W IH1 N">Nguyen</phoneme> now.'
    assert ' '.join(phonemes(frontend, text, 'en')) == 'AE1 S K W IH1 N N AW1 .'


def test_jyutping_is_cantonese(frontend, needs_language):
    needs_language('yue')
    text = '食乜<phoneme alphabet="x-jyutping" ph="je5">嘢</phoneme>'
    assert phonemes(frontend, text, 'yue')[-3:] == ['Yj', 'Ye5', '.']


@pytest.mark.parametrize(
    'text',
    ['a <break time="1s"/> b', 'speak <speak>', '<b>bold</b>', '<speaking>no</speaking>', '1 < 2'],
)
def test_a_text_that_does_not_start_with_speak_has_no_marks(text):
    assert not ssml.is_markup(text)


@pytest.mark.parametrize('text', ['<speak>a</speak>', ' \n<speak version="1.1">a</speak>'])
def test_a_text_that_starts_with_speak_has_marks(text):
    assert ssml.is_markup(text)


@pytest.mark.parametrize(
    ('marks', 'told'),
    [
        ('<audio src="http://a.example/x"/>', '<audio>.*<speak>, <break>, <phoneme>, <sub>'),
        ('<b>x</b>', '<b>'),
        ('<speak>x</speak>', '<speak> stands around'),
        ('a<break/>', '<break> needs the attribute time'),
        ('a<break time="6s"/>', 'at most 5 s'),
        ('a<break time="-1s"/>', 'at most 5 s'),
        ('a<break time="1"/>', '"500ms"'),
        ('a<break time="1e3s"/>', '"500ms"'),
        ('a<break time="nans"/>', '"500ms"'),
        ('a<break time="3s"/><break time="3s"/>', '6 s together'),
        ('a<break strength="strong"/>', '"strength".*time'),
        ('<prosody rate="300%">x</prosody>', '0.5 to 2'),
        ('<prosody rate="0.8"><prosody rate="0.5">x</prosody></prosody>', '0.5 to 2'),
        ('<prosody rate="quick">x</prosody>', 'slow'),
        ('<prosody pitch="+1st">x</prosody>', '"pitch".*rate'),
        ('<prosody>x</prosody>', 'needs the attribute rate'),
        ('<lang>x</lang>', 'xml:lang'),
        ('<lang xml:lang="fr">x</lang>', '"fr".*zh'),
        ('<sub alias="">x</sub>', 'alias'),
        ('<sub alias="a"><b/></sub>', 'plain text'),
        ('<phoneme ph="">x</phoneme>', 'ph'),
        ('<phoneme ph="XX">x</phoneme>', '"XX"'),
        ('<phoneme alphabet="ipa" ph="a">x</phoneme>', '"ipa".*x-pinyin'),
        ('<p', 'well-formed'),
        ('&nbsp;', 'well-formed'),
        ('<prosody rate="1.0">' * 20 + 'x' + '</prosody>' * 20, '16 deep'),
        ('', 'nothing in the text'),
        ('<break time="1s"/>', 'nothing in the text'),
    ],
)
def test_what_is_not_supported_is_named(frontend, marks, told):
    with pytest.raises(TextInvalidError, match=told):
        frontend.segments(f'<speak>{marks}</speak>', 'en', 'cut5')


def test_document_types_and_entities_are_refused():
    bomb = '<!DOCTYPE speak [<!ENTITY a "aaaa">]><speak>&a;</speak>'
    assert not ssml.is_markup(bomb)  # so its letters are read out
    with pytest.raises(TextInvalidError, match='document types and entities'):
        ssml.runs(bomb)
    for text in ('<speak><!DOCTYPE a></speak>', '<speak>&a;</speak>'):
        with pytest.raises(TextInvalidError, match='well-formed'):
            ssml.runs(text)


def test_deep_nesting_ends_in_an_error_and_not_in_a_crash(frontend):
    text = '<speak>' + '<lang xml:lang="en">' * 900
    for closed in (text, text + '</lang>' * 900 + '</speak>'):
        with pytest.raises(TextInvalidError):
            frontend.segments(closed, 'en', 'cut5')


def test_character_references_make_no_placeholder(frontend):
    (segment,) = frontend.segments('<speak>Hello&#x17000; there.</speak>', 'en', 'cut0')
    assert segment.text == 'Hello there.' and not segment.readings


def test_a_language_that_the_voice_lacks_is_refused():
    frontend = TextFrontend('v1')
    with pytest.raises(LanguageUnsupportedError, match='Korean'):
        frontend.segments('<speak><lang xml:lang="ko">네</lang></speak>', 'en', 'cut5')
