import json
import sys

import pytest

from gptsovits_ros.errors import DependencyMissingError
from gptsovits_ros.text import normalize_yue
from gptsovits_ros.text.g2p_yue import CantoneseG2p, symbols
from gptsovits_ros.text.symbols import UNKNOWN, is_known, symbol_ids

from .growth import grows_linearly


@pytest.fixture(scope='module')
def cantonese(needs_language):
    needs_language('yue')
    return CantoneseG2p()


def test_phonemes_equal_the_official_ones(goldens, cantonese):
    sentences = json.loads((goldens / 'text' / 'text.json').read_text('utf-8'))['yue']
    assert len(sentences) >= 5
    for sentence in sentences:
        norm_text = normalize_yue.normalize(sentence['text'])
        phonemes, word2ph = cantonese(norm_text)
        wanted = sentence['v2']
        assert norm_text == wanted['norm_text']
        assert phonemes == wanted['phones'], sentence['text']
        assert word2ph == wanted['word2ph']
        assert symbol_ids(phonemes, 'v2').tolist() == wanted['ids']


@pytest.mark.parametrize(
    ('syllable', 'found'),
    [
        ('nei5', 'Yn Yei5'),
        ('hou2', 'Yh You2'),
        ('ngo5', 'Yng Yo5'),
        ('gwong2', 'Ygw Yong2'),
        ('kwan4', 'Ykw Yan4'),
        ('keoi5', 'Yk Yeoi5'),
        ('zyu6', 'Yz Yyu6'),
        ('coeng4', 'Yc Yoeng4'),
        ('jyut6', 'Yj Yyut6'),
        # a syllable without a consonant in front is cut behind its vowel
        ('aa3', 'Yaa Ya3'),
        ('aam1', 'Yaa Ym1'),
        ('aap3', 'Yaa Yp3'),
        ('aau2', 'Yaa Yu2'),
        ('au1', 'Yau Yu1'),
        ('am2', 'Ya Ym2'),
        ('oi3', 'Yoi Yi3'),
        ('on1', 'Yon Yn1'),
        ('o1', 'Yo Yo1'),
        ('uk1', 'Yuk Yk1'),
        # and a syllable without a vowel repeats its end
        ('m4', 'Ym Ym4'),
        ('ng5', 'Yng Yg5'),
        # no syllable
        ('nei', UNKNOWN),
        ('nei7', UNKNOWN),
        ('5', UNKNOWN),
        ('', UNKNOWN),
        ('vei5', UNKNOWN),
        ('nei5 hou2', UNKNOWN),
    ],
)
def test_syllable_is_two_symbols(syllable, found):
    assert ' '.join(symbols(syllable)) == found
    assert all(is_known(symbol, 'v2') for symbol in symbols(syllable))


@pytest.mark.parametrize(
    ('text', 'jyutping'),
    [
        ('你好', 'nei5 hou2'),
        ('早晨', 'zou2 san4'),
        ('多謝', 'do1 ze6'),
        ('唔該', 'm4 goi1'),
        ('對唔住', 'deoi3 m4 zyu6'),
        ('我哋', 'ngo5 dei6'),
        ('佢哋', 'keoi5 dei6'),
        ('邊度', 'bin1 dou6'),
        ('點解', 'dim2 gaai2'),
        ('咩', 'me1'),
        ('嘅', 'ge3'),
        ('喺', 'hai2'),
        ('冇', 'mou5'),
        ('睇', 'tai2'),
        ('靚', 'leng3'),
        ('攞', 'lo2'),
        ('嚟', 'lai4'),
        ('食飯', 'sik6 faan6'),
        ('飲水', 'jam2 seoi2'),
        ('廣東話', 'gwong2 dung1 waa2'),
        ('香港', 'hoeng1 gong2'),
        ('屋企', 'uk1 kei2'),
        ('阿姨', 'aa3 ji1'),
        ('安全', 'on1 cyun4'),
        ('歐洲', 'au1 zau1'),
        ('牛奶', 'ngau4 naai5'),
        ('哥哥', 'go4 go1'),
        ('國家', 'gwok3 gaa1'),
        ('五', 'ng5'),
        # characters with several readings
        ('銀行', 'ngan4 hong4'),
        ('行街', 'haang4 gaai1'),
        ('長大', 'zoeng2 daai6'),
        ('好長', 'hou2 coeng4'),
        ('音樂', 'jam1 ngok6'),
        ('快樂', 'faai3 lok6'),
        ('重要', 'zung6 jiu3'),
        ('重量', 'cung5 loeng6'),
        ('中間', 'zung1 gaan1'),
        ('間房', 'gaan3 fong2'),
        # numbers
        ('3月15號', 'saam1 jyut6 sap6 ng5 hou6'),
        ('50%', 'baak3 fan6 zi1 ng5 sap6'),
        ('-5度', 'ling4 haa6 ng5 dou6'),
    ],
)
def test_words_have_their_readings(cantonese, text, jyutping):
    phonemes, word2ph = cantonese(normalize_yue.normalize(text))
    assert phonemes == [symbol for one in jyutping.split() for symbol in symbols(one)]
    assert word2ph == [2] * len(jyutping.split())


@pytest.mark.parametrize(
    ('text', 'phonemes', 'word2ph'),
    [
        ('', '', []),
        ('!?…,.-', '! ? … , . -', [1] * 6),
        ('好,', 'Yh You2 ,', [2, 1]),
        ('好亍龹', 'Yh You2 Yc Yuk1 UNK', [2, 2, 1]),
        ('卅', 'Ys Yaa1 Yaa Ya6', [4]),  # one character, two syllables
    ],
)
def test_alignment_covers_all_characters(cantonese, text, phonemes, word2ph):
    assert cantonese(text) == (phonemes.split(), word2ph)


def test_every_character_is_aligned_whatever_the_text(cantonese):
    for start in range(0x4E00, 0x9FA6, 500):
        text = ''.join(map(chr, range(start, min(start + 500, 0x9FA6))))
        phonemes, word2ph = cantonese(text)
        assert len(word2ph) == len(text)
        assert sum(word2ph) == len(phonemes)
        assert min(word2ph) >= 1


@pytest.mark.parametrize('unit', ['好', '廣東話', '一', '.', '亍'])
def test_time_grows_linearly(cantonese, unit):
    assert grows_linearly(cantonese, unit)


def test_missing_library_is_named_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ToJyutping', None)
    with pytest.raises(DependencyMissingError, match=r'ToJyutping.*gptsovits_ros\[yue\]'):
        CantoneseG2p()
