"""Which shapes a mouth takes while a phoneme is said (docs/marks.md).

The shapes are the 15 visemes of Oculus Lipsync, after MPEG-4 (ISO/IEC 14496-2, face animation);
most talking heads and avatars have blend shapes of these names.
"""

from __future__ import annotations

import re
from functools import cache

from gptsovits_ros.text.symbols import PAUSES, PUNCTUATION, UNKNOWN

SILENCE = 'sil'
VISEMES = (SILENCE, *'PP FF TH DD kk CH SS nn RR aa E ih oh ou'.split())

# 停 stands for a character without sound; the mouth rests there. Accents and what could not be
# read are no sounds of their own.
_RESTS = frozenset((*PUNCTUATION, *PAUSES, *'_空停'))
_SOUNDLESS = frozenset(('[', ']', UNKNOWN))

# Shapes by the symbols that show them; a symbol without its tone or stress.
_SHARED = {
    'PP': 'P B M p b m ㅁ ㅂ ㅃ ㅍ',
    'FF': 'F V f v',
    'TH': 'TH DH',
    'DD': 'T D t d cl ㄷ ㄸ ㅌ',
    'kk': 'K G HH NG k g h ㄱ ㄲ ㅋ ㅎ ㅇ',
    'CH': 'CH JH SH ZH ch sh zh j q x ㅈ ㅉ ㅊ',
    'SS': 'S Z s z c ts ㅅ ㅆ',
    'nn': 'N L n l ㄴ ㄹ',
    'RR': 'R ER r',
    'aa': 'AA AE AH a ㅏ',
    'E': 'EH EE E e ㅐ ㅔ',
    'ih': 'IH IY Y I i ir y ㅣ ㅡ',
    'oh': 'AO OO o ㅓ ㅗ',
    'ou': 'UH UW W U u w ㅜ',
    'aa ih': 'AY',
    'aa ou': 'AW',
    'E ih': 'EY',
    'oh ih': 'OY',
    'oh ou': 'OW',
    'ih E nn': 'ian',
    'ou E nn': 'van',
    'ou E ih': 'ui',
}
_SHAPES = {
    symbol: tuple(shapes.split())
    for shapes, symbols in _SHARED.items()
    for symbol in symbols.split()
}

# Consonants of Japanese with a glide: "ky".
_GLIDED = re.compile('(b|d|g|h|k|m|n|p|r)y')
# The parts of a Mandarin or Cantonese final.
_PARTS = {
    'ng': 'kk', 'aa': 'aa', 'oe': 'oh', 'eo': 'oh', 'yu': 'ou',
    'a': 'aa', 'e': 'E', 'E': 'E', 'i': 'ih', 'o': 'oh', 'u': 'ou', 'v': 'ou',
    'n': 'nn', 'm': 'PP', 'p': 'PP', 't': 'DD', 'k': 'kk', 'g': 'kk', 'r': 'RR',
}  # fmt: skip
_PART = re.compile('|'.join(_PARTS))
# First symbols of Cantonese syllables that differ from those of Mandarin, or are no vowels.
_CANTONESE = {
    'b': 'PP', 'p': 'PP', 'm': 'PP', 'f': 'FF', 'd': 'DD', 't': 'DD', 'n': 'nn', 'l': 'nn',
    'g': 'kk', 'k': 'kk', 'h': 'kk', 'ng': 'kk', 'gw': 'kk ou', 'kw': 'kk ou', 'w': 'ou',
    'z': 'CH', 'c': 'CH', 's': 'SS', 'j': 'ih',
}  # fmt: skip


@cache
def visemes(symbol: str) -> tuple[str, ...]:
    """Return the shapes of the mouth during a phoneme, in order; each lasts an equal part of it.

    Args:
        symbol: of any symbol table.

    Returns:
        some of VISEMES; none where the symbol has neither sound nor silence.

    Raises:
        ValueError: for what is no symbol.

    """
    if symbol in _RESTS:
        return (SILENCE,)
    if symbol in _SOUNDLESS:
        return ()
    plain = symbol.rstrip('0123456')
    if plain.startswith('Y') and len(plain) > 1:
        beginning = _CANTONESE.get(plain[1:]) if plain == symbol else None
        return tuple(beginning.split()) if beginning else _of_parts(plain[1:], symbol)
    if plain == 'v' and plain != symbol:  # ü; without a tone it is a consonant of Japanese
        return ('ou',)
    if plain in _SHAPES:
        return _SHAPES[plain]
    glided = _GLIDED.fullmatch(plain)
    return (*_SHAPES[glided[1]], 'ih') if glided else _of_parts(plain, symbol)


def _of_parts(final: str, symbol: str) -> tuple[str, ...]:
    """Return the shapes of a final, whose symbol is told if it is none."""
    parts = _PART.findall(final)
    if not parts or ''.join(parts) != final:
        raise ValueError(f'{symbol!r} is no phoneme of a symbol table')
    return tuple(_PARTS[part] for part in parts)
