"""Korean text as a native reader says it, in Hangul."""

from __future__ import annotations

import re

from gptsovits_ros.text.spoken import ko_measures as measures
from gptsovits_ros.text.spoken import ko_numbers as numbers
from gptsovits_ros.text.spoken import ko_tables as tables
from gptsovits_ros.text.spoken.common import find_pieces, fold, roman
from gptsovits_ros.text.spoken.ko_latin import read_code, read_letters, read_word
from gptsovits_ros.text.spoken.ko_rewrite import rewrite
from gptsovits_ros.text.spoken.piece import Kind, Number, Piece
from gptsovits_ros.text.spoken.reader import RANGE_SIGNS, PieceReader, is_month_and_day
from gptsovits_ros.text.spoken.units import MAGNITUDES

_MARKS = str.maketrans(
    {**dict.fromkeys('()[]{}（）【】：；:;―—–·・', ', '),
     **dict.fromkeys('「」『』“”"„«»《》〈〉※‘’`\'', ''),
     '，': ', ', '、': ', ', '。': '.', '！': '!', '？': '?'}
)  # fmt: skip
_SPACES = re.compile(' {2,}')
_SPACE_BEFORE_MARK = re.compile(r' +(?=[,.!?\n])|(?<=\n) +')
_DOTS = re.compile(r'\.{2,}|…+')
_MARKS_TOGETHER = re.compile(r'[,.!?](?: ?[,.!?])+')
_LEADING_COMMA = re.compile('^[, ]+', re.MULTILINE)
_TRAILING_COMMA = re.compile('[, ]+$', re.MULTILINE)
_TIGHT_COMMA = re.compile(r'(?<=[,!?])(?=[가-힣])')
_UNSPOKEN = re.compile(r"[^\w\s,.!?…'-]|_")
_HANGUL = re.compile('[가-힣]+')
# In 조각 and the like they begin another word.
_MYRIADS = re.compile('[백천]?(?:[만억]|조(?![각합]))|[백천](?![가-힣]*점)')
_LONGEST_COUNTER = 5
_SINO_BEHIND_BUN = re.compile(
    ' ?(?:출구|문제|버스|타자|선수|국도|홈|트랙|방|승강장|게이트|창구|마을|트럭|좌석'
    '|채널|차량|도로|노선|침대|테이블)'
)
_RANK_BEFORE = re.compile('제 ?$')
_DECADES_OF_AGE = frozenset(('10', '20', '30', '40', '50', '60', '70', '80', '90'))
_DICTATED = re.compile('(?:번호|비밀번호|코드|암호|아이디|ID|핀)(?:는|은|가|이)? ?:? ?$')
# Counts that are said in one word.
_TOGETHER = {('1', '2'): '한두', ('2', '3'): '두세', ('3', '4'): '서너'}
_JOINED = ('에서 ', '의 ', '은 ', '는 ')
_LARGEST_HOURS = 20


def spoken_ko(text: str) -> str:
    """Return the text as it is said.

    Args:
        text: any text; words in Latin letters that have no Korean name are left as they are.

    Returns:
        Korean text without digits and signs; the result of a result is the same.

    """
    return _tidy(KoreanReader(find_pieces(rewrite(fold(text)))).read())


class KoreanReader(PieceReader):
    """What Korean says for each kind of piece."""

    def __init__(self, pieces: list[Piece]) -> None:
        super().__init__(pieces)
        self.spoken = ''  # what the piece before became
        self.myriads = ''  # 만, 억 or 조 at the beginning of the next piece, already said

    def read(self) -> str:
        spoken: list[str] = []
        for words in self.said():
            if not words:
                continue  # what stands around a silent piece is parted as if it were not there
            if spoken and self.must_part(spoken[-1], words):
                spoken.append(' ')
            spoken.append(words)
            self.spoken = words
        return ''.join(spoken)

    def must_part(self, before: str, words: str) -> bool:
        if not (before[-1].isalnum() and words[0].isalnum()):
            return False
        if words.startswith(_JOINED) or (
            before in measures.IRREGULAR_MONTHS.values() and words[0] == '월'
        ):
            return False
        kind, last = self._kind(0), self._kind(-1)
        if kind is Kind.TEXT:
            # What follows a number is its counter, or a particle that belongs to it.
            return last in _NUMBERS and bool(_counter(words))
        if last is Kind.TEXT:
            return not before.endswith('제')
        return Kind.LATIN not in (kind, last) or before[-1].isascii() == words[0].isascii()

    # Words and numbers

    def plain(self, piece: Piece) -> str:
        text = piece.text[len(self.myriads) :]
        self.myriads = ''
        return text.translate(_MARKS)

    def latin(self, piece: Piece) -> str:
        value = (
            roman(piece.text)
            if _HANGUL.match(self._text(1).lstrip()[:1])
            and self._text(1).startswith(('세', ' 세'))
            else None
        )
        return numbers.sino(str(value)) if value else read_word(piece.text)

    def code(self, piece: Piece) -> str:
        return read_code(piece.words)

    address = code

    def silent(self, piece: Piece) -> str:
        return ' '

    def integer(self, piece: Piece) -> str:
        value = piece.numbers[0]
        text = value.integer
        if len(text) > 3 and not value.grouped and _DICTATED.search(self._text(-1)[-12:]):
            return numbers.digits(text)
        counter = _counter(self._text(1).lstrip(' ')) if not self._text(1).startswith('  ') else ''
        if text[0] == '0' and len(text) > 1 and counter not in ('시', '분', '초', '월', '일'):
            return numbers.digits(text)
        if self._kind(1) is Kind.LATIN and self._text(1) in MAGNITUDES and len(text) > 1:
            self.at += 1
            return numbers.scaled(value, MAGNITUDES[self._text(0)])
        if self._kind(-1) is Kind.LATIN and len(text) > 2 and self._text(-1).isupper():
            return numbers.digits(text, '영' if text[-1] == '0' else '공')
        myriads = _MYRIADS.match(self._text(1))
        if myriads and self._kind(1) is Kind.TEXT:
            return self._with_myriads(value, myriads[0])
        if counter == '월' and text.lstrip('0') in measures.IRREGULAR_MONTHS and not value.sign:
            return measures.IRREGULAR_MONTHS[text.lstrip('0')]
        if not value.sign and self._is_native(text, counter):
            return '첫' if (text, counter) == ('1', '번째') else numbers.native(text)
        return numbers.spoken(value)

    def _with_myriads(self, value: Number, myriads: str) -> str:
        """Return "1만", "2천" in one word; a space follows."""
        self.myriads = myriads
        number = numbers.spoken(value)
        if value.integer == '1' and not value.sign and myriads[0] in '만천백':
            number = ''
        following = self._text(1)[len(myriads) :]
        gap = ' ' if following[:1].isalnum() and not following.startswith(_PARTICLES) else ''
        if not following and self._kind(2) is Kind.INTEGER:
            gap = ' '
        return number + myriads + gap

    def _is_native(self, text: str, counter: str) -> bool:
        """Tell whether a count before a counter is said in native words."""
        if counter not in tables.NATIVE_COUNTERS or not numbers.is_native_size(text):
            return False
        if _RANK_BEFORE.search(self._text(-1)[-2:]):
            return False
        count = int(text)
        if counter == '시':
            return count <= measures.LARGEST_NATIVE_HOUR
        if counter == '시간':
            return count <= _LARGEST_HOURS
        following = self._text(1).lstrip(' ')[len(counter) :]
        if counter == '번':
            return not _SINO_BEHIND_BUN.match(following)
        if counter == '대':
            is_score = not following.strip() and self._kind(2) is Kind.INTEGER
            return not is_score and text not in _DECADES_OF_AGE
        return counter != '배' or count < 10

    def decimal(self, piece: Piece) -> str:
        myriads = _MYRIADS.match(self._text(1))
        if myriads and self._kind(1) is Kind.TEXT:
            return self._with_myriads(piece.numbers[0], myriads[0])
        return numbers.spoken(piece.numbers[0])

    def count(self, piece: Piece) -> str:
        return numbers.spoken(piece.numbers[0]) if piece.numbers else read_letters(piece.words[0])

    def ordinal(self, piece: Piece) -> str:
        return f'{numbers.sino(piece.numbers[0].integer)} 번째'

    def exponent(self, piece: Piece) -> str:
        value = numbers.spoken(piece.numbers[0]) if piece.numbers else read_letters(piece.words[0])
        if value == '이':
            return '의 제곱' if self._kind(-1) in _NUMBERS else '제곱'
        return f'의 {value} 제곱'

    def scientific(self, piece: Piece) -> str:
        base, exponent = map(numbers.spoken, piece.numbers)
        return f'{base} 곱하기 십의 {exponent} 제곱'

    def fraction(self, piece: Piece) -> str:
        if len(piece.numbers) == 3:
            whole, above, below = piece.numbers
            joint = '과' if measures.has_final(numbers.spoken(whole)) else '와'
            return f'{numbers.spoken(whole)}{joint} {numbers.fraction(above, below)}'
        above, below = piece.numbers
        if is_month_and_day(above, below):
            return measures.month_and_day(above.integer, below.integer)
        return numbers.fraction(above, below)

    def percent(self, piece: Piece) -> str:
        return measures.measured(piece.numbers[0], piece.words[0])

    def quantity(self, piece: Piece) -> str:
        return measures.measured(piece.numbers[0], piece.words[0], self._text(-1))

    def unit(self, piece: Piece) -> str:
        before, behind = tables.unit(piece.text) or ('', read_letters(piece.text))
        return f'{before} {behind}'.strip()

    def money(self, piece: Piece) -> str:
        return measures.money(piece.numbers[0], *piece.words)

    def range(self, piece: Piece) -> str:
        low, high = piece.numbers
        sign, currency, unit, last_unit = piece.words
        is_service = len(high.integer) == 4 and low.integer[:2] in ('15', '16', '18')
        has_zero = low.integer[:1] == '0' or high.integer[:1] == '0'
        if sign == '-' and (has_zero or is_service and len(low.integer) == 4):
            return f'{numbers.digits(low.integer)}, {numbers.digits(high.integer)}'
        if currency:
            return f'{numbers.spoken(low)}에서 {measures.money(high, currency, "")}'
        if unit or last_unit:
            start = measures.measured(low, unit) if unit and last_unit else numbers.spoken(low)
            return f'{start}에서 {measures.measured(high, last_unit or unit)}'
        after = self._text(1).lstrip(' ')
        counter = _counter(after)
        if sign == '-' and _WINS.match(after):
            return f'{numbers.spoken(low)} 대 {numbers.spoken(high)}'
        if not (low.sign or high.sign or low.decimals or high.decimals) and self._is_native(
            high.integer, counter
        ):
            together = _TOGETHER.get((low.integer, high.integer))
            return together or (
                f'{numbers.native(low.integer)} {counter}에서 {numbers.native(high.integer)}'
            )
        end = measures.IRREGULAR_MONTHS.get(high.integer) if counter == '월' else None
        return f'{numbers.spoken(low)}에서 {end or numbers.spoken(high)}'

    def ratio(self, piece: Piece) -> str:
        return ' 대 '.join(map(numbers.spoken, piece.numbers))

    # Numbers with a form of their own

    def serial(self, piece: Piece) -> str:
        return ', '.join(map(numbers.digits, piece.words))

    def phone(self, piece: Piece) -> str:
        return ', '.join(
            f'플러스 {numbers.digits(group[1:])}' if group[0] == '+' else numbers.digits(group)
            for group in piece.words
        )

    def version(self, piece: Piece) -> str:
        letter, *parts = piece.words
        return ('버전 ' if letter else '') + ' 점 '.join(map(numbers.sino, parts))

    def ip(self, piece: Piece) -> str:
        *parts, sign, rest = piece.words
        spoken = ' 점 '.join(map(numbers.digits, parts))
        names = {':': ' 콜론 ', '/': ' 슬래시 ', '': ''}
        return spoken + names[sign] + numbers.digits(rest)

    def date(self, piece: Piece) -> str:
        year, month, day = piece.words
        return f'{numbers.sino(year)} 년 {measures.month_and_day(month, day)}'

    def time(self, piece: Piece) -> str:
        return measures.time(*piece.words)

    def time_range(self, piece: Piece) -> str:
        return f'{measures.time(*piece.words[:4])}에서 {measures.time(*piece.words[4:])}'

    # Signs

    def symbol(self, piece: Piece) -> str:
        sign = piece.text
        before, after = self._text(-1), self._text(1)
        if sign in tables.OPERATORS and self._is_sum(with_letters=sign not in '-/'):
            if sign == '=':
                return '은 ' if measures.has_final(self.spoken) else '는 '
            return f' {tables.OPERATORS[sign]} '
        if sign in RANGE_SIGNS:
            follows = after[:1].isalnum() or after == ' ' and self._kind(2) in _NUMBERS
            return '에서 ' if before.strip()[-1:].isalnum() and follows else ' '
        if sign == '#':
            return '샵 ' if self._kind(1) in _NUMBERS else '해시태그 '
        if sign in '-/|':
            return ' '
        if sign == '"':
            return ''
        return f' {tables.SYMBOLS.get(sign.lower(), "")} '


_WINS = re.compile('로? ?.{0,4}(?:이기|이겼|승리|졌|패|비겼|앞)')
_PARTICLES = tuple(
    '은 는 이 가 을 를 의 에 와 과 로 으로 도 까지 부터 에서 보다 이다 입니다 이에요 예요 이고 인 '
    '이나 정도'.split()
)
_NUMBERS = frozenset(
    (Kind.INTEGER, Kind.DECIMAL, Kind.RANGE, Kind.FRACTION, Kind.ENCLOSED, Kind.ROMAN)
)


def _counter(text: str) -> str:
    """Return the counter that a text begins with, or ''; the longest one counts."""
    for length in range(_LONGEST_COUNTER, 0, -1):
        word = text[:length]
        if len(word) == length and (
            word in tables.NATIVE_COUNTERS or word in tables.SINO_COUNTERS
        ):
            return word
    return ''


def _one_mark(match: re.Match[str]) -> str:
    for mark in '?!.':
        if mark in match[0]:
            return mark
    return ','


def _tidy(text: str) -> str:
    """Return the text with single spaces and single marks."""
    text = _SPACES.sub(' ', _DOTS.sub('…', _UNSPOKEN.sub('', text)))
    text = _MARKS_TOGETHER.sub(_one_mark, _SPACE_BEFORE_MARK.sub('', text))
    text = _TRAILING_COMMA.sub('', _LEADING_COMMA.sub('', _TIGHT_COMMA.sub(' ', text)))
    return _SPACES.sub(' ', text).strip(' ')
