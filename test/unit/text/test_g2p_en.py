import gzip
import hashlib
import json
import sys

import pytest

from gptsovits_ros.errors import DependencyMissingError, InternalError
from gptsovits_ros.text.data_files import data_path
from gptsovits_ros.text.g2p_en import EnglishG2P, tokenize
from gptsovits_ros.text.lexicon_en import Homograph, load_homographs, load_lexicon
from gptsovits_ros.text.neural_g2p_en import NeuralG2P
from gptsovits_ros.text.normalize_en import normalize
from gptsovits_ros.text.symbols import symbol_table
from gptsovits_ros.text.tagger_en import PerceptronTagger

from .growth import grows_linearly


@pytest.fixture(scope='module')
def english():
    return EnglishG2P()


@pytest.fixture(scope='module')
def tagger():
    return PerceptronTagger()


def test_all_golden_sentences_agree(goldens, english):
    sentences = json.loads((goldens / 'text' / 'text.json').read_text('utf-8'))['en']
    assert len(sentences) >= 14
    for sentence in sentences:
        assert english(sentence['v2']['norm_text']) == sentence['v2']['phones']
        assert english(normalize(sentence['text'])) == sentence['v1']['phones']


@pytest.mark.parametrize(
    ('text', 'phonemes'),
    [
        ('Hello, world.', 'HH AH0 L OW1 , W ER1 L D .'),
        # the letter and the article
        ('A cat', 'EY1 K AE1 T'),
        ('a cat', 'AH0 K AE1 T'),
        # two readings, by part of speech
        ('They will present it.', 'DH EY1 W IH1 L P R IY0 Z EH1 N T IH1 T .'),
        ('It is a present.', 'IH1 T IH1 Z AH0 P R EH1 Z AH0 N T .'),
        ('They are read.', 'DH EY1 AA1 R R EH1 D .'),
        # short words that no dictionary has, and those that are letters
        ('xq', 'EH1 K S K Y UW1'),
        ('ai', 'EY1 AY1'),
        # possession of unknown words; known ones are in the dictionary
        ("xqz's", 'EH1 K S K Y UW1 Z IY1 Z'),
        ("xqf's", 'EH1 K S K Y UW1 EH1 F S'),
        ("xqs's", 'EH1 K S K Y UW1 EH1 S AH0 Z'),
        # compounds and host names are read by their parts
        ('speechengine', 'S P IY1 CH EH1 N JH AH0 N'),
        ('example.com', 'IH0 G Z AE1 M P AH0 L K AA1 M'),
        # marks
        ("'", '-'),
        ('wait - no', 'W EY1 T - N OW1'),
        ('', ''),
    ],
)
def test_words_are_pronounced(english, text, phonemes):
    assert english(text) == phonemes.split()


@pytest.mark.parametrize(
    ('text', 'tokens'),
    [
        (
            "Don't stop, it's a well-known end.",
            ["Don't", 'stop', ',', "it's", 'a', 'well-known', 'end', '.'],
        ),
        ('see example.com.', ['see', 'example.com', '.']),
        ('a.m.', ['a', '.', 'm', '.']),
        ('hm. . .', ['hm', '. . .']),
        ("'tis 'quoted'", ["'", 'tis', "'", 'quoted', "'"]),
        ("''''''", ["'", "'", "'"]),
        (' ', []),
    ],
)
def test_text_is_cut_into_words_and_marks(text, tokens):
    assert tokenize(text) == tokens


def test_tokens_equal_those_of_the_official_tokenizer():
    tokenizer = pytest.importorskip('nltk.tokenize').TweetTokenizer()
    pieces = [
        "can't",
        'a.m.',
        'Mr.',
        'x',
        ' ',
        '-',
        '--',
        "'",
        'www.example.co.uk',
        'well-',
        '. ',
        ', ',
        '!?',
        'end.Next',
        'A',
    ]
    # Every pair and triple of the pieces is 15 + 15^2 + 15^3 texts; every third is enough.
    texts = [a + b + c for a in pieces for b in ['', *pieces] for c in ['', *pieces]][::3]
    for text in texts:
        assert tokenize(text) == tokenizer.tokenize(text), text


@pytest.mark.parametrize(
    ('words', 'tags'),
    [
        ('The cat sat on the mat .', 'DT NN VBD IN DT NN .'),
        ('They will present a gift .', 'PRP MD VB DT NN .'),
        ('He quickly read twenty-two books .', 'PRP RB VBD JJ NNS .'),
    ],
)
def test_words_are_tagged(tagger, words, tags):
    assert tagger.tag(words.split()) == tags.split()


def test_no_words_have_no_tags(tagger):
    assert tagger.tag([]) == []


@pytest.mark.parametrize(
    ('tag', 'reading'),
    [('VBP', 'fit'), ('VB', 'fit'), ('V', 'fit'), ('VBD', 'other'), ('NN', 'other')],
)
def test_homograph_is_read_by_the_beginning_of_its_tag(tag, reading):
    assert Homograph('fit', 'other', 'VBP').reading(tag) == reading


@pytest.mark.parametrize(
    ('word', 'phonemes'),
    [
        ('flibbertigibbets', 'F L IH1 B ER0 T IH0 JH AH0 S T'),
        ('zorbing', 'Z AO1 R B IH0 NG'),
        ('ok-go', None),
        ('é', None),
    ],
)
def test_network_guesses_unknown_words(word, phonemes):
    guess = NeuralG2P()(word)
    assert guess == phonemes.split() if phonemes else 0 < len(guess) <= 20


def test_every_phoneme_of_the_data_is_in_the_symbol_table():
    table = set(symbol_table('v1'))
    for phonemes in load_lexicon().values():
        assert table.issuperset(phonemes.split())
    for homograph in load_homographs().values():
        assert table.issuperset(homograph.fitting.split() + homograph.other.split())


def test_lexicon_has_every_letter_and_leaves_out_words_that_are_spelled():
    lexicon = load_lexicon()
    assert len(lexicon) > 126_000
    assert set('abcdefghijklmnopqrstuvwxyz') <= set(lexicon)
    assert not {'ae', 'ai', 'ar', 'ios', 'hud', 'os'} & set(lexicon)
    assert lexicon['chatgpt'] == 'CH AE1 T JH IY1 P IY1 T IY1'


def test_data_files_are_data_only_and_small():
    names = ['en_lexicon.txt.gz', 'en_tagger.json.gz', 'en_homographs.tsv', 'en_network.npz']
    assert sum(data_path(name).stat().st_size for name in names) < 6_000_000
    with gzip.open(data_path('en_tagger.json.gz'), 'rt', encoding='ascii') as file:
        model = json.load(file)
    assert len(model['tags']) == 45
    assert len(model['features']) == 94_202


def test_missing_data_file_is_named():
    with pytest.raises(InternalError, match=r'no_such_file\.txt is missing'):
        data_path('no_such_file.txt')


def test_unknown_word_without_wordsegment_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, 'wordsegment', None)
    english = EnglishG2P()
    assert english('hello') == ['HH', 'AH0', 'L', 'OW1']
    with pytest.raises(DependencyMissingError, match='pip install'):
        english('beeboppers')


@pytest.mark.parametrize('unit', ['x', 'a-', 'a.b', "'", 'ab ', 'A ', '. ', "a'b "])
def test_long_text_does_not_take_quadratic_time(english, unit):
    english('beeboppers')  # loads what unknown words need
    assert grows_linearly(english, unit, 1000)


def test_same_text_gives_the_same_phonemes_again(english):
    def digest():
        return hashlib.sha256(' '.join(english('Xylotronica read it.')).encode()).hexdigest()

    assert digest() == digest()
