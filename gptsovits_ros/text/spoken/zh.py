"""Mandarin text as a native reader says it."""

from __future__ import annotations

from gptsovits_ros.text.spoken.chinese import speak
from gptsovits_ros.text.spoken.dialect import Dialect

_MANDARIN = Dialect()


def spoken_zh(text: str) -> str:
    """Return a text of a Mandarin request with all that is not a word written as words.

    Numbers, dates, units and signs become Chinese words, letters that are spelled stand apart
    ("A P I"), other Latin words and English sentences stay as they are, emoji go, and of the marks
    those are left where a reader pauses. Traditional characters stay. It is meant for the whole
    text, before the languages in it are told apart; applied to its own result it changes nothing.

    Any text is accepted; the time is linear in its length (under 1 ms for a sentence).
    """
    return speak(text, _MANDARIN)
