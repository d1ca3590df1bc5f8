"""Reading the pieces of a text in turn, with a look at their neighbours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gptsovits_ros.text.spoken.piece import Kind, Number, Piece

RANGE_SIGNS = frozenset('~～〜')
_TERMS = frozenset((Kind.INTEGER, Kind.DECIMAL, Kind.EXPONENT, Kind.LATIN, Kind.FRACTION))
METHODS: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.TEXT: 'plain',
        Kind.LATIN: 'latin',
        Kind.INTEGER: 'integer',
        Kind.DECIMAL: 'decimal',
        Kind.SCIENTIFIC: 'scientific',
        Kind.FRACTION: 'fraction',
        Kind.ORDINAL: 'ordinal',
        Kind.ENCLOSED: 'count',
        Kind.ROMAN: 'count',
        Kind.EXPONENT: 'exponent',
        Kind.PERCENT: 'percent',
        Kind.QUANTITY: 'quantity',
        Kind.UNIT: 'unit',
        Kind.MONEY: 'money',
        Kind.RANGE: 'range',
        Kind.RATIO: 'ratio',
        Kind.SERIAL: 'serial',
        Kind.DATE: 'date',
        Kind.TIME: 'time',
        Kind.TIME_RANGE: 'time_range',
        Kind.PHONE: 'phone',
        Kind.VERSION: 'version',
        Kind.IP: 'ip',
        Kind.EMAIL: 'address',
        Kind.URL: 'address',
        Kind.PATH: 'address',
        Kind.CODE: 'code',
        Kind.SYMBOL: 'symbol',
        Kind.EMOJI: 'silent',
    }
)


class PieceReader(ABC):
    """Says the pieces of one text in turn, in the language of the subclass.

    A subclass has a method for each kind, named in METHODS. It gets the piece at `at` and returns
    what is said; it moves `at` if it takes in the pieces behind.
    """

    def __init__(self, pieces: list[Piece]) -> None:
        self.pieces = pieces
        self.at = 0

    def read(self) -> str:
        """Return what the text becomes."""
        spoken: list[str] = []
        for words in self.said():
            if spoken and words and self.must_part(spoken[-1], words):
                spoken.append(' ')
            spoken.append(words)
        return ''.join(spoken)

    def said(self) -> Iterator[str]:
        """Yield what each piece becomes; meanwhile `at` is its place."""
        while self.at < len(self.pieces):
            piece = self.pieces[self.at]
            yield getattr(self, METHODS[piece.kind])(piece)
            self.at += 1

    @abstractmethod
    def must_part(self, before: str, words: str) -> bool:
        """Tell whether a space belongs between what two pieces became."""

    def _text(self, step: int) -> str:
        """Return the text of the piece that is `step` pieces away."""
        at = self.at + step
        return self.pieces[at].text if 0 <= at < len(self.pieces) else ''

    def _kind(self, step: int) -> Kind:
        at = self.at + step
        return self.pieces[at].kind if 0 <= at < len(self.pieces) else Kind.TEXT

    def _sides(self) -> tuple[Kind, Kind]:
        """Return the kinds on both sides, looking past a space if there is one on each."""
        step = 2 if self._text(-1) == ' ' == self._text(1) else 1
        return self._kind(-step), self._kind(step)

    def _is_sum(self, with_letters: bool) -> bool:
        """Tell whether terms of a sum stand on both sides; words in Latin letters may be some."""
        sides = self._sides()
        return _TERMS.issuperset(sides) and (with_letters or Kind.LATIN not in sides)


def is_month_and_day(month: Number, day: Number) -> bool:
    """Tell whether "11/23" is rather a date than a fraction: few things are in 13 to 31 parts."""
    return (
        len(month.integer) <= 2
        and len(day.integer) == 2
        and 12 < int(day.integer) < 32
        and 1 <= int(month.integer) <= 12
        and not month.sign
    )
