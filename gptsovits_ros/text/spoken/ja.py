"""Japanese text as a native reader says it, in kanji and katakana that Open JTalk reads right."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from gptsovits_ros.text.spoken import ja_numbers as numbers
from gptsovits_ros.text.spoken import ja_tables as tables
from gptsovits_ros.text.spoken.common import find_pieces, fold, roman
from gptsovits_ros.text.spoken.ja_latin import read_code, read_letters, read_word
from gptsovits_ros.text.spoken.piece import Kind, Number, Piece
from gptsovits_ros.text.spoken.reader import RANGE_SIGNS, PieceReader, is_month_and_day
from gptsovits_ros.text.spoken.units import MAGNITUDES

_WEEKDAYS = dict(zip('月火水木金土日', 'ゲツ カ スイ モク キン ド ニチ'.split(), strict=True))


def _days(match: re.Match[str]) -> str:
    return f'{_WEEKDAYS[match[1]]}から{_WEEKDAYS[match[2]]}'


def _part(match: re.Match[str]) -> str:
    return f'{match[2]}/{match[1]}'


def _people(match: re.Match[str]) -> str:
    return f'{numbers.katakana(match[1])}ニン'


def _dictated(match: re.Match[str]) -> str:
    return match[1] + numbers.digits(match[2])


def _full_width(match: re.Match[str]) -> str:
    return unicodedata.normalize('NFKC', match[0])


_REWRITES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ('[\uff61-\uff9f]+', _full_width),
        (r'(?<![0-9.,])([0-9]{1,3}7)人', _people),
        (r'(?<![0-9.])([0-9]{1,6})分の([0-9]{1,6})(?![0-9.])', _part),
        (r'((?:番号|コード|ID|パスワード|暗証)(?:は|が|:|：|、)? ?)([0-9]{4,30})(?![0-9,.-])',
         _dictated),
        (r'(?<![\u3041-\u9fff])([月火水木金土日])曜?日? ?[~～〜-] ?([月火水木金土日])(?:曜日?)?'
         r'(?![\u30a0-\u9fff0-9])', _days),
        (r'(?<![A-Za-z0-9])3D(?![A-Za-z0-9])', 'スリーディー'),
        (r'(?<![A-Za-z0-9])2D(?![A-Za-z0-9])', 'ツーディー'),
        (r'(?<![A-Za-z0-9])5G(?![A-Za-z0-9])', 'ファイブジー'),
        (r'(?<![A-Za-z0-9])MP3(?![A-Za-z0-9])', 'エムピースリー'),
        (r'(?<![A-Za-z0-9])MP4(?![A-Za-z0-9])', 'エムピーフォー'),
        (r'(?<![A-Za-z0-9])CO[2₂](?![A-Za-z0-9])', 'シーオーツー'),
        (r'(?<![A-Za-z0-9])H[2₂]O(?![A-Za-z0-9])', 'エイチツーオー'),
        (r'(?<![A-Za-z0-9])B2([BC])(?![A-Za-z0-9])', r'ビートゥー\1'),
        (r'(?<![A-Za-z0-9])B([1-9])F(?![A-Za-z0-9])', r'地下\1階'),
        (r'(?<![A-Za-z0-9.])([1-9][0-9]?)F(?![A-Za-z0-9])', r'\1階'),
        (r'(?<![A-Za-z])[Vv]er\. ?(?=[0-9])', 'バージョン'),
        (r'(?<![A-Za-z])[Nn]o\. ?(?=[0-9])|№ ?', 'ナンバー'),
        (r'(?<![A-Za-z])(?:Wi-Fi|wi-fi|WIFI|Wi-fi)(?![A-Za-z])', 'ワイファイ'),
        (r'〒 ?([0-9]{3})-([0-9]{4})(?![0-9-])', r'郵便番号\1-\2-'),
        (r'(?<![0-9/])(1[0-2]|0?[1-9])/(3[01]|[12][0-9]|0?[1-9])(?= ?[(（][月火水木金土日])',
         r'\1月\2日'),
        (r'[(（]([月火水木金土日])(?:曜|曜日)?[)）]', r'\1曜日'),
        (r'(?<=[0-9]) ?歳(?=児)', '歳'),
        (r'(?<![0-9.,])20(?:歳|才)', 'ハタチ'),
        ('(?<=[0-9])才', '歳'),
        (r'(?<=[0-9]) (?=[\u3040-\u9fff])', ''),
    )
)  # fmt: skip
_MARKS = str.maketrans(
    {**dict.fromkeys('()[]{}（）【】［］〔〕：；:;―—–', '、'),
     **dict.fromkeys('「」『』“”"„«»《》〈〉※', ''),
     '‥': '…', '，': '、', ',': '、', '．': '。', '‘': '', '’': '', "'": '', '`': ''}
)  # fmt: skip
_JAPANESE = '\u3000-\u30ff\u3400-\u9fff、。！？…'
_LOOSE_SPACE = re.compile(f'(?<=[{_JAPANESE}]) +| +(?=[{_JAPANESE}])')
_DOTS = re.compile(r'\.{2,}|。{2,}|…+')
_MARKS_TOGETHER = re.compile(r'[、。！？!?.](?: ?[、。！？!?.])+')
_LEADING_COMMA = re.compile('^[、 ]+', re.MULTILINE)
_TRAILING_COMMA = re.compile('[、 ]+$', re.MULTILINE)
_UNSPOKEN = re.compile(r"[^\w\s、。！？!?.…・'-]|_")
_WINS = re.compile('.{0,6}(?:勝|負|敗|引き分|リード|下し|破)')
_PLACES = re.compile('(?:丁目|番地?|区|町|市|村|郡|台|通)$')
_COUNTERS_OF_TIME = tuple('時分秒月日')


def spoken_ja(text: str) -> str:
    """Return the text as it is said.

    Args:
        text: any text; words in Latin letters that have no Japanese name are left as they are.

    Returns:
        Japanese text without digits and signs; the result of a result is the same.

    """
    text = fold(text)
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    return _tidy(JapaneseReader(find_pieces(text)).read())


class JapaneseReader(PieceReader):
    """What Japanese says for each kind of piece."""

    def must_part(self, before: str, words: str) -> bool:
        last, first = before[-1:], words[0]
        return last.isascii() and last.isalnum() and first.isascii() and first.isalnum()

    # Words and numbers

    def plain(self, piece: Piece) -> str:
        return piece.text.translate(_MARKS)

    def latin(self, piece: Piece) -> str:
        value = roman(piece.text) if self._text(1).startswith('世') else None
        return numbers.kanji(str(value)) if value else read_word(piece.text)

    def code(self, piece: Piece) -> str:
        return read_code(piece.words)

    address = code

    def silent(self, piece: Piece) -> str:
        return ''

    def integer(self, piece: Piece) -> str:
        value = piece.numbers[0]
        text = value.integer
        if text[0] == '0' and len(text) > 1 and not self._text(1).startswith(_COUNTERS_OF_TIME):
            return numbers.digits(text)
        if (
            self._kind(1) is Kind.LATIN
            and self._text(1) in MAGNITUDES
            and (len(text) > 1 or self._text(1) != 'K')
        ):
            self.at += 1
            return numbers.scaled(value, MAGNITUDES[self._text(0)])
        if not text.strip('0') and self._text(1).startswith(('時', '分')):
            return '零'
        if self._kind(-1) is Kind.LATIN and 3 <= len(text):
            return numbers.digits(text)
        return numbers.spoken(value)

    def decimal(self, piece: Piece) -> str:
        return numbers.spoken(piece.numbers[0])

    def count(self, piece: Piece) -> str:
        return numbers.spoken(piece.numbers[0]) if piece.numbers else read_letters(piece.words[0])

    def ordinal(self, piece: Piece) -> str:
        names = {'1': 'ファースト', '2': 'セカンド', '3': 'サード'}
        text = piece.numbers[0].integer
        return names.get(text) or f'{numbers.kanji(text)}番目'

    def exponent(self, piece: Piece) -> str:
        value = numbers.spoken(piece.numbers[0]) if piece.numbers else read_letters(piece.words[0])
        return f'ノ{value}乗'

    def scientific(self, piece: Piece) -> str:
        base, exponent = map(numbers.spoken, piece.numbers)
        return f'{base}カケル十ノ{exponent}乗'

    def fraction(self, piece: Piece) -> str:
        if len(piece.numbers) == 3:
            whole, above, below = piece.numbers
            return f'{numbers.spoken(whole)}と{numbers.fraction(above, below)}'
        above, below = piece.numbers
        if is_month_and_day(above, below):
            return f'{numbers.kanji(above.integer)}月{numbers.kanji(below.integer)}日'
        return numbers.fraction(above, below)

    def percent(self, piece: Piece) -> str:
        return _measured(piece.numbers[0], piece.words[0])

    def quantity(self, piece: Piece) -> str:
        return _measured(piece.numbers[0], piece.words[0], self._text(-1))

    def unit(self, piece: Piece) -> str:
        before, behind = tables.unit(piece.text) or ('', piece.text)
        return before + behind

    def money(self, piece: Piece) -> str:
        return _money(piece.numbers[0], *piece.words)

    def range(self, piece: Piece) -> str:
        low, high = piece.numbers
        sign, currency, unit, last_unit = piece.words
        after = self._text(1)
        if sign == '-' and not (currency or unit or last_unit):
            if _WINS.match(after):
                return f'{numbers.spoken(low)}対{numbers.spoken(high)}'
            if _PLACES.search(self._text(-1)):
                return f'{numbers.kanji(low.integer)}の{numbers.kanji(high.integer)}'
            if low.integer[:1] == '0' or high.integer[:1] == '0' or len(low.integer) == 7:
                return f'{numbers.digits(low.integer)}、{numbers.digits(high.integer)}'
        end = _money(high, currency, '') if currency else _measured(high, last_unit or unit)
        start = _measured(low, unit) if unit and last_unit else numbers.spoken(low)
        return f'{start}から{end}'

    def ratio(self, piece: Piece) -> str:
        return '対'.join(map(numbers.spoken, piece.numbers))

    # Numbers with a form of their own

    def serial(self, piece: Piece) -> str:
        if max(map(len, piece.words)) <= 3 and not piece.words[0].startswith('0'):
            return 'の'.join(map(numbers.kanji, piece.words))
        return '、'.join(map(numbers.digits, piece.words))

    def phone(self, piece: Piece) -> str:
        return '、'.join(
            f'プラス{numbers.digits(group[1:])}' if group[0] == '+' else numbers.digits(group)
            for group in piece.words
        )

    def version(self, piece: Piece) -> str:
        letter, *parts = piece.words
        return ('バージョン' if letter else '') + numbers.pointed(parts)

    def ip(self, piece: Piece) -> str:
        *parts, sign, rest = piece.words
        spoken = 'ドット'.join(map(numbers.digits, parts))
        names = {':': 'コロン', '/': 'スラッシュ', '': ''}
        return spoken + names[sign] + numbers.digits(rest)

    def date(self, piece: Piece) -> str:
        year, month, day = piece.words
        spoken = f'{numbers.kanji(year)}年{numbers.kanji(month)}月'
        return spoken + (f'{numbers.kanji(day)}日' if day else '')

    def time(self, piece: Piece) -> str:
        return _time(*piece.words)

    def time_range(self, piece: Piece) -> str:
        return f'{_time(*piece.words[:4])}から{_time(*piece.words[4:])}'

    # Signs

    def symbol(self, piece: Piece) -> str:
        sign = piece.text
        if sign in tables.OPERATORS and self._is_sum(with_letters=sign not in '-/='):
            return tables.OPERATORS[sign]
        before, after = self._text(-1), self._text(1)
        if sign in RANGE_SIGNS:
            follows = after[:1].isalnum() or before[-1:] in _COUNTERS_OF_TIME
            return 'から' if before[-1:].isalnum() and follows and not _is_kana(before) else ''
        if sign in '-/|':
            return '' if self._sides() == (Kind.LATIN, Kind.INTEGER) or sign == '-' else '、'
        if sign == '#' and self._kind(1) is not Kind.INTEGER:
            return 'ハッシュタグ'
        return tables.SYMBOLS.get(sign.lower(), '')


def _is_kana(text: str) -> bool:
    return '\u3041' <= text[-1:] <= '\u309f'


def _measured(value: Number, unit: str, before: str = '') -> str:
    if not unit:
        return numbers.spoken(value)
    prefix, name = tables.unit(unit) or ('', read_letters(unit))
    if prefix and before.endswith(prefix):
        prefix = ''
    return prefix + numbers.spoken(value) + name


def _money(value: Number, currency: str, magnitude: str) -> str:
    name, hundredth = tables.CURRENCIES[currency]
    if magnitude in MAGNITUDES:
        return numbers.scaled(value, MAGNITUDES[magnitude]) + name
    if hundredth and len(value.decimals) == 2 and not magnitude:
        whole = Number(value.integer, '', value.sign)
        cents = value.decimals.lstrip('0')
        spoken = numbers.spoken(whole) + name if value.integer.strip('0') or not cents else ''
        return spoken + (numbers.kanji(cents) + hundredth if cents else '')
    return numbers.spoken(value) + magnitude + name


def _time(hour: str, minute: str, second: str, half: str) -> str:
    spoken = {'am': '午前', 'pm': '午後', '': ''}[
        half
    ] + f'{numbers.kanji(hour) if int(hour) else "零"}時'
    if minute and (int(minute) or second):
        spoken += f'{numbers.kanji(minute)}分'
    return spoken + (f'{numbers.kanji(second)}秒' if second else '')


def _one_mark(match: re.Match[str]) -> str:
    for mark in '？?！!。.':
        if mark in match[0]:
            return mark
    return '、'


def _tidy(text: str) -> str:
    """Return the text with single marks and without spaces beside Japanese."""
    text = _DOTS.sub('…', _UNSPOKEN.sub('', text))
    text = _MARKS_TOGETHER.sub(_one_mark, _LOOSE_SPACE.sub('', text))
    return _TRAILING_COMMA.sub('', _LEADING_COMMA.sub('', text))
