import json
import random
import re

import pytest

from gptsovits_ros.text.normalize_zh import normalize

from .growth import grows_linearly


@pytest.fixture(scope='module')
def cases(goldens):
    return json.loads((goldens / 'text' / 'text.json').read_text('utf-8'))


def test_all_golden_sentences_agree(cases):
    assert len(cases['zh']) >= 24
    for sentence in cases['zh']:
        assert normalize(sentence['text']) == sentence['v2_pypinyin']['norm_text']


def test_mandarin_pieces_of_mixed_golden_sentences_agree(cases):
    pieces = [
        piece
        for sentence in cases['mixed']
        for piece in sentence['segments']
        if piece['lang'] == 'zh'
    ]
    assert len(pieces) >= 15
    for piece in pieces:
        assert normalize(piece['text']) == piece['norm_text']


@pytest.mark.parametrize(
    ('text', 'spoken'),
    [
        # dates
        ('2025年1月20日', '二零二五年一月二十日'),
        ('1999年12月', '一九九九年十二月'),
        ('2025年', '二零二五年'),
        ('08年3月5号', '零八年三月五号'),
        ('2025.01.02', '二零二五年一月二日'),
        ('2025-1-2', '二零二五减一减二'),
        ('5年', '五年'),
        # times
        ('9:00', '九点'),
        ('09:05', '九点零五分'),
        ('23:30', '二十三点半'),
        ('7:15:08', '七点十五分零八秒'),
        ('9:00~17:45', '九点至十七点四十五分'),
        ('24:00', '二四点'),  # hours end at 23, so only 4:00 is a time
        # temperatures and measures
        ('-3℃', '零下三度'),
        ('36.5°C', '三十六点五度'),
        ('25摄氏度', '二十五摄氏度'),
        ('5%~10%', '百分之五至百分之十'),
        ('3km~5km', '三千米至五千米'),
        ('12cm³', '十二立方厘米'),
        ('250ml', '二百五十毫升'),
        ('5mm', '五米米'),
        ('80km/h', '八十千米每'),
        # arithmetic
        ('1+2-3×4÷5=0', '一加二减三乘四除五等于零'),
        ('2³=8', '二的三次方等于八'),
        ('a+b', '加'),
        ('1.5+.5', '一点五加零点五'),
        ('5=', '五等'),
        # fractions, percentages, signs
        ('1/2', '二分之一'),
        ('-3/4', '负四分之三'),
        ('12.50%', '百分之十二点五零'),
        ('-5%', '负百分之五'),
        ('零下-7', '零下负七'),
        # telephone numbers
        ('13912345678', '幺三九幺二三四五六七八'),
        ('+8613912345678', '八六幺三九幺二三四五六七八'),
        ('02112345678', '零二幺幺二三四五六七八'),
        ('4001234567', '四零零幺二三四五六七'),
        ('23912345678', '二三九幺二三四五六七八'),
        # ranges and versions
        ('5~6个', '五到六个'),
        ('1.5~2米', '一点五到二米'),
        ('1.2.10', '一点二点一零'),
        # counts
        ('2个', '两个'),
        ('2台', '两台'),
        ('12个', '十二个'),
        ('22本', '二十二本'),
        ('20多人', '二十多人'),
        ('3+个', '三多个'),
        ('2公里', '两公里'),
        ('2', '二'),
        ('2蚊', '二蚊'),
        # other numbers
        ('99', '九十九'),
        ('007', '零零七'),
        ('110', '幺幺零'),
        ('3.14', '三点一四'),
        ('房间１２', '房间十二'),
        # symbols
        ('①②', '一二'),
        ('α和Ω', '阿尔法和欧米伽'),
        ('他/她', '他每她'),
        # marks
        ('好：好；好、好·好', '好,好,好,好,好'),
        ('好！！？', '好!'),
        ('好……', '好…'),
        ('好...好', '好…好'),
        ('好~', '好…'),
        ('5$', '五.'),
        ('《好》（好）“好”', '好好好'),
        # characters
        ('臺灣語言', '台湾语言'),
        ('嗯', '恩'),
        ('呣', '母'),
        ('ABC好def', '好'),
        ('1 2 3', '幺二三'),
        ('好\n好', '好好'),
        # nothing to say
        ('', ''),
        ('hello', ''),
        ('ありがとう', ''),
        ('٣', ''),
        ('🎉', ''),
    ],
)
def test_text_is_written_as_it_is_spoken(text, spoken):
    assert normalize(text) == spoken


def test_any_string_gives_only_characters_and_single_marks():
    alphabet = list('0123456789.-+=/~%:×²年月日个多元度℃km一好,。！…$①β٣\u3000\n\t\0\ud800😀Aé｡')
    source = random.Random(20260818)
    expected = re.compile('(?:[!?…,.-]?[\u4e00-\u9fa5])*[!?…,.-]?')
    for _ in range(5000):
        text = ''.join(source.choices(alphabet, k=source.randint(0, 30)))
        assert expected.fullmatch(normalize(text)), ascii(text)
    for _ in range(500):
        text = ''.join(chr(source.randrange(0x110000)) for _ in range(20))
        assert expected.fullmatch(normalize(text)), ascii(text)


@pytest.mark.parametrize(
    'pattern',
    [
        '1',
        '-',
        '.',
        '²',
        '1.',
        '.1',
        '1/',
        '1-',
        '1~2-',
        '1+',
        'a+',
        '1²',
        '1:23',
        '2024-',
        '2024年',
        '1%~',
        '12-34+',
        '...',
        '1.1.',
        '400-',
        '零',
        '(-',
    ],
)
def test_time_grows_linearly(pattern):
    assert grows_linearly(normalize, pattern, 20_000)
