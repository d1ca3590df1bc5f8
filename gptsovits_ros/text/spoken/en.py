"""English text as a native reader says it.

The official normaliser (`normalize_en`) reads the result without changing a letter of it: letters
that are spelled stand alone as capitals, no other capital stands inside a word, and every sign
that is a pause is a comma, a full stop, a question or an exclamation mark.
"""

from __future__ import annotations

import re

from gptsovits_ros.text.spoken.common import find_pieces, fold
from gptsovits_ros.text.spoken.en_reader import EnglishReader
from gptsovits_ros.text.spoken.en_rewrite import rewrite

_ELLIPSIS = re.compile(r'\.(?: ?\.)+')
_QUOTE = re.compile(r"(?<![A-Za-z])'|'(?![A-Za-z])")
_UNSPOKEN = re.compile(r"[^\w\s,.!?'-]|_")
_SPACES = re.compile(' {2,}')
_SPACE_BEFORE_MARK = re.compile(r' +(?=[,.!?\n])|(?<=\n) +')
_MARKS_TOGETHER = re.compile(r'[,.!?](?: ?[,.!?])+')
_LEADING_COMMA = re.compile(r'(?:^|(?<=\n))[, ]+')
_COMMA_BEFORE_LINE = re.compile(r', ?(?=\n|\Z)')
_TIGHT_COMMA = re.compile(r'([,.!?])(?=[A-Za-z])')
# "A" at the beginning of a sentence is the article, unless it may be the letter.
_ARTICLE = re.compile(
    '((?:^|(?<=[.!?] )|(?<=\n))A)(?= (?!(?:is|was|versus|and|or|to|plus|minus|equals|times|zero|'
    'one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|'
    'sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|'
    'over|in|on)[ -])[a-z]{2})'
)


def spoken_en(text: str) -> str:
    """Return the text as it is said.

    Args:
        text: any text; what is no English (other scripts) is left as it is, without its emoji.

    Returns:
        words and the marks , . ? ! ' - and line breaks; the result of a result is the same.

    """
    return _tidy(EnglishReader(find_pieces(rewrite(fold(text)))).read())


def _tidy(text: str) -> str:
    """Return the text with single spaces and single marks."""
    text = _ELLIPSIS.sub(_ellipsis, _UNSPOKEN.sub(' ', text))
    text = _SPACE_BEFORE_MARK.sub('', _SPACES.sub(' ', _QUOTE.sub('', text)))
    text = _MARKS_TOGETHER.sub(_one_mark, text)
    text = _COMMA_BEFORE_LINE.sub('', _LEADING_COMMA.sub('', _TIGHT_COMMA.sub(r'\1 ', text)))
    text = _ARTICLE.sub(lambda match: match[1].lower(), _SPACES.sub(' ', text))
    return text.strip(' ')


def _ellipsis(match: re.Match[str]) -> str:
    following = match.string[match.end() : match.end() + 2].lstrip()
    return ', ' if following[:1].islower() else '.'


def _one_mark(match: re.Match[str]) -> str:
    for mark in '?!.':
        if mark in match[0]:
            return mark
    return ','
