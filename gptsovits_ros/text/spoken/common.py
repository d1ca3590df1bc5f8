"""What a text holds besides words: numbers, dates, addresses and signs as typed pieces.

`find_pieces` is the door. It knows notations and no language: "3:05" is a TIME, and whether the
sentence means a score is for the language to decide, which reads the pieces in turn and looks at
their neighbours. A typical language module:

    for piece in find_pieces(text):
        if piece.kind is Kind.PERCENT:
            spoken.append(percent(piece.numbers[0]))

`Kind` says what each kind of piece holds.
"""

from __future__ import annotations

import re
import unicodedata

from gptsovits_ros.text.spoken.notations import RECOGNISERS, code_words, roman
from gptsovits_ros.text.spoken.piece import Kind, Number, Piece, number

__all__ = ['Kind', 'Number', 'Piece', 'code_words', 'find_pieces', 'fold', 'number', 'roman']

# Where no notation starts: kana, Han characters, Hangul, blanks and the marks of a sentence.
_START = re.compile(
    '[^\\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff'
    ",!?;:'()\\[\\]{}，。！？、；：“”‘’…（）《》〈〉「」『』【】]"
    r'|\((?=[0-9])'
)
# fmt: off
_FOLDED = re.compile(
    '[\u00a0\u00ad\u00b5\u00ba\u00bc-\u00be\u02bc\u2000-\u200f\u2010-\u2012\u2028-\u202f\u2044'
    '\u205f-\u206f\u2080-\u2089\u20e3\u2103\u2109\u2126\u2150-\u215e\u2189\u2212\u2215\u2217\u2219\u2236\u22c5'
    '\u3000\u328a-\u32b0\u3371-\u33df\ufe00-\ufe0f\ufeff\uff03-\uff06\uff0a\uff0b\uff0d-\uff19\uff1d'
    '\uff20-\uff3a\uff3f\uff41-\uff5a\uffe0\uffe1\uffe5\uffe6\U000e0100-\U000e01ef\t]'
)
# Where the compatibility form is not what is meant.
_FOLDS = {
    'º': '°', 'ʼ': "'", '‐': '-', '‑': '-', '‒': '-', '\u2028': '\n', '\u2029': '\n', '⃣': ' ',
    '−': '-', '∕': '/', '⁄': '/', '∗': '*', '∙': '·', '⋅': '·', '∶': ':', '\t': ' ',
}
# fmt: on
_DIGITS = frozenset('0123456789')
_WIDE_COLON = re.compile('(?<=[0-9])：(?=[0-9])')
# What a compatibility form may hold of the above, and what raised digits of units are.
_PLAIN_FORMS = str.maketrans({'⁄': '/', '∕': '/', '\u03bc': 'μ'})


def find_pieces(text: str) -> list[Piece]:
    """Return the pieces of a text, in order; joined, their texts are `fold(text)`.

    Any text is accepted; the time is linear in its length.
    """
    text = fold(text)
    pieces: list[Piece] = []
    plain = position = 0
    while start := _START.search(text, position):
        position = start.start()
        piece = _piece_at(text, position)
        if piece is None:
            position += 1
            continue
        if plain < position:
            pieces.append(Piece(Kind.TEXT, text[plain:position]))
        pieces.append(piece)
        plain = position = position + len(piece.text)
    if plain < len(text):
        pieces.append(Piece(Kind.TEXT, text[plain:]))
    return pieces


def fold(text: str) -> str:
    """Return the text with one spelling for each sign.

    Full-width letters, digits and signs become ASCII (but marks of a sentence stay), squared units
    and vulgar fractions are written out, all kinds of spaces, hyphens and minus signs are one, and
    format characters (joiners, variation selectors) are gone.
    """
    return _WIDE_COLON.sub(':', _FOLDED.sub(_folded, text))


def _piece_at(text: str, position: int) -> Piece | None:
    for notation in RECOGNISERS:
        match = notation.pattern.match(text, position)
        if match:
            return Piece(notation.kind, match[0], *notation.parse(match))
    return None


def _folded(match: re.Match[str]) -> str:
    char = match[0]
    if char in _FOLDS:
        return _FOLDS[char]
    if unicodedata.category(char) in ('Cf', 'Mn'):
        return ''
    following = match.string[match.end() : match.end() + 1]
    if char == '￥' and not following.isdigit():
        return char  # alone it asks for a pause in Chinese text
    form = unicodedata.normalize('NFKC', char).translate(_PLAIN_FORMS)
    if '₀' <= char <= '₉' and following in _DIGITS:
        return f'{form} '  # log₂8 is not log28
    preceding = match.string[match.start() - 1 : match.start()]
    if '/' in form and len(form) > 1 and preceding.isdigit():
        return f' {form}'  # "3½" is no 31/2
    return form
