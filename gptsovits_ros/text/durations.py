"""How long phonemes last on average, by their kind of sound (docs/marks.md).

Only the proportions count: whoever uses them knows how long all of the speech is.
"""

from __future__ import annotations

import re
from functools import cache

from gptsovits_ros.text.symbols import PUNCTUATION
from gptsovits_ros.text.visemes import SILENCE, visemes

# Means [ms] over 2355 clips in English and Mandarin that were aligned by force; sounds of the
# other languages have those of their kind. docs/marks.md has the command.
MEANS_MS = {
    'plosive': 92,
    'aspirated': 125,
    'affricate': 118,
    'fricative': 119,
    'sonorant': 89,
    'weak vowel': 64,
    'vowel': 53,
    'diphthong': 84,
    'final': 75,
    'long final': 84,
    'pause': 47,
    'end of sentence': 0,
    'nothing': 0,
    'silence before': 68,
    'silence behind': 161,
}

_KINDS = {
    'plosive': 'P T K B D G b d g cl by dy gy ㄱ ㄲ ㄷ ㄸ ㅂ ㅃ Yb Yd Yg Ygw',
    'aspirated': 'p t k py ky ㅋ ㅌ ㅍ Yp Yt Yk Ykw',
    'affricate': 'CH JH ch q c zh j z ts ㅈ ㅉ ㅊ Yz Yc',
    'fricative': 'S SH F TH s sh x f ㅅ ㅆ Ys Yf',
    'vowel': 'a i u e o I U ㅏ ㅐ ㅓ ㅔ ㅗ ㅜ ㅡ ㅣ',
}
_KIND_OF = {symbol: kind for kind, symbols in _KINDS.items() for symbol in symbols.split()}
_STRESSED = re.compile('[A-Z]{2}[012]')
_SENTENCE_ENDS = frozenset('.!?…')
_PAUSES = frozenset(PUNCTUATION) - _SENTENCE_ENDS


@cache
def sound_kind(symbol: str) -> str:
    """Return the kind of sound of a phoneme, a name in MEANS_MS.

    Raises:
        ValueError: for what is no symbol of a symbol table.

    """
    shapes = visemes(symbol)
    if not shapes:
        return 'nothing'
    if symbol in _SENTENCE_ENDS:
        return 'end of sentence'
    if shapes == (SILENCE,):
        return 'pause'
    if symbol in _KIND_OF:
        return _KIND_OF[symbol]
    if not symbol[-1].isdigit():
        return 'sonorant'
    if _STRESSED.fullmatch(symbol):
        if symbol[-1] == '0':
            return 'weak vowel'
        return 'diphthong' if len(shapes) > 1 else 'vowel'
    return 'long final' if len(shapes) > 1 else 'final'


def mean_duration(symbol: str) -> float:
    """Return how long a phoneme lasts on average [s]; raises as `sound_kind`."""
    return MEANS_MS[sound_kind(symbol)] / 1000
