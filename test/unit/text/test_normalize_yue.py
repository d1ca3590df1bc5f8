import random

import pytest

from gptsovits_ros.text import normalize_yue, normalize_zh
from gptsovits_ros.text.normalize_yue import OTHER_RULES, normalize


@pytest.mark.parametrize(
    ('written', 'spoken'),
    [
        ('佢個鋤頭太短啦。', '佢个锄头太短啦.'),
        ('多謝！', '多谢!'),
        ('2024年3月15號', '二零二四年三月十五号'),
        ('50%', '百分之五十'),
        ('12:30', '十二点半'),
        ('3.14', '三点一四'),
        ('1/2', '二分之一'),
        ('-5度', '零下五度'),
        # as the official frontend: nobody says 幺 here
        ('1200蚊', '幺二零零蚊'),
        # unlike Mandarin, 嗯 stays and runs of marks stay
        ('嗯', '嗯'),
        ('好！！好？', '好!!好?'),
        ('佢話：「好」', '佢话,好'),
        ('《書》、（好）', '书,好'),
        ('好～好~好', '好-好-好'),
        ('好...好', '好…好'),
        ('一；二·三', '一,二,三'),
        ('好\n好', '好.好'),
        ('abc', ''),
        ('', ''),
    ],
)
def test_text_is_spoken_by_the_mandarin_rules_with_marks_of_its_own(written, spoken):
    assert normalize(written) == spoken


def test_the_rules_that_are_not_shared_are_the_last_ones_of_mandarin():
    names = [rule.__name__ for rule in normalize_zh.RULES[-OTHER_RULES:]]
    assert names == [
        '_respell_interjections',
        '_map_marks',
        '_drop_unspeakable',
        '_collapse_marks',
    ]
    assert normalize_yue.OTHER_RULES == 4


def test_nothing_unspeakable_is_left_whatever_the_text():
    draw = random.Random(3)
    for _ in range(500):
        text = ''.join(chr(draw.randrange(1, 0x30000)) for _ in range(20)).encode(
            'utf-8', 'ignore'
        )
        for character in normalize(text.decode('utf-8') + '好，3個。'):
            assert '\u4e00' <= character <= '\u9fa5' or character in '!?…,.-'
