"""Cuts text that arrives in pieces into clauses that can be spoken, as soon as that is safe.

A clause is given out only when nothing that may follow can change it: where it ends, or how a
number or an abbreviation at its end is read. So the clauses are the same, however the text was cut
into pieces. Text that starts with <speak> is markup (docs/pronunciation.md): it is cut between
elements, and every clause is a document of its own.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gptsovits_ros.errors import TextInvalidError

# A clause must have so much to say, in letters (a digit, and a syllable of zh, ja, ko, is two):
# the models read a lone short word badly.
_SENTENCE_MIN = 6
_CLAUSE_MIN = 12
# Without any mark, text is cut here. [characters]
_LONGEST_CLAUSE = 200
_LONGEST_TAG = 2000
_LONGEST_ENTITY = 12

_LETTER = re.compile(r'\w')
_SYLLABLE = re.compile(r'[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af]')
_WIDE_STOPS = frozenset('。！？…；')
_WIDE_COMMAS = frozenset('，、：')
_MARKS = frozenset('.．!?,;:')
_CLOSERS = frozenset('"\'”’)]}»」』）】》')
# What may be left over from the clause before.
_LEFT_OVER = _WIDE_STOPS | _WIDE_COMMAS | frozenset('”’」』）】》')
_LAST_WORD = re.compile(r'[A-Za-z](?:[A-Za-z]|\.(?=[A-Za-z]))*$')
_LAST_WORD_REACH = 16
# After these a full stop ends no sentence.
_ABBREVIATIONS = frozenset(
    'mr mrs ms dr prof st mt sr jr gen col capt lt sgt rev hon vs etc approx dept est inc ltd co '
    'corp ave blvd rd e.g i.e a.m p.m u.s u.k ph.d cf al ca'.split()
)
# After these it ends none if a number follows.
_BEFORE_NUMBERS = frozenset('no nos fig figs vol p pp ch sec art eq ver v'.split())

_MARKUP = re.compile(r'\s*<speak[\s/>]')
_MARKUP_START = '<speak'
_TAG = re.compile(r"""<[^<>"']*(?:"[^"]*"[^<>"']*|'[^']*'[^<>"']*)*>""")


class _Step(NamedTuple):
    """How the text goes on: up to where it is understood, and what letters a clause needs there.

    least: letters that a clause must have to be cut there; None: it cannot be.
    """

    end: int
    letters: int = 0
    least: int | None = None


class ClauseCutter:
    """Takes pieces of one text and gives clauses back. No state is shared."""

    def __init__(self, at_commas: bool = True) -> None:
        """Create one; without at_commas clauses are whole sentences."""
        self._at_commas = at_commas
        self._text = ''  # that was not given out
        self._start = 0  # of the present clause
        self._at = 0  # up to here it is understood
        self._letters = 0  # of the present clause up to there
        self._space: int | None = None  # behind the last space of the present clause
        self._root: str | None = None  # start tag of the document; '': the text is no markup
        self._depth = 0  # of elements around the present place

    def push(self, text: str) -> list[str]:
        """Take the next piece; return the clauses that are complete now.

        Raises:
            TextInvalidError: if it is markup with a tag that does not end, or text behind its end.

        """
        self._text += text
        return self._cut(is_end=False)

    def finish(self) -> list[str]:
        """Return the rest, when no more pieces come; raises as push does."""
        clauses = self._cut(is_end=True)
        if self._root and self._depth:
            raise TextInvalidError('the markup does not end with </speak>')
        return clauses + self._take(len(self._text))

    def _cut(self, is_end: bool) -> list[str]:
        clauses: list[str] = []
        if not self._knows_kind(is_end):
            return clauses
        while self._at < len(self._text):
            if self._at == self._start and self._text[self._at] in _LEFT_OVER:
                self._start = self._at = self._at + 1
                continue
            step = self._step(is_end)
            if step is None:
                break
            self._letters += step.letters
            self._at = step.end
            is_cut = step.least is not None and self._letters >= step.least
            if is_cut and self._depth == (1 if self._root else 0):
                clauses += self._take(step.end)
            elif self._at - self._start >= _LONGEST_CLAUSE and not self._root:
                clauses += self._take(self._space or self._at)
        self._text = self._text[self._start :]
        self._at -= self._start
        self._space = None if self._space is None else self._space - self._start
        self._start = 0
        return clauses

    def _take(self, end: int) -> list[str]:
        """Return the present clause up to a place, if it has a word; go on from there."""
        clause = self._text[self._start : end].strip()
        has_word = self._letters > 0
        self._start = self._at = end
        self._letters, self._space = 0, None
        if not has_word:
            return []
        return [f'{self._root}{clause}</speak>' if self._root else clause]

    def _knows_kind(self, is_end: bool) -> bool:
        """Find out whether the text is markup; return whether that is known."""
        if self._root is not None:
            return True
        beginning = self._text.lstrip()[: len(_MARKUP_START)]
        if not is_end and _MARKUP_START.startswith(beginning):
            if beginning != _MARKUP_START or len(self._text.lstrip()) == len(_MARKUP_START):
                return False
        if not _MARKUP.match(self._text):
            self._root = ''
            return True
        self._at = self._text.index('<')
        tag = self._tag(self._at, is_end)
        if tag is None:
            self._at = 0
            return False
        self._start = self._at = self._at + len(tag)
        self._depth = 0 if tag.endswith('/>') else 1
        self._root = tag
        return True

    def _step(self, is_end: bool) -> _Step | None:
        """Return how the text goes on from the present place; None: that depends on more text."""
        at, character = self._at, self._text[self._at]
        if self._root:
            if not self._depth and not character.isspace():
                raise TextInvalidError('there is text behind </speak>')
            if character == '<':
                return self._step_over_tag(is_end)
            if character == '&':
                return self._step_over_entity(is_end)
        if character == '\n':
            return _Step(at + 1, least=_SENTENCE_MIN)
        if character in _WIDE_STOPS:
            return self._boundary(at + 1, _SENTENCE_MIN, is_end)
        if character in _WIDE_COMMAS:
            return self._wide_comma(is_end)
        if character in _MARKS:
            return self._marks(is_end)
        if character.isspace():
            self._space = at + 1
            return _Step(at + 1)
        if character.isdigit() or _SYLLABLE.match(character):
            return _Step(at + 1, letters=2)
        return _Step(at + 1, letters=1 if _LETTER.match(character) else 0)

    def _wide_comma(self, is_end: bool) -> _Step | None:
        """Cut at a wide comma, but not within a number such as 1，000 or 10：30."""
        at = self._at
        if at > self._start and self._text[at - 1].isdigit():
            if at + 1 == len(self._text) and not is_end:
                return None
            if self._text[at + 1 : at + 2].isdigit():
                return _Step(at + 1)
        return self._boundary(at + 1, self._comma_min, is_end)

    def _marks(self, is_end: bool) -> _Step | None:
        """Cut behind a run of narrow marks and closing quotes, if a space or wide text follows."""
        marks_end = self._skip(self._at, _MARKS)
        end = self._skip(marks_end, _CLOSERS)
        if end == len(self._text):
            return self._boundary(end, self._least(self._at, marks_end), True) if is_end else None
        following = self._text[end]
        goes_on = not (
            following.isspace()
            or _SYLLABLE.match(following)
            or (following == '<' and self._root)
            or following in _WIDE_STOPS
        )
        if goes_on:
            return _Step(end)
        if self._is_abbreviation(marks_end):
            return _Step(end)
        if self._needs_number(marks_end):
            number = end
            while number < len(self._text) and self._text[number].isspace():
                number += 1
            if number == len(self._text) and not is_end:
                return None
            if self._text[number : number + 1].isdigit():
                return _Step(end)
        return self._boundary(end, self._least(self._at, marks_end), is_end)

    def _least(self, start: int, end: int) -> int | None:
        """Return how many letters a clause needs to be cut behind these marks."""
        marks = self._text[start:end]
        if marks[-1] in ',;:' and not set(marks) & set('!?'):
            return self._comma_min
        return _SENTENCE_MIN

    @property
    def _comma_min(self) -> int | None:
        return _CLAUSE_MIN if self._at_commas else None

    def _is_abbreviation(self, marks_end: int) -> bool:
        word = self._word_before_stop(marks_end)
        return word in _ABBREVIATIONS or (len(word) == 1 and word not in _BEFORE_NUMBERS)

    def _needs_number(self, marks_end: int) -> bool:
        return self._word_before_stop(marks_end) in _BEFORE_NUMBERS

    def _word_before_stop(self, marks_end: int) -> str:
        """Return the word, in small letters, if nothing but one full stop follows it."""
        if marks_end != self._at + 1 or self._text[self._at] != '.':
            return ''
        found = _LAST_WORD.search(
            self._text, max(self._start, self._at - _LAST_WORD_REACH), self._at
        )
        return found[0].lower() if found else ''

    def _boundary(self, end: int, least: int | None, is_end: bool) -> _Step | None:
        """Return a place to cut at; in markup the pauses that follow belong to what was said."""
        while self._root and least is not None:
            following = end
            while following < len(self._text) and self._text[following].isspace():
                following += 1
            if following == len(self._text):
                return _Step(end, least=least) if is_end else None
            if self._text[following] != '<':
                break
            tag = self._tag(following, is_end)
            if tag is None:
                return None
            if not (tag.startswith('<break') and tag.endswith('/>')):
                break
            end = following + len(tag)
        return _Step(end, least=least)

    def _step_over_tag(self, is_end: bool) -> _Step | None:
        tag = self._tag(self._at, is_end)
        if tag is None:
            return None
        end = self._at + len(tag)
        if tag.startswith('</'):
            self._depth -= 1
            if self._depth == 0:  # the end tag of the document is no part of the last clause
                self._text = self._text[: self._at] + self._text[end:]
                return _Step(self._at)
        elif not tag.endswith('/>') and not tag.startswith(('<!', '<?')):
            self._depth += 1
        return _Step(end)

    def _step_over_entity(self, is_end: bool) -> _Step | None:
        end = self._text.find(';', self._at, self._at + _LONGEST_ENTITY) + 1
        if end:
            return _Step(end, letters=1)
        is_known = is_end or len(self._text) - self._at >= _LONGEST_ENTITY
        return _Step(self._at + 1) if is_known else None

    def _tag(self, at: int, is_end: bool) -> str | None:
        """Return the tag that begins at a place; None: it is not there to its end yet."""
        found = _TAG.match(self._text, at)
        if found:
            return found[0]
        if is_end or len(self._text) - at > _LONGEST_TAG:
            raise TextInvalidError('the markup has a tag that does not end')
        return None

    def _skip(self, at: int, characters: frozenset[str]) -> int:
        while at < len(self._text) and self._text[at] in characters:
            at += 1
        return at
