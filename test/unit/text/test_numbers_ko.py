import pytest

from gptsovits_ros.text.numbers_ko import cardinal, digits


@pytest.mark.parametrize(
    ('number', 'words'),
    [
        ('0', '영'),
        ('1', '일'),
        ('10', '십'),
        ('11', '십일'),
        ('20', '이십'),
        ('100', '백'),
        ('101', '백일'),
        ('123', '백이십삼'),
        ('1000', '천'),
        ('2024', '이천이십사'),
        ('9999', '구천구백구십구'),
        ('10000', '만'),
        ('12345', '만이천삼백사십오'),
        ('98000', '구만팔천'),
        ('1000000', '백만'),
        ('20000000', '이천만'),
        ('100000000', '일억'),
        ('123456789', '일억이천삼백사십오만육천칠백팔십구'),
        ('1000000000000', '일조'),
        ('3000000000001', '삼조일'),
        # as the official frontend
        ('110000', '십만'),
        ('1000000000', '일십억'),
        # more places than there are units
        ('12345678901234567', '일이삼사오육칠팔구영일이삼사오육칠'),
    ],
)
def test_counts_are_read_in_sino_korean(number, words):
    assert cardinal(number) == words


@pytest.mark.parametrize(
    ('number', 'words'),
    [
        ('0', '영'),
        ('1', '한'),
        ('3', '세'),
        ('10', '열'),
        ('12', '열두'),
        ('20', '스무'),
        ('21', '스물한'),
        ('99', '아흔아홉'),
        ('100', '백'),
        ('105', '백다섯'),
        ('120', '백스물'),
    ],
)
def test_counts_are_read_in_native_korean(number, words):
    assert cardinal(number, native=True) == words


def test_other_digits_are_read_one_by_one():
    assert digits('010-1234') == '영일영-일이삼사'
    assert digits('３ ٣ x') == '３ ٣ x'
