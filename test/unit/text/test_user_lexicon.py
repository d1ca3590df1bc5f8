"""The lexicon of a user: its file, which words it finds, and how they come out of the frontend."""

from __future__ import annotations

import pytest

from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.text.user_lexicon import (
    MAX_FILE_BYTES,
    Entry,
    Lexicon,
    find_words,
    load_lexicon,
)

from .growth import grows_linearly

ROBOT = """\
format: 1
en:
  ROS: {say: "R O S"}
  nguyen: {phonemes: "W IH1 N"}
  New York: {say: the big city}
  York: {say: the town}
  Café Zoë: {say: the coffee house}
zh:
  重庆路: {pinyin: chong2 qing4 lu4}
  庆路: {say: 错}
  GPT: {pinyin: ji1 pi2 ti2}
ja:
  小鳥遊: {phonemes: "t a [ k a n a sh i"}
ko:
  넥슨: {say: 넥쓴}
yue:
  嘢: {jyutping: je5}
"""


@pytest.fixture(scope='module')
def lexicon(tmp_path_factory):
    return load(tmp_path_factory.mktemp('lexicon'), ROBOT)


@pytest.fixture(scope='module')
def frontend(lexicon):
    return TextFrontend(lexicons=(lexicon,))


def load(folder, text):
    path = folder / 'lexicon.yaml'
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_lexicon(path)


def marked(text, lexicon, *languages):
    """Return a text with its found words in brackets."""
    found = find_words(text, (lexicon,), languages)
    return ''.join(f'[{word}]' if entry else word for word, entry in found)


def spoken(phonemes):
    return ' '.join(symbol for span in phonemes.spans for symbol in span.phonemes)


@pytest.mark.parametrize(
    ('text', 'languages', 'found'),
    [
        ('ROS and ros, ROS2, AROS, ROS-2', ['en'], '[ROS] and ros, ROS2, AROS, [ROS]-2'),
        ('Nguyen NGUYEN nguyens', ['en'], '[Nguyen] [NGUYEN] nguyens'),
        ('New York, York, Yorkshire', ['en'], '[New York], [York], Yorkshire'),
        ('to Café Zoë!', ['en'], 'to [Café Zoë]!'),
        ('去重庆路和庆路', ['zh', 'en'], '去[重庆路]和[庆路]'),
        ('用ROS跑GPT吧', ['zh', 'en'], '用[ROS]跑[GPT]吧'),
        ('用ROS跑GPT吧', ['en'], '用[ROS]跑GPT吧'),
        ('小鳥遊さん', ['ja', 'en'], '[小鳥遊]さん'),
        ('넥슨은', ['ko', 'en'], '[넥슨]은'),
        ('', ['en'], ''),
        ('nothing', ['en'], 'nothing'),
    ],
)
def test_words_are_found(lexicon, text, languages, found):
    assert marked(text, lexicon, *languages) == found


def test_the_first_lexicon_and_the_first_language_win():
    one = Lexicon({'en': {'A': Entry('en', say='one')}, 'zh': {'A': Entry('zh', say='一')}})
    two = Lexicon({'en': {'A': Entry('en', say='two'), 'A B': Entry('en', say='longer')}})
    for lexicons, languages, text, say in (
        ((one, two), ['en'], 'A', 'one'),
        ((two, one), ['en'], 'A', 'two'),
        ((one, two), ['zh', 'en'], 'A', '一'),
        ((one, two), ['en'], 'A B', 'longer'),
    ):
        ((_, entry),) = find_words(text, lexicons, languages)
        assert entry.say == say


@pytest.mark.parametrize(
    ('text', 'language', 'phonemes'),
    [
        (
            'Ask Nguyen at 5:30.',
            'en',
            'AE1 S K W IH1 N AE1 T F AY1 V TH ER1 D IY2 .',
        ),
        ('重庆路在哪里？', 'zh', 'ch ong2 q ing4 l u4 z ai4 n a2 l i3 ?'),
        ('重慶路在哪里？', 'zh', 'ch ong2 q ing4 l u4 z ai4 n a2 l i3 ?'),
        ('我问Nguyen先生。', 'zh', 'w o3 w en4 , W IH1 N x ian1 sh eng5 .'),
        ('GPT是什么？', 'zh', 'j i1 p i2 t i2 sh ir4 sh en2 m e5 ?'),
    ],
)
def test_given_phonemes_are_spoken(frontend, text, language, phonemes):
    assert spoken(frontend.phonemes(text, language)) == phonemes


@pytest.mark.parametrize(
    ('text', 'language', 'inside'),
    [
        ('小鳥遊さんは3時に来ます。', 'ja', 't a [ k a n a sh i s a'),
        ('小鳥遊さんは3時に来ます。', 'auto', 't a [ k a n a sh i s a'),
        ('食乜嘢呀？', 'yue', 'Yj Ye5'),
        ('食乜嘢呀？', 'auto_yue', 'Yj Ye5'),
    ],
)
def test_given_phonemes_are_spoken_in_other_languages(
    frontend, text, language, inside, needs_language
):
    needs_language(language)
    assert inside in spoken(frontend.phonemes(text, language))


def test_a_word_in_korean_text_is_no_end_of_the_sentence(needs_language):
    needs_language('ko')
    lexicon = Lexicon({'ko': {'값': Entry('ko', phonemes=('ㄱ', 'ㅏ', 'ㅂ'))}})
    found = spoken(TextFrontend(lexicons=(lexicon,)).phonemes('나는 값 본다.', 'ko'))
    assert found.count('.') == 1 and found.endswith('ㄷㅏ.'.replace('', ' ').strip())


def test_bert_sees_a_chinese_word_with_a_given_reading_and_the_alignment_is_whole(frontend):
    (span,) = frontend.phonemes('我在重庆路等3个人。', 'zh').spans
    assert span.norm_text == '我在重庆路等三个人.'
    assert span.word2ph == (2, 2, 2, 2, 2, 2, 2, 2, 2, 1)
    assert sum(span.word2ph) == len(span.phonemes)


def test_phonemes_that_do_not_fit_the_characters_are_shared_out():
    entry = Entry('zh', phonemes=('n', 'i3', 'h', 'ao3', 'm'))
    frontend = TextFrontend(lexicons=(Lexicon({'zh': {'甲乙': entry}}),))
    (span,) = frontend.phonemes('说甲乙好吗？', 'zh').spans
    assert span.word2ph == (2, 2, 3, 2, 2, 1)
    assert span.phonemes[2:7] == ('n', 'i3', 'h', 'ao3', 'm')


def test_the_text_for_people_has_the_words_and_not_the_placeholders(frontend):
    (segment,) = frontend.segments('Nguyen uses ROS', 'en', 'cut5')
    assert segment.text == 'Nguyen uses R O S.'
    assert frontend.spoken('Nguyen uses ROS', 'en') == 'Nguyen uses R O S'
    assert frontend.read(segment).text == 'Nguyen uses R O S.'


def test_a_placeholder_of_the_user_is_not_mistaken_for_one_of_ours(frontend):
    assert spoken(frontend.phonemes('Ask \U00017000 Nguyen.', 'en')) == 'AE1 S K W IH1 N .'


def test_the_lexicon_of_a_voice_wins(frontend):
    voice = Lexicon({'en': {'nguyen': Entry('en', say='win')}})
    assert frontend.spoken('Nguyen', 'en', (voice,)) == 'win'
    assert frontend.spoken('Nguyen', 'en') == 'Nguyen'


def test_the_official_reading_takes_a_lexicon_too(lexicon):
    frontend = TextFrontend(upstream_compatible=True, lexicons=(lexicon,))
    assert spoken(frontend.phonemes('重庆路。', 'zh')) == 'ch ong2 q ing4 l u4 .'


@pytest.mark.parametrize(
    ('text', 'told'),
    [
        ('', 'format: 1'),
        ('en: {a: {say: b}}', 'format: 1'),
        ('format: 2', 'format: 1'),
        ('format: 1\nfr: {}', '"fr".*zh, en, ja, ko, yue'),
        ('format: 1\nen: [a]', '"en" must be a map'),
        ('format: 1\nen: {ROS: "R O S"}', '"ROS".*say'),
        ('format: 1\nen: {ROS: {say: a, phonemes: b}}', '"ROS"'),
        ('format: 1\nen: {ROS: {spell: "R"}}', '"ROS".*"spell".*phonemes'),
        ('format: 1\nen: {ROS: {say: 5}}', '"ROS".*"say"'),
        ('format: 1\nen: {ROS: {phonemes: "R XX"}}', '"ROS" in "en".*"XX"'),
        ('format: 1\nen: {ROS: {pinyin: "lo4"}}', '"ROS".*"zh" only'),
        ('format: 1\nen: {yes: {say: a}}', 'True.*quotes'),
        ('format: 1\nen: {"": {say: a}}', 'no word'),
        ('format: 1\nen: {"' + 'a' * 101 + '": {say: a}}', '100 characters'),
        ('format: 1\nen: {a: {say: "' + 'b' * 501 + '"}}', '500'),
        ('format: 1\nen: &a {x: {say: b}}\nzh: *a', 'alias'),
        ('format: [', 'YAML'),
        (b'format: 1\nen: {a: {say: "\xff"}}', 'YAML'),
        ('# ' + 'x' * MAX_FILE_BYTES, 'larger'),
        ('format: 1\nen: !!python/object/apply:os.getcwd []', 'YAML'),
    ],
)
def test_a_wrong_file_is_refused_and_what_is_wrong_is_named(tmp_path, text, told):
    with pytest.raises(ConfigurationError, match=told):
        load(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match='absent.yaml'):
        load_lexicon(tmp_path / 'absent.yaml')


def test_a_large_lexicon_is_searched_in_linear_time():
    lexicon = Lexicon({'en': {f'word{number}': Entry('en', say='x') for number in range(20_000)}})
    unit = 'word19999 and more '
    found = list(find_words(unit * 500, (lexicon,), ('en',)))
    assert sum(entry is not None for _, entry in found) == 500
    assert grows_linearly(lambda text: list(find_words(text, (lexicon,), ('en',))), unit)
