"""Text as a listener wants to hear it, in any language tag: the rules of `spoken` by language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from gptsovits_ros.text.language import main_language
from gptsovits_ros.text.spoken.en import spoken_en
from gptsovits_ros.text.spoken.ja import spoken_ja
from gptsovits_ros.text.spoken.ko import spoken_ko
from gptsovits_ros.text.spoken.yue import spoken_yue
from gptsovits_ros.text.spoken.zh import spoken_zh

SPEAKERS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {'zh': spoken_zh, 'en': spoken_en, 'ja': spoken_ja, 'ko': spoken_ko, 'yue': spoken_yue}
)
_SENTENCE = re.compile(r'.*?(?:[。！？!?\n]+|\. |$)', re.DOTALL)
# The first script that a sentence has tells its language; Japanese has Han characters as well.
_SCRIPTS = (
    ('ja', re.compile('[\u3041-\u30ff]')),
    ('ko', re.compile('[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]')),
    ('han', re.compile('[\u3400-\u9fff\U00020000-\U0003134f]')),
    ('en', re.compile('[A-Za-z]')),
)


def spoken_form(text: str, tag: str) -> str:
    """Return a text with numbers, dates, units, signs and codes as words.

    Args:
        text: any text.
        tag: one of `types.LANGUAGES`. "auto" and "auto_yue" take each sentence in the language of
            its script: kana, Hangul, Han characters, else Latin; one without letters is in the
            language of the sentence before it, or else behind it, or else English.

    """
    return ''.join(SPEAKERS[language](part) for language, part in passages(text, tag))


def passages(text: str, tag: str) -> list[tuple[str, str]]:
    """Return (language, text) of the stretches of a text; neighbours differ in language."""
    if tag not in ('auto', 'auto_yue'):
        return [(main_language(tag), text)]
    found: list[tuple[str, str]] = []
    unknown = ''
    for language, sentence in _sentences(text, tag):
        if not language and not found:
            unknown += sentence
            continue
        language = language or found[-1][0]
        if found and found[-1][0] == language:
            found[-1] = (language, found[-1][1] + sentence)
        else:
            found.append((language, unknown + sentence))
            unknown = ''
    return found or [('en', text)]


def _sentences(text: str, tag: str) -> Iterator[tuple[str, str]]:
    """Yield (language, sentence); the language is empty where there are no letters."""
    for match in _SENTENCE.finditer(text):
        scripts = (name for name, script in _SCRIPTS if script.search(match[0]))
        script = next(scripts, '')
        yield (main_language(tag) if script == 'han' else script), match[0]
