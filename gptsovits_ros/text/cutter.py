"""Pieces of mixed text by script, with a guess of the language of each.

Gives the same pieces as the package split-lang 2.1 (MIT, by DoodleBears), which the official
frontend uses, with the options in gptsovits-spec section 4.2. Written anew, because that package
insists on a language model that it downloads, and configures the logging of the whole process.
Whitespace at the ends is lost, and a line break counts as any other space.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# Labels of pieces that are no language.
UNKNOWN, DIGIT, PUNCTUATION = 'x', 'digit', 'punctuation'
_HAN, _HANGUL, _OTHER = 'han', 'hangul', 'other'  # scripts of sections, beside DIGIT, PUNCTUATION

_MARKS = frozenset(
    '~,.;:!?-_([{<>}])#$%&*+=@^`|\\\'"〜，。！？；：、·—…￥（【《〈「『“‘’”』」〉》】）'
)
_CHINESE = ('zh', 'yue', 'wuu', 'zh-cn')
_KANA = re.compile('[\u3040-\u30ff々]')

# (text, number of candidates, least probability) -> language codes, the likeliest first.
Identify = Callable[[str, int, float], list[str]]
# A run of Han characters and kana -> its words.
Words = Callable[[str], list[str]]


@dataclass
class Piece:
    """A run of text in one language: "zh", "ja", "ko", "en", or one of the labels above."""

    language: str
    text: str


@dataclass
class _Section:
    script: str
    pieces: list[Piece]


def has_kana(text: str) -> bool:
    """Tell whether a text has hiragana, katakana or the repetition mark."""
    return _KANA.search(text) is not None


def _script(character: str) -> str:
    if '\u4e00' <= character <= '\u9fff' or has_kana(character):
        return _HAN
    if '\uac00' <= character <= '\ud7af':
        return _HANGUL
    if character.isdigit():
        return DIGIT
    return PUNCTUATION if character in _MARKS else _OTHER


def _runs(text: str) -> list[tuple[str, str]]:
    """Return (script, text) of maximal runs; every mark is a run of its own."""
    starts = [(0, _OTHER)]
    previous = ''
    for position, character in enumerate(text):
        inner_apostrophe = character == "'" and previous and not previous.isspace()
        previous = character
        if character.isspace() or inner_apostrophe:
            continue  # stays in the run before it
        script = _script(character)
        if script != starts[-1][1] or script == PUNCTUATION:
            starts.append((position, script))
    ends = [*(position for position, _ in starts[1:]), len(text)]
    return [
        (script, text[start:end])
        for (start, script), end in zip(starts, ends, strict=True)
        if end > start
    ]


def _spaced_words(text: str) -> Iterable[str]:
    """Yield the words of a text, each with the spaces behind it."""
    start = 0
    for position in range(1, len(text)):
        if text[position - 1].isspace() and not text[position].isspace():
            yield text[start:position]
            start = position
    yield text[start:]


def _join_equal(pieces: Iterable[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for piece in pieces:
        if joined and joined[-1].language == piece.language:
            joined[-1].text += piece.text
        else:
            joined.append(piece)
    return joined


class Cutter:
    """Cuts text into pieces of one language each."""

    def __init__(self, identify: Identify, japanese_words: Words, chinese_words: Words) -> None:
        """Take the language identifier and the two word cutters."""
        self._identify = identify
        self._japanese_words = japanese_words
        self._chinese_words = chinese_words

    def cut(self, text: str) -> list[Piece]:
        """Return the pieces of a text in order; an empty list for blank text."""
        sections = [
            _Section(script, self._pieces(script, run)) for script, run in _runs(text.strip())
        ]
        if not sections:
            return []
        sections = _glue_punctuation(sections)
        for section in sections:
            if section.script == _HAN:
                section.pieces = _settle_chinese_or_japanese(section.pieces)
        return [piece for section in sections for piece in section.pieces]

    def _pieces(self, script: str, text: str) -> list[Piece]:
        if script in (DIGIT, PUNCTUATION):
            return [Piece(script, text)]
        if script == _HANGUL:
            return [Piece('ko', text)]
        if script == _HAN:
            pieces = [Piece(self._han_language(word), word) for word in self._han_words(text)]
        else:
            pieces = [Piece(self._other_language(word), word) for word in _spaced_words(text)]
        return self._smooth(pieces)

    def _han_language(self, word: str) -> str:
        if has_kana(word):
            return 'ja'
        language = self._likeliest(word)
        if language in _CHINESE:
            return 'zh'
        return language if language == 'ja' else UNKNOWN

    def _other_language(self, word: str) -> str:
        language = self._likeliest(word)
        if language in _CHINESE:
            return 'zh'
        return language if language in ('ja', 'ko', 'en') else UNKNOWN

    def _likeliest(self, word: str) -> str:
        return next(iter(self._identify(word, 1, 0.0)), UNKNOWN)

    def _han_words(self, text: str) -> list[str]:
        """Return the words of a run: kana stays together, a single Han character joins."""
        finer = [
            word for phrase in self._japanese_words(text) for word in self._chinese_words(phrase)
        ]
        words: list[str] = []
        last_has_kana = None
        for word in finer:
            word_has_kana = has_kana(word)
            if word_has_kana == last_has_kana and (word_has_kana or len(word) == 1):
                words[-1] += word
            else:
                words.append(word)
            last_has_kana = word_has_kana
        if len(words) > 1 and len(words[0]) == 1:
            words[:2] = [words[0] + words[1]]
        return words

    def _smooth(self, pieces: list[Piece]) -> list[Piece]:
        """Give short and doubtful pieces the language of their neighbours."""
        pieces = _join_equal(pieces)
        for _ in range(2):
            pieces = _join_equal(self._take_from_both_sides(pieces))
        pieces = _join_equal(self._take_at_ends(_fill_unknown(pieces)))
        return _join_equal(self._take_from_both_sides(pieces))

    def _could_be(self, piece: Piece, language: str) -> bool:
        return language in self._identify(piece.text.strip(), 5, 0.01)

    def _take_from_both_sides(self, pieces: list[Piece]) -> list[Piece]:
        for left, middle, right in zip(pieces, pieces[1:], pieces[2:], strict=False):
            if left.language != right.language or left.language == UNKNOWN:
                continue
            if middle.language == UNKNOWN:
                middle.language = left.language
            elif not has_kana(middle.text):
                is_short = len(middle.text) <= 4 and len(left.text) + len(right.text) >= 6
                if is_short or self._could_be(middle, left.language):
                    middle.language = left.language
        return pieces

    def _take_at_ends(self, pieces: list[Piece]) -> list[Piece]:
        if len(pieces) > 1:
            for end, near in ((0, 1), (-1, -2)):
                self._take_at_end(pieces[end], pieces[near])
        return pieces

    def _take_at_end(self, piece: Piece, near: Piece) -> None:
        no_kana = not has_kana(piece.text) and not has_kana(near.text)
        is_beside_long_chinese = (
            near.language == 'zh' and len(near.text) >= 6 and len(near.text) > len(piece.text)
        )
        may_join = no_kana or len(near.text) <= 5
        if (no_kana and is_beside_long_chinese) or (
            may_join and self._could_be(piece, near.language)
        ):
            piece.language = near.language


def _fill_unknown(pieces: list[Piece]) -> list[Piece]:
    """Give unknown pieces the language of the longer neighbour; all unknown: leave them."""
    # Equal neighbours are joined, so a neighbour of an unknown piece is never unknown.
    for position, piece in enumerate(pieces):
        if piece.language != UNKNOWN or len(pieces) == 1:
            continue
        if position == 0:
            neighbour = pieces[1]
        elif position == len(pieces) - 1:
            neighbour = pieces[position - 1]
        else:
            left, right = pieces[position - 1], pieces[position + 1]
            neighbour = left if len(left.text) >= len(right.text) else right
        piece.language = neighbour.language
    return pieces


def _glue_punctuation(sections: list[_Section]) -> list[_Section]:
    """Join marks to the section before them; marks at the beginning to the one behind."""
    glued = sections[:1]
    for section in sections[1:]:
        last = glued[-1]
        if last.script == PUNCTUATION:
            last.script = section.script
            first, *rest = section.pieces
            last.pieces[-1] = Piece(first.language, last.pieces[-1].text + first.text)
            last.pieces.extend(rest)
        elif section.script == PUNCTUATION:
            last.pieces[-1].text += section.pieces[0].text
        elif last.script == section.script:
            last.pieces.extend(section.pieces)
        else:
            glued.append(section)
    for section in glued:
        section.pieces = _join_equal(section.pieces)
    return glued


def _settle_chinese_or_japanese(pieces: list[Piece]) -> list[Piece]:
    """Merge pieces that are less than a tenth of their neighbours, and outnumbered languages."""
    if len(pieces) == 1:
        return pieces
    settled: list[Piece] = []
    lengths = {'zh': 0, 'ja': 0, UNKNOWN: 0}
    position = 0
    while position < len(pieces):
        piece = pieces[position]
        lengths[piece.language] += len(piece.text)
        left = settled[-1] if settled else None
        right = pieces[position + 1] if position + 1 < len(pieces) else None
        position += 1
        if left is None and right is not None:
            if right.language != UNKNOWN and 10 * len(piece.text) < len(right.text):
                settled.append(Piece(right.language, piece.text + right.text))
                position += 1
                continue
        elif right is None and left is not None:
            if left.language != UNKNOWN and 10 * len(piece.text) < len(left.text):
                left.text += piece.text
                continue
        elif left is not None and right is not None:
            is_small = 10 * len(piece.text) < len(left.text) + len(right.text)
            if left.language == right.language != UNKNOWN and is_small:
                left.text += piece.text + right.text
                position += 1
                continue
        settled.append(piece)
    return _join_equal(_outvoted(settled, lengths))


def _outvoted(pieces: list[Piece], lengths: dict[str, int]) -> list[Piece]:
    if lengths[UNKNOWN]:
        commonest = max(lengths, key=lengths.__getitem__)
        for piece in pieces:
            if piece.language == UNKNOWN:
                piece.language = commonest
    if lengths['ja'] >= 10 * lengths['zh']:
        for piece in pieces:
            if piece.language == 'zh':
                piece.language = 'ja'
    return pieces
