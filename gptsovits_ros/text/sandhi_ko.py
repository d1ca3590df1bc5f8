"""How Korean spelling sounds: the rules of the standard pronunciation (표준 발음법).

The rules, their order and their limits are those of g2pk2, which the official frontend uses
(gptsovits-spec section 4.9); the table of neighbouring sounds is its data (data/SOURCES_ko.md).
Numbers in comments are the articles of the standard. Patterns are in the notation of jamo.py.

Three marks behind a syllable tell what grammar decides: /P the stem of a verb or adjective ends,
/E an ending with ㄹ ends, /B a counter ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gptsovits_ros.text.jamo import CODAS, ONSETS, decompose, from_notation

_PLAIN, _TENSE = 'ㄱㄷㅂㅅㅈ', 'ㄲㄸㅃㅆㅉ'
_ENDINGS_AFTER_RIEUL = (
    ('걸', '껄'),
    ('밖에', '빠께'),
    ('세라', '쎄라'),
    ('수록', '쑤록'),
    ('지라도', '찌라도'),
    ('지언정', '찌언정'),
    ('진대', '찐대'),
)
# A coda before a syllable without onset moves there, or leaves one part behind (13, 14; 12.4).
# fmt: off
_MOVED = {
    **{f'{{{coda}}}ㅇ': coda for coda in 'ㄱㄲㄴㄷㄹㅁㅂㅅㅆㅈㅊㅋㅌㅍ'},
    '{ㄳ}ㅇ': '{ㄱ}ㅆ', '{ㄵ}ㅇ': '{ㄴ}ㅈ', '{ㄺ}ㅇ': '{ㄹ}ㄱ', '{ㄻ}ㅇ': '{ㄹ}ㅁ',
    '{ㄼ}ㅇ': '{ㄹ}ㅂ', '{ㄽ}ㅇ': '{ㄹ}ㅆ', '{ㄾ}ㅇ': '{ㄹ}ㅌ', '{ㄿ}ㅇ': '{ㄹ}ㅍ',
    '{ㅄ}ㅇ': '{ㅂ}ㅆ',
    '{ㅎ}ㅇ': 'ㅇ', '{ㄶ}ㅇ': 'ㄴ', '{ㅀ}ㅇ': 'ㄹ',
}
# fmt: on
_MARK = re.compile('/[PEB]')


class KoreanSandhi:
    """Applies the rules to decomposed text."""

    def __init__(self, neighbours: Mapping[str, Mapping[str, str]]) -> None:
        """Prepare the rules.

        Args:
            neighbours: for each coda, what becomes of it and the onset behind it, or the "end" of
                a word; "_" is whatever stands between the two.

        """
        self._rules = [(re.compile(pattern), spoken) for pattern, spoken in _grammar_rules()]
        self._neighbours = {
            _coda(coda): {
                onset if onset == 'end' else from_notation(onset): from_notation(spoken)
                for onset, spoken in cells.items()
            }
            for coda, cells in neighbours.items()
        }
        codas, onsets = from_notation(f'{{{CODAS}}}'), from_notation(ONSETS)
        self._onsets = frozenset(onsets)
        self._pair = re.compile(rf'({codas})( ?[{onsets}]|\W|$)')
        self._moved = {
            from_notation(pair): from_notation(spoken) for pair, spoken in _MOVED.items()
        }
        self._movable = re.compile('|'.join(self._moved))

    def apply(self, text: str) -> str:
        """Return the sounds of a text, as onsets, vowels and codas.

        Args:
            text: decomposed, with marks.

        """
        for pattern, spoken in self._rules:
            text = pattern.sub(spoken, text)
        text = self._pair.sub(self._adapted, _MARK.sub('', text))
        return self._movable.sub(lambda match: self._moved[match[0]], text)

    def _adapted(self, match: re.Match[str]) -> str:
        """Return a coda and what follows, adapted to each other (9 to 12, 18 to 20, 23)."""
        coda, following = match.groups()
        gap, onset = following[:-1], following[-1:]
        cells = self._neighbours[coda]
        if onset in self._onsets and onset in cells:
            return cells[onset].replace('_', gap)
        if 'end' in cells and following[:1] not in self._onsets:
            return cells['end'].replace('_', following[:1]) + following[1:]
        return match[0]


def _coda(letter: str) -> str:
    return from_notation(f'{{{letter}}}')


def _grammar_rules() -> Iterator[tuple[str, str]]:
    """Yield what is replaced before neighbours adapt, in order."""
    for pattern, spoken in _written_rules():
        yield from_notation(pattern), from_notation(spoken)
    for written, spoken in _ENDINGS_AFTER_RIEUL:
        yield _coda('ㄹ') + decompose(written), _coda('ㄹ') + decompose(spoken)


def _written_rules() -> Iterator[tuple[str, str]]:
    yield '([ㅈㅉㅊ])ㅕ', r'\1ㅓ'  # 5.1
    yield '([ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅈㅉㅊㅋㅌㅍㅎ])ㅢ', r'\1ㅣ'  # 5.3
    # 16 is about names of letters (디귿이); the official pattern takes any ㅡ (늦어).
    yield 'ㅡ{ㄷㅈㅊㅌㅎ}ㅇ', 'ㅡㅅ'
    yield 'ㅡ{ㅋ}ㅇ', 'ㅡㄱ'
    yield 'ㅡ{ㅍ}ㅇ', 'ㅡㅂ'
    yield '{ㄺ}/P[ㄱㄲ]', '{ㄹ}ㄲ'  # 11.1
    for plain, tense in zip(_PLAIN, _TENSE, strict=True):
        if plain != 'ㅂ':
            yield f'({{ㄼㄾ}})/P{plain}', rf'\1{tense}'  # 25
            yield f'({{ㄴㅁ}})/P{plain}', rf'\1{tense}'  # 24
            yield f'{{ㄵ}}/P{plain}', f'{{ㄴ}}{tense}'
            yield f'{{ㄻ}}/P{plain}', f'{{ㅁ}}{tense}'
    yield '(ㅂㅏ){ㄼ}($|[^ㅇㅎ])', r'\1{ㅂ}\2'  # 10.1
    yield '(ㄴㅓ){ㄼ}([ㄷㄸㅈㅉ]ㅜ)', r'\1{ㅂ}\2'
    yield '{ㄷ}ㅇ([ㅣㅕ])', r'ㅈ\1'  # 17
    yield '{ㅌ}ㅇ([ㅣㅕ])', r'ㅊ\1'
    yield '{ㄾ}ㅇ([ㅣㅕ])', r'{ㄹ}ㅊ\1'
    yield '{ㄷ}ㅎㅣ', 'ㅊㅣ'
    for plain, tense in zip(_PLAIN, _TENSE, strict=True):
        yield f'{{ㄹ}}/E {plain}', f'{{ㄹ}} {tense}'  # 27
