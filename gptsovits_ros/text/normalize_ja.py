"""Japanese text as it is spoken: almost as it is written (gptsovits-spec section 4.8).

Numbers, units and symbols are left to Open JTalk.
"""

from __future__ import annotations

from gptsovits_ros.text.split import collapse_punctuation


def normalize(text: str) -> str:
    """Return the text with each run of ! ? … , . - reduced to its first mark."""
    return collapse_punctuation(text)
