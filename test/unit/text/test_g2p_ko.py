import json
import random
import sys

import pytest

from gptsovits_ros.errors import DependencyMissingError
from gptsovits_ros.text import normalize_ko
from gptsovits_ros.text.g2p_ko import SPACE, UNREADABLE, KoreanG2p
from gptsovits_ros.text.jamo import decompose, to_letters
from gptsovits_ros.text.symbols import is_known, symbol_ids

from .growth import grows_linearly

# How the vowels that glide are written in phonemes.
GLIDES = str.maketrans(
    dict(
        pair.split('=')
        for pair in (
            'ㅘ=ㅗㅏ ㅙ=ㅗㅐ ㅚ=ㅗㅣ ㅝ=ㅜㅓ ㅞ=ㅜㅔ ㅟ=ㅜㅣ ㅢ=ㅡㅣ '
            'ㅑ=ㅣㅏ ㅒ=ㅣㅐ ㅕ=ㅣㅓ ㅖ=ㅣㅔ ㅛ=ㅣㅗ ㅠ=ㅣㅜ'
        ).split()
    )
)


@pytest.fixture(scope='module')
def korean(needs_language):
    needs_language('ko')
    return KoreanG2p()


def test_phonemes_equal_the_official_ones(goldens, korean):
    sentences = json.loads((goldens / 'text' / 'text.json').read_text('utf-8'))['ko']
    assert len(sentences) >= 6
    for sentence in sentences:
        norm_text = normalize_ko.normalize(sentence['text'])
        found = korean(norm_text)
        assert norm_text == sentence['v2']['norm_text']
        assert found == sentence['v2']['phones'], sentence['text']
        assert symbol_ids(found, 'v2').tolist() == sentence['v2']['ids']


# The examples are those of the standard pronunciation (표준 발음법), by article.
@pytest.mark.parametrize(
    ('written', 'spoken'),
    [
        ('가져', '가저'),  # 5
        ('희망', '히망'),
        ('무늬', '무니'),
        ('닦다', '닥따'),  # 9
        ('옷', '옫'),
        ('꽃', '꼳'),
        ('앞', '압'),
        ('넋', '넉'),  # 10
        ('앉다', '안따'),
        ('여덟', '여덜'),
        ('값', '갑'),
        ('밟다', '밥따'),
        ('밟는', '밤는'),
        ('넓죽하다', '넙쭈카다'),
        ('닭', '닥'),  # 11
        ('맑다', '막따'),
        ('맑게', '말께'),
        ('읽거나', '일꺼나'),
        ('좋다', '조타'),  # 12
        ('많고', '만코'),
        ('않던', '안턴'),
        ('닳지', '달치'),
        ('놓는', '논는'),
        ('쌓네', '싼네'),
        ('낳은', '나은'),
        ('싫어도', '시러도'),
        ('입학', '이팍'),
        ('맏형', '마텽'),
        ('옷이', '오시'),  # 13
        ('밭에', '바테'),
        ('앉아', '안자'),  # 14
        ('닭을', '달글'),
        ('없어', '업써'),
        ('굳이', '구지'),  # 17
        ('같이', '가치'),
        ('벼훑이', '벼훌치'),
        ('국물', '궁물'),  # 18
        ('먹는다', '멍는다'),
        ('담력', '담녁'),  # 19
        ('대통령', '대통녕'),
        ('협력', '혐녁'),
        ('난로', '날로'),  # 20
        ('칼날', '칼랄'),
        ('국밥', '국빱'),  # 23
        ('옆집', '엽찝'),
        ('젊지', '점찌'),  # 24
        ('넓게', '널께'),  # 25
        ('핥다', '할따'),
        ('할걸', '할껄'),  # 27
        ('할수록', '할쑤록'),
        ('할 것을', '할 꺼슬'),
        ('갈 데가', '갈 떼가'),
        ('꽃잎', '꼰닙'),  # 29
        ('솜이불', '솜니불'),
        ('서울역', '서울력'),
        ('옷 한 벌', '오 탄 벌'),  # across a space
        ('밥 먹는다', '밤 멍는다'),
        ('책 넣는다', '챙 넌는다'),
        # the coda of a stem is not that of a noun
        ('신을 신고', '시늘 신꼬'),
        # numbers
        ('3개', '세개'),
        ('20살', '스무살'),
        ('3시', '세시'),
        ('10월', '시월'),
        ('100%', '백퍼센트'),
        ('2024년', '이처니십싸년'),
        ('7', '칠'),
        # Latin letters by their names
        ('tv', '티브이'),
        ('WX', '더브류엑쓰'),
        # as the official frontend, not as people say
        ('늦어', '느서'),
        ('5명', '오명'),
    ],
)
def test_words_sound_as_the_standard_says(korean, written, spoken):
    letters = to_letters(decompose(spoken)).translate(GLIDES).replace(' ', SPACE)
    assert ''.join(korean(written)) == letters + '.'


@pytest.mark.parametrize(
    ('text', 'phonemes'),
    [
        ('', ''),
        ('네!', 'ㄴㅔ!'),
        ('네', 'ㄴㅔ.'),
        ('아 네', 'ㅇㅏ空ㄴㅔ.'),
        ('아：；，·、네。', 'ㅇㅏ,,,,,ㄴㅔ.'),
        ('네？！', 'ㄴㅔ?!'),
        ('네…', 'ㄴㅔ…'),
        ('네\n', 'ㄴㅔ..'),
        ('ㅋㅋㅠ', 'ㅋㅋㅣㅜ.'),
        ('漢字☃', '停停停'),
        ('값ㄳ', 'ㄱㅏ停停.'),
        ('물을 나눠', 'ㅁㅜㄹㅡㄹ空ㄴㅏㄴㅜㅓ.'),
    ],
)
def test_marks_spaces_and_lone_letters_have_symbols(korean, text, phonemes):
    assert ''.join(korean(text)) == phonemes


def test_text_that_the_analyser_changes_is_read_without_grammar(korean):
    # A tab is no space for the analyser's answer, so places cannot be told.
    assert ''.join(korean('신을 신고')) == 'ㅅㅣㄴㅡㄹ空ㅅㅣㄴㄲㅗ.'
    assert ''.join(korean('신을\t신고')) == 'ㅅㅣㄴㅡㄹ停ㅅㅣㄴㄱㅗ.'


def test_all_symbols_are_known_whatever_the_text(korean):
    draw = random.Random(7)
    syllables = [chr(draw.randrange(0xAC00, 0xD7A4)) for _ in range(300)]
    others = list('0123456789,.!?%  abcXYZ·~-/[]{}"') + [
        'ㅋ',
        'ㅠ',
        '漢',
        '😀',
        '\u1100',
        '\u11a8',
    ]
    for _ in range(400):
        text = ''.join(draw.choices(syllables + others * 3, k=draw.randint(1, 30)))
        assert all(is_known(symbol, 'v2') for symbol in korean(text)), text


@pytest.mark.parametrize(
    'unit', ['가', '값이 ', '3개', '1', '할 것을 ', 'ㅋ', 'a', '。', '漢', ' ']
)
def test_time_is_linear_in_the_length(korean, unit):
    assert grows_linearly(korean, unit, 2000)
    phonemes = korean(unit * (1000 // len(unit)))
    assert phonemes[-1:] != [UNREADABLE] or unit == '漢'


def test_instances_share_nothing_that_changes(korean):
    other = KoreanG2p()
    other._words.clear()
    assert ''.join(korean('꽃잎')) == 'ㄲㅗㄴㄴㅣㅂ.'


def test_missing_library_is_named_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mecab', None)
    with pytest.raises(DependencyMissingError, match=r'python-mecab-ko.*gptsovits_ros\[ko\]'):
        KoreanG2p()
