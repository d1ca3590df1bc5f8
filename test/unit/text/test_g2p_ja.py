import json
import subprocess
import sys
import threading

import pytest

from gptsovits_ros.errors import ConfigurationError, DependencyMissingError
from gptsovits_ros.text import normalize_ja, openjtalk
from gptsovits_ros.text.g2p_ja import FALL, PHRASE, RISE, JapaneseG2p
from gptsovits_ros.text.openjtalk import LONGEST_TEXT, OpenJTalk, find_dictionary
from gptsovits_ros.text.symbols import UNKNOWN, is_known, symbol_ids

from .growth import grows_linearly

MARKS = (RISE, FALL, PHRASE)


@pytest.fixture(scope='module')
def japanese(needs_language):
    needs_language('ja')
    return JapaneseG2p()


def sounds(phonemes):
    """Return the phonemes without the marks of accent."""
    return ' '.join(phoneme for phoneme in phonemes if phoneme not in MARKS)


@pytest.mark.parametrize('version', ['v1', 'v2'])
def test_phonemes_equal_the_official_ones(goldens, japanese, version):
    sentences = json.loads((goldens / 'text' / 'text.json').read_text('utf-8'))['ja']
    assert len(sentences) >= 8
    for sentence in sentences:
        norm_text = normalize_ja.normalize(sentence['text'])
        found = japanese(norm_text)
        wanted = sentence[version]
        assert norm_text == wanted['norm_text']
        known = [symbol if is_known(symbol, version) else UNKNOWN for symbol in found]
        assert known == wanted['phones'], sentence['text']
        assert symbol_ids(found, version).tolist() == wanted['ids']


@pytest.mark.parametrize(
    ('text', 'phonemes'),
    [
        # what differs only in pitch
        ('箸', 'h a ] sh i'),
        ('橋', 'h a [ sh i'),
        ('雨', 'a ] m e'),
        ('飴', 'a [ m e'),
        ('牡蠣', 'k a ] k i'),
        ('柿', 'k a [ k i'),
        ('花が', 'h a [ n a ] g a'),
        ('鼻が', 'h a [ n a g a'),
        # pitch falls inside, or not at all
        ('東京', 't o [ o ky o o'),
        ('病院', 'by o [ o i N'),
        ('今日', 'ky o ] o'),
        ('一人', 'h i [ t o ] r i'),
        # phrases
        ('２０２４年', 'n i [ s e ] N # n i ] j u u # y o ] n e N'),
        # marks are no part of a phrase
        ('あ、い', 'a , i'),
        ('はい。いいえ', 'h a ] i . i [ i e'),
        ('えっ？', 'e ] cl ?'),
        ('もしもし…', 'm o ] sh i m o sh i …'),
        ('「水曜日」', '「 s u [ i y o ] o b i 」'),
    ],
)
def test_words_have_their_accent(japanese, text, phonemes):
    assert ' '.join(japanese(text)) == phonemes


@pytest.mark.parametrize(
    ('text', 'phonemes'),
    [
        ('ありがとう', 'a r i g a t o o'),
        ('日本', 'n i cl p o N'),
        ('学校', 'g a cl k o o'),
        ('新聞', 'sh i N b u N'),
        ('切手', 'k i cl t e'),
        ('お茶', 'o ch a'),
        ('九州', 'ky u u sh u u'),
        ('りんご', 'r i N g o'),
        ('明日は', 'a sh i t a w a'),
        ('彼女へ', 'k a n o j o e'),
        ('ラーメン', 'r a a m e N'),
        ('パーティー', 'p a a t i i'),
        ('コンピューター', 'k o N py u u t a a'),
        ('ヴァイオリン', 'b a i o r i N'),
        ('チェック', 'ch e cl k u'),
        ('ファイル', 'f a i r u'),
        ('ウィンドウ', 'w i N d o o'),
        ('キャベツ', 'ky a b e ts u'),
        ('時々', 't o k i d o k i'),
        # devoiced vowels are written like the others
        ('です', 'd e s u'),
        ('好き', 's u k i'),
        # numbers and what is counted
        ('三百円', 's a N by a k u e N'),
        ('六時', 'r o k u j i'),
        ('八本', 'h a cl p o N'),
        ('4月', 'sh i g a ts u'),
        ('二十日', 'h a ts u k a'),
        ('１０', 'j u u'),
        ('100％', 'hy a k u p a a s e N t o'),
        # Latin letters by their names
        ('ABC', 'e e b i i sh i i'),
        ('wifi', 'd a b u ry u u a i e f u a i'),
        # as the official frontend: these stand for themselves, and the tables know them or not
        ('100%', 'hy a k u %'),
        ('A-B', 'e i - b i i'),
        ('は:い', 'w a : i'),
        ('あ い', 'a i'),
        ('', ''),
        ('。', '.'),
        ('：；，。！？\n·、', ', , , . ! ? . , ,'),
    ],
)
def test_words_have_their_sounds(japanese, text, phonemes):
    assert sounds(japanese(text)) == phonemes


def test_accent_marks_are_known_to_table_v2_and_phrases_to_none():
    assert [is_known(mark, 'v2') for mark in MARKS] == [True, True, False]
    assert [is_known(mark, 'v1') for mark in MARKS] == [False, False, False]


@pytest.mark.parametrize(
    ('written', 'spoken'),
    [('え!?!?', 'え!'), ('あ......', 'あ.'), ('はい。。。', 'はい。。。'), ('3個', '3個')],
)
def test_only_runs_of_marks_are_normalised(written, spoken):
    assert normalize_ja.normalize(written) == spoken


@pytest.mark.parametrize(
    'unit', ['あ', '漢字', 'ー', 'w', '1', '々', 'ﾊﾟ', '％', '\u3099', 'あ、', '𠮷', '☃', ' ']
)
def test_long_and_odd_text_is_read(japanese, unit):
    assert grows_linearly(japanese, unit, 2000)
    phonemes = japanese(unit * (1000 // len(unit)))
    assert all(isinstance(phoneme, str) and phoneme for phoneme in phonemes)


def test_no_run_that_the_library_cannot_hold_reaches_it(japanese):
    with pytest.raises(ValueError, match=str(LONGEST_TEXT)):
        OpenJTalk(find_dictionary()).labels('あ' * (LONGEST_TEXT + 1))
    whole, parts = japanese('あ' * LONGEST_TEXT), japanese('あ' * 3 * LONGEST_TEXT)
    assert sounds(parts).split() == sounds(whole).split() * 3


def test_threads_that_share_an_instance_get_the_same_as_one_alone(japanese):
    texts = ['橋の端で箸を落とした', '東京は雨です', '新しい学校'] * 20
    alone = [japanese(text) for text in texts]
    found = [None] * len(texts)

    def read(start):
        for index in range(start, len(texts), 4):
            found[index] = japanese(texts[index])

    threads = [threading.Thread(target=read, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert found == alone


def fake_dictionary(folder):
    """Make a folder that looks like a dictionary."""
    folder.mkdir(parents=True)
    for name in ('sys.dic', 'matrix.bin', 'char.bin', 'unk.dic'):
        (folder / name).write_bytes(b'')
    return folder


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """Return an empty place instead of all those where a dictionary may be installed."""
    monkeypatch.delenv('OPEN_JTALK_DICT_DIR', raising=False)
    monkeypatch.setenv('XDG_DATA_HOME', str(tmp_path / 'data'))
    monkeypatch.setattr(openjtalk, 'DEBIAN_DICTIONARY', tmp_path / 'debian')
    return tmp_path


def test_dictionary_is_found_in_three_places_in_order(monkeypatch, elsewhere):
    debian = fake_dictionary(elsewhere / 'debian')
    assert find_dictionary() == debian
    own = fake_dictionary(elsewhere / 'data' / 'gptsovits_ros' / 'open_jtalk_dic')
    assert find_dictionary() == own
    named = fake_dictionary(elsewhere / 'named')
    monkeypatch.setenv('OPEN_JTALK_DICT_DIR', str(named))
    assert find_dictionary() == named


def test_missing_dictionary_is_named_with_its_cure(elsewhere):
    with pytest.raises(DependencyMissingError, match='apt install open-jtalk-mecab-naist-jdic'):
        find_dictionary()


def test_wrong_variable_is_named(monkeypatch, elsewhere):
    fake_dictionary(elsewhere / 'debian')
    monkeypatch.setenv('OPEN_JTALK_DICT_DIR', str(elsewhere / 'nothing'))
    with pytest.raises(ConfigurationError, match='OPEN_JTALK_DICT_DIR.*nothing'):
        find_dictionary()


def test_damaged_dictionary_is_named(elsewhere):
    pytest.importorskip('pyopenjtalk')
    with pytest.raises(DependencyMissingError, match='damaged.*reinstall'):
        JapaneseG2p(fake_dictionary(elsewhere / 'damaged'))


def test_missing_library_is_named_with_its_cure(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'pyopenjtalk.openjtalk', None)
    with pytest.raises(DependencyMissingError, match=r'pyopenjtalk-ndy.*gptsovits_ros\[ja\]'):
        JapaneseG2p(tmp_path)


def test_the_dictionary_that_the_library_keeps_for_all_is_not_used(japanese):
    # In a process of its own, whose library would have to download its dictionary.
    code = (
        'import socket, sys\n'
        'def refuse(*args): raise OSError("no network")\n'
        'socket.socket.connect = refuse\n'
        'from pathlib import Path\n'
        'from gptsovits_ros.text.g2p_ja import JapaneseG2p\n'
        'print(*JapaneseG2p(Path(sys.argv[1]))("雨"))\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, str(find_dictionary())],
        env={'PYTHONIOENCODING': 'utf-8', 'PYTHONPATH': ':'.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == 'a ] m e\n', done.stderr
