import json
import re

import pytest

from gptsovits_ros.text import numbers_en
from gptsovits_ros.text.normalize_en import normalize

from .growth import grows_linearly


def test_all_golden_sentences_agree(goldens):
    sentences = json.loads((goldens / 'text' / 'text.json').read_text('utf-8'))['en']
    assert len(sentences) >= 14
    for sentence in sentences:
        assert normalize(sentence['text']) == sentence['v2']['norm_text']


@pytest.mark.parametrize(
    ('text', 'spoken'),
    [
        # numbers
        ('I have 0 apples.', 'I have zero apples.'),
        ('I have 21 apples.', 'I have twenty-one apples.'),
        ('It has 1,000,000 lines.', 'It has one million lines.'),
        ('It has 12,021 lines.', 'It has twelve thousand twenty-one lines.'),
        ('Pi is 3.140 or so.', 'Pi is three point one four zero or so.'),
        ('Agent 007 is here.', 'Agent zero zero seven is here.'),
        # years
        ('since 1066', 'since ten sixty-six'),
        ('since 1900', 'since nineteen hundred'),
        ('since 2000', 'since two thousand'),
        ('since 2009', 'since two thousand nine'),
        ('since 2026', 'since twenty twenty-six'),
        ('3000 rows', 'three thousand rows'),
        # ranks and parts
        ('the 1st, 2nd, 3rd and 12th', 'the first, second, third and twelfth'),
        ('the 101st', 'the one hundred and first'),
        ('1/2 or 3/2 or 1/4', 'one half or three halves or one fourth'),
        ('2. Push it.', 'second, Push it.'),
        ('Open it. 2. Push it.', 'Open it. second, Push it.'),
        ('I have 2. Take them.', 'I have two. Take them.'),
        # money
        ('$1', 'one dollar'),
        ('$0.05', 'five cents'),
        ('$0.01', 'one cent'),
        ('$0', 'zero dollars'),
        ('$2.5', 'two dollars and fifty cents'),
        ('$1.001', 'one point zero zero one dollars'),
        ('£1.01', 'one pound and one penny'),
        ('20£', 'twenty pounds'),
        # time
        ('at 0:30', 'at twelve thirty a.m.'),
        ('at 12:00', 'at twelve p.m.'),
        ('at 23:05', 'at eleven oh five p.m.'),
        ('at 3:05 p.m.', 'at three oh five p.m.'),
        ('at 7:15 AM', 'at seven fifteen a.m.'),
        # units
        ('1km', 'one kilometer'),
        ('10 km/h', 'ten kilometers per hour'),
        ('5m and 5 m', 'five meters and five m'),
        ('1.5L', 'one point five liters'),
        ('2tbsp, 3 tsp', 'two tablespoons, three teaspoons'),
        ('90min', 'ninety minutes'),
        ('20°C or 68 °F', 'twenty degrees celsius or sixty-eight degrees fahrenheit'),
        # signs
        ('2 + 2 = 4', 'two plus two Equals four'),
        ('x - y', 'x minus y'),
        ('well - yes', 'well  yes'),
        ('-5 here', 'negative five here'),
        ('5%', 'five percent'),
        # letters
        ('The FBI', 'The F B I'),
        ('YouTube', 'You Tube'),
        ('naïve café', 'naive cafe'),
        ('don’t', "don't"),
        ('E.G. this, I.E. that', 'for example this, that is that'),
        # marks
        ('好。Yes！No？', '. Yes! No?'),
        ('wait... what?!', 'wait. what?'),
        ('a; b: c', 'a b c'),
        ('line\nbreak\tand\u3000space', 'line break and space'),
        ('😀', ''),
        ('', ''),
    ],
)
def test_text_is_read_aloud(text, spoken):
    assert normalize(text) == spoken


@pytest.mark.parametrize(
    ('number', 'words'),
    [
        ('0', 'zero'),
        ('000', 'zero'),
        ('19', 'nineteen'),
        ('40', 'forty'),
        ('100', 'one hundred'),
        ('110', 'one hundred ten'),
        ('1001', 'one thousand one'),
        ('1100', 'one thousand, one hundred'),
        ('1234567', 'one million, two hundred thirty-four thousand, five hundred sixty-seven'),
        ('1001001', 'one million, one thousand one'),
        ('1' + '0' * 33, 'one decillion'),
    ],
)
def test_cardinals(number, words):
    assert numbers_en.cardinal(number) == words


def test_number_without_a_name_is_read_digit_by_digit():
    assert numbers_en.cardinal('1' * 37) == ' '.join(['one'] * 37)


@pytest.mark.parametrize(
    ('number', 'words'),
    [
        ('0', 'zeroth'),
        ('5', 'fifth'),
        ('8', 'eighth'),
        ('20', 'twentieth'),
        ('22', 'twenty-second'),
        ('99', 'ninety-ninth'),
        ('100', 'one hundredth'),
        ('112', 'one hundred and twelfth'),
        ('1000000', 'one millionth'),
    ],
)
def test_ordinals(number, words):
    assert numbers_en.ordinal(number) == words


@pytest.mark.parametrize(
    'text',
    [
        '\x00\x01',
        '١٢٣ ४५',
        '²³ ½',
        '$',
        '$.',
        '1/0',
        '0/0',
        '9' * 5000,
        '1.' * 500,
        ':' * 500,
        '1:2:3:4',
        '£$£$',
        '-' * 999,
        "'" * 999,
        '1,2,,3,',
        '\U0001f600' * 100,
        'A' * 2000,
    ],
)
def test_any_text_ends_up_in_the_small_alphabet(text):
    assert re.fullmatch(r"[A-Za-z'.,?!\- ]*", normalize(text))


@pytest.mark.parametrize(
    'unit', ['1', '1,', '1.', '1/', '1:', '-1', ' -', 'a ', 'A', '$1', "'", ' + ', '1 km', '. ']
)
def test_time_grows_linearly(unit):
    assert grows_linearly(normalize, unit)
