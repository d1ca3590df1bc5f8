"""Cantonese text as it is spoken, by the Mandarin rules (gptsovits-spec section 4.10)."""

from __future__ import annotations

import re

from gptsovits_ros.text import normalize_zh

# The last Mandarin rules respell interjections, map marks, drop the rest and collapse runs of
# marks; Cantonese has its own marks, and neither respells nor collapses.
OTHER_RULES = 4
_SHARED_RULES = normalize_zh.RULES[:-OTHER_RULES]

# Brackets and quotes are silent, so they need no entry.
_MARKS = str.maketrans('：；，·、。\n$！？/—~～', ',,,,,...!?,---')
_UNSPEAKABLE = re.compile('[^\u4e00-\u9fa5!?…,.-]+')


def normalize(text: str) -> str:
    """Return the text as it is spoken: U+4E00..U+9FA5 and the marks ! ? … , . - only.

    Characters become simplified. Latin letters and all other characters are dropped, so the result
    may be empty. Any string is accepted; the time is linear in its length.
    """
    for rule in _SHARED_RULES:
        text = rule(text)
    return _UNSPEAKABLE.sub('', text.replace('...', '…').translate(_MARKS))
