"""What English says for each kind of piece, given its neighbours."""

from __future__ import annotations

from gptsovits_ros.text.spoken import en_context as context
from gptsovits_ros.text.spoken import en_measures as measures
from gptsovits_ros.text.spoken import en_numbers as numbers
from gptsovits_ros.text.spoken import en_tables as tables
from gptsovits_ros.text.spoken.en_latin import plain_letters, read_code, read_word, spell
from gptsovits_ros.text.spoken.piece import Kind, Number, Piece
from gptsovits_ros.text.spoken.reader import RANGE_SIGNS, PieceReader

_MARKS = str.maketrans(
    {
        **dict.fromkeys(';:()[]{}：；，、（）【】《》〈〉「」『』—–―', ', '),
        **dict.fromkeys('“”„«»"`|~^*_', ' '),
        '。': '.', '！': '!', '？': '?', '’': "'", '‘': "'", '§': ' section ', '…': '...',
    }
)  # fmt: skip
_PAIRS = frozenset(
    tuple(pair.split())
    for pair in ('50 50', '24 7', '9 11', '60 40', '20 20', '80 20', '70 30', '7 11')
)
_MONTH_NUMBERS = frozenset(map(str, range(2, 13)))
_PERIODS = frozenset('second minute hour day night week month year person'.split())
# Whose fractions are rarer than the day of a month.
_DAYS_OF_MONTH = frozenset('13 14 15 17 18 19 21 22 23 26 27 28 29 31'.split())
_ARTICLES = frozenset(('a', 'an'))
_MONEY_SIGNS = frozenset('$€£¥')


class EnglishReader(PieceReader):
    """What English says for each kind of piece."""

    def __init__(self, pieces: list[Piece]) -> None:
        super().__init__(pieces)
        self.shouted = context.find_shouted(pieces)

    def must_part(self, before: str, words: str) -> bool:
        return before[-1:].isalnum() and words[0].isalnum()

    # Neighbours

    def _word(self, step: int) -> str:
        """Return the word next to this piece, behind a space or hyphen, else ''."""
        if self._text(step) in (' ', '-') and self._kind(2 * step) is Kind.LATIN:
            return self._text(2 * step)
        return ''

    def _before(self) -> str:
        return self._word(-1).lower()

    def _stop(self, piece: Piece) -> str:
        """Return a full stop if the dot of "p.m." also ends the sentence."""
        if not piece.text.endswith('.'):
            return ''
        following = self._text(1)
        if not following or '\n' in following[:1]:
            return '.'
        starts = self._text(2)[:1].isupper() and following == ' '
        return '.' if starts else ''

    # Words

    def latin(self, piece: Piece) -> str:
        word = piece.text
        if word.startswith('Fi') and self._text(-1) == '-' and self._text(-2) == 'Wi':
            return word.lower()
        if len(word) == 1 and self._kind(-1) is Kind.INTEGER:
            return word.upper()
        if '&' in (self._text(-1), self._text(1)) and word.isupper():
            return spell(word)
        if word == 'Z' and self._kind(-1) is Kind.TIME:
            return 'U T C'
        return read_word(word, self.shouted[self.at])

    def plain(self, piece: Piece) -> str:
        return plain_letters(piece.text.translate(_MARKS))

    def code(self, piece: Piece) -> str:
        return read_code(piece.words, silent="-_'")

    def address(self, piece: Piece) -> str:
        words = piece.words
        if words[-1:] == ('.',):  # the end of the sentence
            return f'{read_code(words[:-1])}.'
        return read_code(words[:-1] if words[-1:] == ('/',) else words)

    def silent(self, piece: Piece) -> str:
        return ' '

    # Numbers

    def integer(self, piece: Piece) -> str:
        value = piece.numbers[0]
        magnitude = self._magnitude()
        if magnitude:
            self.at += 1
            return f'{numbers.decimal(value)} {magnitude}'
        unit = self._english_unit()
        if unit:
            word = tables.unit(unit, not numbers.is_one(value))
            return f'{numbers.decimal(value)} {word}'
        if self._belongs_to_letters():
            if self._text(-1) == 'FY' and len(value.integer) == 4:
                return numbers.year(value.integer)
            return numbers.code(value.integer)
        if len(value.integer) == 4 and not (value.grouped or value.sign):
            return self._four_digits(value)
        if len(value.integer) == 3 and self._before() in context.CALLS:
            return numbers.digits(value.integer)
        return numbers.decimal(value)

    def decimal(self, piece: Piece) -> str:
        value = piece.numbers[0]
        magnitude, unit = self._magnitude(), ''
        if magnitude:
            self.at += 1
        else:
            unit = self._english_unit()
        if unit:
            magnitude = tables.unit(unit, True) or ''
        if self._text(1) == '/' and self._kind(2) is Kind.INTEGER:
            self.at += 2
            return f'{numbers.decimal(value)} out of {numbers.cardinal(self._text(0))}'
        return f'{numbers.decimal(value)} {magnitude}'.strip()

    def _magnitude(self) -> str:
        """Return the word for a letter right behind this number: "10k followers"."""
        letter = self._text(1)
        if self._kind(1) is not Kind.LATIN or letter not in tables.MAGNITUDES or len(letter) > 2:
            return ''
        if letter in ('K', 'k', 'T') or (letter == 'B' and not self._text(2)[:1].isspace()):
            self.at += 1
            following = self._word(1)
            self.at -= 1
            is_count = context.is_plural_noun(following) or len(self._text(0)) >= 3
            return tables.MAGNITUDES[letter] if is_count and letter != 'T' else ''
        return tables.MAGNITUDES[letter]

    def _english_unit(self) -> str:
        """Return the unit behind this number, and step over it."""
        step = 2 if self._text(1) == ' ' else 1
        unit = self._text(step)
        if self._kind(step) is not Kind.LATIN or unit not in tables.SPACED_UNITS:
            return ''
        self.at += step
        return unit

    def _belongs_to_letters(self) -> bool:
        before = self._text(-1)
        if before == '-':
            before = self._text(-2)
            return self._kind(-2) is Kind.LATIN and before.isupper()
        return self._kind(-1) is Kind.LATIN and len(before) <= 4

    def _four_digits(self, value: Number) -> str:
        text, before, after = value.integer, self._before(), self._word(1)
        if text[0] == '0':
            return numbers.digits(text)
        is_recent = '1100' <= text < '2100'
        if (
            before in context.YEAR_COMES
            and '1001' <= text < '2100'
            and not (text < '1900' and context.is_plural_noun(after))
        ):
            return numbers.year(text)
        if context.is_plural_noun(after) or not is_recent:
            return numbers.cardinal(text)
        return numbers.year(text)

    def range(self, piece: Piece) -> str:
        low, high = piece.numbers
        if (low.integer, high.integer) in _PAIRS and '%' not in piece.text:
            return f'{numbers.cardinal(low.integer)} {numbers.cardinal(high.integer)}'
        _, currency, unit, last_unit = piece.words
        is_bare = not (currency or unit or last_unit)
        if is_bare and context.is_phone(low, high):
            return f'{numbers.phone_digits(low.integer)}, {numbers.phone_digits(high.integer)}'
        if is_bare and context.is_year(low):
            end = high.integer
            ends = numbers.year(end) if context.is_year(high) else numbers.decimal(high)
            return f'{numbers.year(low.integer)} to {ends}'
        start = numbers.decimal(low)
        if unit and last_unit and unit != last_unit:
            start = f'{start} {self._unit(unit, low)}'
        if currency:
            return f'{start} to {measures.money(high, currency, "")}'
        measure = '' if is_bare else f' {self._unit(last_unit or unit, high)}'
        return f'{start} to {numbers.decimal(high)}{measure}'

    def _unit(self, unit: str, value: Number) -> str:
        if unit in tables.SYMBOLS and unit != '°':
            return tables.SYMBOLS[unit]
        return tables.unit(unit, not numbers.is_one(value)) or unit

    def quantity(self, piece: Piece) -> str:
        value, unit = piece.numbers[0], piece.words[0]
        if len(unit) == 1 and unit.isalpha() and self._before() in context.NO_UNIT_BEFORE:
            return f'{numbers.pairs(value.integer)} {unit.upper()}'
        word = tables.unit(unit, not numbers.is_one(value) and self._before() not in _ARTICLES)
        return f'{numbers.decimal(value)} {word or spell(unit)}'

    def unit(self, piece: Piece) -> str:
        return tables.unit(piece.text, plural=True) or piece.text

    def percent(self, piece: Piece) -> str:
        return f'{numbers.decimal(piece.numbers[0])} {tables.SYMBOLS[piece.words[0]]}'

    def money(self, piece: Piece) -> str:
        currency, magnitude = piece.words
        is_adjective = self._before() in _ARTICLES and bool(self._word(1))
        return measures.money(piece.numbers[0], currency, magnitude, is_adjective)

    def fraction(self, piece: Piece) -> str:
        if len(piece.numbers) == 3:
            whole = numbers.mixed(*piece.numbers)
            unit = self._english_unit()
            return f'{whole} {tables.unit(unit, True)}' if unit else whole
        above, below = piece.numbers
        if (above.integer, below.integer) in _PAIRS:
            return f'{numbers.cardinal(above.integer)} {numbers.cardinal(below.integer)}'
        if below.integer in _DAYS_OF_MONTH and above.integer in _MONTH_NUMBERS:
            return f'{tables.MONTHS[int(above.integer) - 1]} {numbers.ordinal(below.integer)}'
        is_share = (
            len(below.integer) <= 3 and int(below.integer) >= 5 and int(below.integer) % 5 == 0
        )
        if above == below or is_share and (self._rates() or context.is_plural_noun(self._word(1))):
            return f'{numbers.decimal(above)} out of {numbers.cardinal(below.integer)}'
        if len(above.integer) >= 2 and int(above.integer[:9]) > int(below.integer[:9]):
            return f'{numbers.decimal(above)} over {numbers.cardinal(below.integer)}'
        part = numbers.fraction(above, below)
        unit = self._english_unit()
        return f'{part} {tables.unit(unit, False)}' if unit else part

    def _rates(self) -> bool:
        words = (self._text(step).lower() for step in range(-8, 0))
        return any(word in context.RATINGS for word in words)

    def scientific(self, piece: Piece) -> str:
        base, exponent = piece.numbers
        return f'{numbers.decimal(base)} times ten to the power of {numbers.decimal(exponent)}'

    def ordinal(self, piece: Piece) -> str:
        return numbers.ordinal(piece.numbers[0].integer)

    def count(self, piece: Piece) -> str:
        return numbers.decimal(piece.numbers[0]) if piece.numbers else spell(piece.words[0])

    def exponent(self, piece: Piece) -> str:
        if piece.numbers:
            return numbers.power(piece.numbers[0])
        return f'to the power of {" ".join(piece.words[0]).upper()}'

    def ratio(self, piece: Piece) -> str:
        return ' to '.join(numbers.decimal(value) for value in piece.numbers)

    def serial(self, piece: Piece) -> str:
        return measures.serial(piece.words)

    def phone(self, piece: Piece) -> str:
        return measures.phone(piece.words)

    def version(self, piece: Piece) -> str:
        letter, *parts = piece.words
        if len(parts) == 3 and len(parts[2]) == 4 and context.is_day_and_month(parts[1], parts[0]):
            return measures.date(parts[2], parts[1], parts[0])
        word = 'version ' if letter and self._before() != 'version' else ''
        return word + ' point '.join(
            numbers.digits(part) if part[0] == '0' else numbers.cardinal(part) for part in parts
        )

    def ip(self, piece: Piece) -> str:
        return measures.ip(piece.words)

    def date(self, piece: Piece) -> str:
        return measures.date(*piece.words) + (' at' if piece.text.endswith('T') else '')

    def time(self, piece: Piece) -> str:
        return measures.time(*piece.words) + self._stop(piece)

    def time_range(self, piece: Piece) -> str:
        start, end = piece.words[:4], piece.words[4:]
        return f'{measures.time(*start)} to {measures.time(*end)}' + self._stop(piece)

    # Signs

    def symbol(self, piece: Piece) -> str:
        sign, before, after = piece.text, self._text(-1), self._text(1)
        tight = before[-1:].isalnum() and after[:1].isalnum()
        if sign == '-':
            return self._dash(before, after, tight)
        if sign in '/*':
            if sign == '/' and self._is_rate(before, after):
                unit = tables.unit(after, plural=False) if len(after) > 1 else None
                self.at += bool(unit)
                return f'per {unit}' if unit else 'per'
            word = 'divided by' if sign == '/' else 'times'
            spaced = before == ' ' == after
            is_operator = spaced or (sign == '*' and tight)
            step = 2 if spaced else 1
            return word if is_operator and self._is_term(-step) and self._is_term(step) else ' '
        if sign in '<>':
            words = {'<': 'less than', '>': 'greater than'}
            is_operator = after == before or after[:1].isdecimal()
            return words[sign] if is_operator else ' '
        if sign in RANGE_SIGNS:
            return 'about' if after[:1].isdecimal() or after[:1] in _MONEY_SIGNS else ' '
        return tables.SYMBOLS.get(sign.lower(), ' ')

    def _is_rate(self, before: str, after: str) -> bool:
        if self._kind(1) not in (Kind.LATIN, Kind.UNIT):
            return False
        return self._kind(-1) in _MEASURED or after in _PERIODS and context.is_plural_noun(before)

    def _is_term(self, step: int) -> bool:
        return self._kind(step) in _NUMERIC or len(self._text(step)) == 1

    def _dash(self, before: str, after: str, tight: bool) -> str:
        if tight and self._kind(-1) is Kind.LATIN and self._kind(1) is Kind.LATIN:
            keeps = before[-1].islower() or len(before) == 1
            return '-' if keeps and (after.islower() or (before, after) == ('Wi', 'Fi')) else ' '
        if self._kind(1) in (Kind.INTEGER, Kind.DECIMAL) and before in (
            'UTC',
            'GMT',
            '^',
            '=',
            '(',
        ):
            return 'minus'
        if tight and Kind.TIME in (self._kind(-1), self._kind(1)):
            return 'to'
        if before == ' ' and after == ' ':
            return 'minus' if self._is_term(-2) and self._is_term(2) else ', '
        if self._kind(-1) in _NUMERIC and self._kind(1) in _NUMERIC:
            return 'minus'
        return ' '


_MEASURED = frozenset((Kind.INTEGER, Kind.DECIMAL, Kind.MONEY, Kind.QUANTITY))
_NUMERIC = frozenset((Kind.INTEGER, Kind.DECIMAL, Kind.EXPONENT))
