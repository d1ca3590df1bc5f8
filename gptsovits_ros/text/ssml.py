"""A small part of SSML 1.1: pauses, pronunciations, rates and languages within a text.

Only a text that starts with <speak> is markup. Entities and document types are refused, and so is
every element that is not listed in docs/pronunciation.md; nothing is fetched or executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from gptsovits_ros.errors import DependencyMissingError, TextInvalidError
from gptsovits_ros.text.alphabets import ALPHABETS, UnknownSoundError, parse

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_DEPTH = 16
MAX_BREAK_S = 5.0
RATE_BOUNDS = (0.5, 2.0)

_START = re.compile(r'\s*<speak[\s/>]')
_SPACE = re.compile(r'\s+')
_NAMESPACE = re.compile(r'\{[^}]*\}')
_XML_LANG = '{http://www.w3.org/XML/1998/namespace}lang'
_TIME = re.compile(r'([0-9]{1,6}(?:\.[0-9]{1,6})?|\.[0-9]{1,6})(ms|s)')
_RATE = re.compile(r'([0-9]{1,6}(?:\.[0-9]{1,6})?)(%?)')
_RATES = {
    'x-slow': 0.6, 'slow': 0.8, 'medium': 1.0, 'default': 1.0, 'fast': 1.25, 'x-fast': 1.5,
}  # fmt: skip
# Primary subtag of BCP 47 -> language.
_LANGUAGES = {'zh': 'zh', 'cmn': 'zh', 'en': 'en', 'ja': 'ja', 'ko': 'ko', 'yue': 'yue'}
# Element -> its attributes.
_ATTRIBUTES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        'speak': ('version', _XML_LANG),
        'break': ('time',),
        'phoneme': ('alphabet', 'ph'),
        'sub': ('alias',),
        'prosody': ('rate',),
        'lang': (_XML_LANG,),
    }
)


@dataclass(frozen=True)
class Pronounced:
    """A word with given phonemes; language None: that of the text around it."""

    word: str
    language: str | None
    phonemes: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """A stretch of text that is spoken in one way.

    Attributes:
        parts: text, and words with given phonemes.
        language: one of `types.LANGUAGES`; empty: that of the request.
        rate: speaking rate relative to that of the request.
        pause_s: silence behind it [s]; None: as behind any other text.

    """

    parts: tuple[str | Pronounced, ...]
    language: str = ''
    rate: float = 1.0
    pause_s: float | None = None

    @property
    def is_blank(self) -> bool:
        """True if there is nothing but space."""
        return all(isinstance(part, str) and not part.strip() for part in self.parts)


def is_markup(text: str) -> bool:
    """Tell whether a text says that it is SSML."""
    return _START.match(text) is not None


def runs(text: str) -> list[Run]:
    """Return the stretches of a text that `is_markup`; a break before all of them is lost.

    Raises:
        TextInvalidError: if it is no well-formed XML, or holds an element, an attribute or a value
            that is not supported; the message names it and what is.
        DependencyMissingError: if the parser is not installed.

    """
    found: list[Run] = []
    for item in _items(_parsed(text), Run(()), 1):
        if isinstance(item, float):
            _add_break(found, item)
        elif found and found[-1].pause_s is None and _alike(found[-1], item):
            found[-1] = replace(found[-1], parts=found[-1].parts + item.parts)
        elif not item.is_blank:
            found.append(item)
    return found


def _add_break(found: list[Run], seconds: float) -> None:
    if not found:
        return
    total = (found[-1].pause_s or 0.0) + seconds
    if total > MAX_BREAK_S:
        raise TextInvalidError(
            f'the breaks at one place of the text are {total:g} s together; at most '
            f'{MAX_BREAK_S:g} s are possible'
        )
    found[-1] = replace(found[-1], pause_s=total)


def _alike(one: Run, other: Run) -> bool:
    return (one.language, one.rate) == (other.language, other.rate)


def _parsed(text: str) -> Element:
    try:
        from defusedxml import DefusedXmlException, ElementTree
    except ImportError as error:
        raise DependencyMissingError(
            'text with SSML marks needs the package defusedxml; run: pip install defusedxml'
        ) from error
    try:
        return ElementTree.fromstring(text.strip(), forbid_dtd=True)
    except DefusedXmlException as error:
        raise TextInvalidError(
            'document types and entities are not allowed in the marks of a text; write the '
            'characters themselves, or &amp; &lt; &gt;'
        ) from error
    except ElementTree.ParseError as error:
        raise TextInvalidError(
            f'the text starts with <speak>, but is no well-formed SSML: {error}'
        ) from error


def _items(element: Element, around: Run, depth: int) -> Iterator[Run | float]:
    """Yield the content of an element in order: text as runs, breaks as seconds."""
    if depth > MAX_DEPTH:
        raise TextInvalidError(f'the marks of the text are nested more than {MAX_DEPTH} deep')
    name = _name(element)
    if name == 'break':
        yield _seconds(element)
    elif name == 'phoneme':
        yield replace(around, parts=(_pronounced(element),))
    elif name == 'sub':
        _refuse_children(element)
        yield replace(around, parts=(_needed(element, 'alias'),))
    else:
        inner = _inner(name, element, around)
        yield replace(inner, parts=(_text(element.text),))
        for child in element:
            if _NAMESPACE.sub('', child.tag) == 'speak':
                raise TextInvalidError('<speak> stands around the whole text and nowhere else')
            yield from _items(child, inner, depth + 1)
            yield replace(inner, parts=(_text(child.tail),))


def _inner(name: str, element: Element, around: Run) -> Run:
    """Return how the text inside an element is spoken."""
    if name == 'prosody':
        return replace(around, rate=_rate(element, around.rate))
    language = element.get(_XML_LANG)
    if name == 'lang' and language is None:
        raise TextInvalidError('<lang> needs the attribute xml:lang')
    return around if language is None else replace(around, language=_language(language))


def _name(element: Element) -> str:
    """Return the name of an element that is supported, with attributes that are."""
    name = _NAMESPACE.sub('', element.tag)
    if name not in _ATTRIBUTES:
        known = ', '.join(f'<{known}>' for known in _ATTRIBUTES)
        raise TextInvalidError(
            f'the mark <{name[:40]}> in the text is not supported; known are {known}'
        )
    for attribute in element.keys():
        if attribute not in _ATTRIBUTES[name]:
            known = ', '.join(map(_shown, _ATTRIBUTES[name]))
            raise TextInvalidError(
                f'<{name}> has no attribute "{_shown(attribute)[:40]}" here; known are {known}'
            )
    return name


def _shown(attribute: str) -> str:
    return attribute.replace(_XML_LANG, 'xml:lang')


def _needed(element: Element, attribute: str) -> str:
    value = element.get(attribute, '').strip()
    if not value:
        name = _NAMESPACE.sub('', element.tag)
        raise TextInvalidError(f'<{name}> needs the attribute {attribute}')
    return value


def _refuse_children(element: Element) -> None:
    if len(element):
        name = _NAMESPACE.sub('', element.tag)
        raise TextInvalidError(f'<{name}> holds plain text only, no other mark')


def _text(text: str | None) -> str:
    return _SPACE.sub(' ', text or '')


def _seconds(element: Element) -> float:
    value = _needed(element, 'time')
    match = _TIME.fullmatch(value)
    seconds = float(match[1]) / (1000 if match[2] == 'ms' else 1) if match else -1.0
    if not 0 <= seconds <= MAX_BREAK_S or len(element) or (element.text or '').strip():
        raise TextInvalidError(
            f'<break time="{value[:40]}"/> is wrong; it is empty, and its time is e.g. "500ms" or '
            f'"0.5s", at most {MAX_BREAK_S:g} s'
        )
    return seconds


def _pronounced(element: Element) -> Pronounced:
    _refuse_children(element)
    name = element.get('alphabet', 'x-gptsovits').removeprefix('x-')
    if name not in ALPHABETS:
        known = ', '.join(f'x-{known}' for known in ALPHABETS)
        raise TextInvalidError(f'<phoneme> knows no alphabet "{name[:40]}"; known are {known}')
    pronunciation = _needed(element, 'ph')
    try:
        phonemes = parse(pronunciation, name)
    except UnknownSoundError as error:
        raise TextInvalidError(f'<phoneme ph="{pronunciation[:40]}">: {error}') from error
    word = _text(element.text).strip() or pronunciation
    return Pronounced(word, ALPHABETS[name][0], phonemes)


def _rate(element: Element, around: float) -> float:
    value = _needed(element, 'rate')
    match = _RATE.fullmatch(value)
    rate = _RATES.get(value)
    if match:
        rate = float(match[1]) / (100 if match[2] else 1)
    low, high = RATE_BOUNDS
    if rate is None or not low <= rate * around <= high:
        raise TextInvalidError(
            f'<prosody rate="{value[:40]}"> is wrong; use {", ".join(_RATES)}, a factor or a '
            f'percentage that gives {low:g} to {high:g} times the rate of the request'
        )
    return rate * around


def _language(tag: str) -> str:
    language = _LANGUAGES.get(re.split('[-_]', tag)[0].lower(), '')
    if tag.lower().replace('_', '-') in ('zh-hk', 'zh-yue'):
        language = 'yue'
    if not language:
        raise TextInvalidError(
            f'xml:lang="{tag[:40]}" is not supported; known are ' + ', '.join(_LANGUAGES)
        )
    return language
