"""What the words and numbers of a text look like: plurals, years, phone numbers, loud words."""

from __future__ import annotations

import re

from gptsovits_ros.text.spoken import en_tables as tables
from gptsovits_ros.text.spoken.piece import Kind, Number, Piece

# Words before a year, before a letter behind a number, before a rating, a phone number.
YEAR_COMES = frozenset(
    'in since from by until till during before after circa year of and around late early mid to '
    'spring summer fall autumn winter copyright between class through'.split()
)
NO_UNIT_BEFORE = frozenset(
    'gate seat room apt apartment unit section exhibit figure table group class building flat '
    'suite grade platform row block appendix terminal bus hall level floor'.split()
)
RATINGS = frozenset('rated rating ratings score scored scores gave give got rate rates'.split())
CALLS = frozenset(('call', 'called', 'dial', 'dialed'))

_PLURAL = re.compile('[a-z]{2,}s')
_NO_PLURAL = re.compile('.*(?:ss|us|is)|was|has|does|goes|as|always|sometimes|perhaps|plus')


def is_plural_noun(word: str) -> bool:
    """Tell whether a word in small letters is more than one of something."""
    return bool(_PLURAL.fullmatch(word)) and not _NO_PLURAL.fullmatch(word)


def is_year(value: Number) -> bool:
    """Tell whether a number is written like a year from 1100 to 2099."""
    return (
        len(value.integer) == 4
        and '1100' <= value.integer < '2100'
        and not (value.decimals or value.sign or value.grouped)
    )


def is_phone(low: Number, high: Number) -> bool:
    """Tell whether two numbers with a hyphen are a local phone number: "555-1234"."""
    if (len(low.integer), len(high.integer)) != (3, 4) or low.decimals or high.decimals:
        return False
    return high.integer[0] == '0' or low.integer[-1] != '0' and not high.integer.endswith('00')


def is_day_and_month(first: str, second: str) -> bool:
    """Tell whether two numbers can be a day and a month, in any order."""
    if len(first) > 2 or len(second) > 2:
        return False
    days = sorted((int(first), int(second)))
    return 1 <= days[0] <= 12 and days[1] <= 31


def find_shouted(pieces: list[Piece]) -> list[bool]:
    """Tell for each piece whether it is a word in capitals among others."""
    words = [at for at, piece in enumerate(pieces) if piece.kind is Kind.LATIN]
    shouted = [False] * len(pieces)
    run: list[int] = []
    for at in (*words, None):
        if at is not None and pieces[at].text.isupper():
            run.append(at)
            continue
        texts = [pieces[place].text for place in run]
        if (
            len(run) > 1
            and any(text in tables.STRESSED or "'" in text or text == 'IT' for text in texts)
            or len(run) == len(words)
            and any(len(text) > 3 for text in texts)
        ):
            for place in run:
                shouted[place] = True
        run = []
    return shouted
