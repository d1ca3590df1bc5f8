"""Korean text to phonemes (gptsovits-spec section 4.9).

Does what the package g2pk2 does in the official frontend, without that package: importing it
downloads data and may run pip.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from gptsovits_ros.errors import DependencyMissingError
from gptsovits_ros.text import numbers_ko
from gptsovits_ros.text.data_files import data_path
from gptsovits_ros.text.jamo import decompose, last_letter, to_letters
from gptsovits_ros.text.sandhi_ko import KoreanSandhi
from gptsovits_ros.text.symbols import is_known

SPACE, UNREADABLE = '空', '停'

# fmt: off
_LETTER_NAMES = {
    'a': '에이', 'b': '비', 'c': '시', 'd': '디', 'e': '이', 'f': '에프', 'g': '지', 'h': '에이치',
    'i': '아이', 'j': '제이', 'k': '케이', 'l': '엘', 'm': '엠', 'n': '엔', 'o': '오', 'p': '피',
    'q': '큐', 'r': '아르', 's': '에스', 't': '티', 'u': '유', 'v': '브이', 'w': '더블유',
    'x': '엑스', 'y': '와이', 'z': '제트',
}
# Vowels that glide are spoken as two.
_GLIDES = str.maketrans({
    'ㅘ': 'ㅗㅏ', 'ㅙ': 'ㅗㅐ', 'ㅚ': 'ㅗㅣ', 'ㅝ': 'ㅜㅓ', 'ㅞ': 'ㅜㅔ',
    'ㅟ': 'ㅜㅣ', 'ㅢ': 'ㅡㅣ', 'ㅑ': 'ㅣㅏ', 'ㅒ': 'ㅣㅐ', 'ㅕ': 'ㅣㅓ',
    'ㅖ': 'ㅣㅔ', 'ㅛ': 'ㅣㅗ', 'ㅠ': 'ㅣㅜ',
})
# fmt: on
_NAMES_OF_LETTERS = str.maketrans(
    {**_LETTER_NAMES, **{letter.upper(): name for letter, name in _LETTER_NAMES.items()}}
)
_MARKS = {
    **dict(zip('：；，。！？·、\n', ',,,.!?,,.', strict=True)),
    ' ': SPACE,
}
_SYMBOL_VERSION = 'v2'  # earlier symbol tables have no Korean
_COUNT = re.compile('([0-9][0-9,]*)([가-힣]+)/B')
# 을 or 를 before ㄹ: the official frontend repairs here what its rules make of 을 나.
_RIEUL_AFTER_PARTICLE = re.compile('([ㅇㄹ]ㅡㄹ) ㄹ')
_ENDS_WITH_LETTER = re.compile('(?<=[ㄱ-ㅣ])$')
_STEM_CODAS = frozenset('ㄴㄵㅁㄻㄺㄼㄾ')


class KoreanG2p:
    """Turns Korean text into phonemes.

    Loading takes 0.1 s once the library is imported; the analyser's dictionary (110 MB) is mapped
    into memory, not read. Calls only read, so one instance may serve several threads.
    """

    def __init__(self) -> None:
        """Load the tables and the morphological analyser.

        Raises:
            DependencyMissingError: if python-mecab-ko is not installed.

        """
        tables = json.loads(data_path('ko_pronunciation.json').read_text('utf-8'))
        self._words: dict[str, str] = tables['words']
        self._native_counters: str = tables['native_counters']
        self._sandhi = KoreanSandhi(tables['sandhi'])
        self._morphemes = _load_analyser()

    def __call__(self, norm_text: str) -> list[str]:
        """Return the phonemes of a text.

        Args:
            norm_text: any text; Latin letters and digits are read by their names.

        Returns:
            symbols of table v2: letters of Hangul, marks, 空 for a space, and 停 for a character
            that has no sound.

        """
        text = self._pronounced(norm_text.translate(_NAMES_OF_LETTERS))
        letters = to_letters(text).translate(_GLIDES)
        letters = _RIEUL_AFTER_PARTICLE.sub(r'\1 ㄴ', letters)
        letters = _ENDS_WITH_LETTER.sub('.', letters)
        return [_symbol(letter) for letter in letters]

    def _pronounced(self, text: str) -> str:
        """Return the sounds of a text, as onsets, vowels and codas."""
        for written, spoken in self._words.items():
            text = text.replace(written, spoken)
        text = numbers_ko.digits(_COUNT.sub(self._count, self._with_marks(text)))
        return self._sandhi.apply(decompose(text))

    def _count(self, match: re.Match[str]) -> str:
        number, counter = match.groups()
        # The official test is whether the list, as one text, has the counter somewhere in it.
        is_native = counter in self._native_counters
        return f'{numbers_ko.cardinal(number.replace(",", ""), is_native)}{counter}/B'

    def _with_marks(self, text: str) -> str:
        """Return the text with the grammatical marks of sandhi_ko."""
        morphemes = self._morphemes(text)
        if ''.join(morpheme for morpheme, _ in morphemes) != text.replace(' ', ''):
            return text  # the analyser changed a character, so places cannot be told
        marks = {}
        end = 0
        for morpheme, tag in morphemes:
            end += len(morpheme)
            marks[end] = _mark(morpheme[-1], tag.split('+')[-1])
        marked = []
        position = 0
        for character in text:
            position += character != ' '
            marked.append(character + (marks.get(position, '') if character != ' ' else ''))
        return ''.join(marked)


def _mark(last_character: str, tag: str) -> str:
    """Return the mark behind a morpheme; empty if it has none."""
    if tag == 'NNBC':
        return '/B'
    if tag.startswith('E') and last_letter(last_character) == 'ㄹ':
        return '/E'
    if tag.startswith('V') and last_letter(last_character) in _STEM_CODAS:
        return '/P'
    return ''


def _symbol(letter: str) -> str:
    symbol = _MARKS.get(letter, letter)
    return symbol if is_known(symbol, _SYMBOL_VERSION) else UNREADABLE


def _load_analyser() -> Callable[[str], list[tuple[str, str]]]:
    """Return a function from a text to its morphemes and their tags."""
    try:
        from mecab import MeCab
    except ImportError as error:
        raise DependencyMissingError(
            'Korean needs the library python-mecab-ko, which is not installed; run '
            'pip install "gptsovits_ros[ko]"'
        ) from error
    return MeCab().pos
