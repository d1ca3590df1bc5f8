import json
import random
import sys
import tempfile

import pytest

from gptsovits_ros.errors import DependencyMissingError, InternalError, TextInvalidError
from gptsovits_ros.text.g2p_zh import MandarinG2p
from gptsovits_ros.text.normalize_zh import normalize

from .growth import grows_linearly


@pytest.fixture(scope='module')
def mandarin():
    return MandarinG2p()


@pytest.fixture(scope='module')
def mandarin_v1():
    return MandarinG2p(erhua=False)


@pytest.fixture(scope='module')
def sentences(goldens):
    return json.loads((goldens / 'text' / 'text.json').read_text('utf-8'))['zh']


@pytest.mark.parametrize(
    ('case', 'options'),
    [
        ('v2_pypinyin', {}),
        ('v1', {'erhua': False}),
        ('v2_g2pw_standin', {'readings': 'character'}),
    ],
)
def test_all_golden_sentences_agree(sentences, case, options):
    g2p = MandarinG2p(**options)
    assert len(sentences) >= 24
    for sentence in sentences:
        expected = sentence[case]
        assert g2p(expected['norm_text']) == (expected['phones'], expected['word2ph'])


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('语言', 'y v3 y En2'),
        ('一夜', 'y i2 y E4'),
        ('绿色', 'l v4 s e4'),
        # readings by word
        ('银行', 'y in2 h ang2'),
        ('步行', 'b u4 x ing2'),
        ('长大', 'zh ang3 d a4'),
        ('长城', 'ch ang2 ch eng2'),
        # 不 and 一
        ('不怕', 'b u2 p a4'),
        ('不来', 'b u4 l ai2'),
        ('看不懂', 'k an4 b u5 d ong3'),
        ('一定', 'y i2 d ing4'),
        ('一天', 'y i4 t ian1'),
        ('一,', 'y i1 ,'),
        ('十一', 'sh ir2 y i1'),
        ('第一天', 'd i4 y i1 t ian1'),
        ('看一看', 'k an4 y i5 k an4'),
        # neutral tone
        ('奶奶', 'n ai3 n ai5'),
        ('他来了', 't a1 l ai2 l e5'),
        ('好吧', 'h ao3 b a5'),
        ('我们', 'w o3 m en5'),
        ('石子', 'sh ir2 z i03'),
        ('想想', 'x iang2 x iang3'),
        ('回来', 'h ui2 l ai5'),
        ('三个人', 's an1 g e5 r en2'),
        ('葡萄', 'p u2 t ao5'),
        ('白葡萄酒', 'b ai2 p u2 t ao2 j iu5'),
        # third tones
        ('你好', 'n i2 h ao3'),
        ('蒙古包', 'm eng2 g u3 b ao1'),
        ('展览馆', 'zh an2 l an2 g uan3'),
        ('纸老虎', 'zh ir3 l ao2 h u3'),
        ('好喜欢', 'h ao2 x i3 h uan5'),
        ('所有人', 's uo2 y ou3 r en2'),
        ('岂有此理', 'q i2 y ou3 c i02 l i3'),
        # 儿
        ('一会儿', 'y i2 h ui4 EE er4'),
        ('女儿', 'n v3 EE er2'),
        ('胡同儿', 'h u2 t ong5 EE er5'),
        # marks and what cannot be read
        ('好!?…,.-', 'h ao3 ! ? … , . -'),
        ('兙', 'UNK'),
        ('', ''),
    ],
)
def test_text_is_read(mandarin, text, expected):
    phonemes, word2ph = mandarin(text)
    assert ' '.join(phonemes) == expected
    assert len(word2ph) == len(text)
    assert sum(word2ph) == len(phonemes)


@pytest.mark.parametrize(
    ('text', 'with_erhua', 'without'),
    [
        ('一会儿', 'er4', 'er5'),
        ('小院儿', 'er4', 'er5'),
        ('女儿', 'er2', 'er2'),
    ],
)
def test_v1_leaves_the_tone_of_the_suffix_to_the_dictionary(
    mandarin, mandarin_v1, text, with_erhua, without
):
    assert mandarin(text)[0][-1] == with_erhua
    assert mandarin_v1(text)[0][-1] == without


def test_a_function_can_give_the_readings():
    def all_first_tone(segment):
        return ['ma1' if char != '.' else '.' for char in segment]

    g2p = MandarinG2p(readings=all_first_tone)
    assert g2p('他她.') == (['m', 'a1', 'm', 'a1', '.'], [2, 2, 1])
    # words of the dictionary come first: 朝鲜 is in the short list, 银行 is one of pypinyin's
    assert g2p('朝鲜银行')[0] == ['ch', 'ao2', 'x', 'ian3', 'y', 'in2', 'h', 'ang2']


def test_readings_that_do_not_fit_the_segment_are_an_error():
    g2p = MandarinG2p(readings=lambda segment: ['ma1'])
    with pytest.raises(InternalError, match='gave 1 for 2 characters'):
        g2p('你好')


def test_an_unknown_source_of_readings_is_an_error():
    with pytest.raises(ValueError, match='wird'):
        MandarinG2p(readings='wird')


@pytest.mark.parametrize('text', ['abc', '好 好', '５', 'あ', '\ud800', '〇', '，'])
def test_text_that_was_not_normalised_is_refused(mandarin, text):
    with pytest.raises(TextInvalidError, match='position'):
        mandarin(text)


@pytest.mark.parametrize('library', ['jieba', 'pypinyin'])
def test_a_missing_library_is_named_with_its_cure(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(DependencyMissingError, match=rf'{library}.*pip install'):
        MandarinG2p()


def test_loading_writes_no_cache_and_says_nothing(monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    assert MandarinG2p()('好')[1] == [2]
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize('readings', ['word', 'character'])
def test_every_character_has_phonemes_whatever_the_text(readings):
    g2p = MandarinG2p(readings=readings)
    source = random.Random(20260818)
    frequent = list('一不儿了着过的地得们子个上下里来去好你我想三两十百看老虎奶') + list('!?…,.-')
    for _ in range(400):
        rare = [chr(source.randrange(0x4E00, 0x9FA6)) for _ in range(3)]
        text = ''.join(source.choices(frequent + rare, k=source.randint(0, 20)))
        phonemes, word2ph = g2p(text)
        assert len(word2ph) == len(text), text
        assert sum(word2ph) == len(phonemes), text
        assert all(phonemes), text


@pytest.mark.parametrize('pattern', ['好', '一', '不', '儿', '幺', '-', '二一', '今天天气不错,'])
def test_time_grows_linearly(mandarin, pattern):
    assert grows_linearly(lambda text: mandarin(normalize(text)), pattern, 1000)
