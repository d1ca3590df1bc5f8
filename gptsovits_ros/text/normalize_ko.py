"""Korean text as it is spoken: as it is written (gptsovits-spec section 4.9).

Numbers are words only after the grammar of the sentence is known, so g2p_ko reads them.
"""

from __future__ import annotations


def normalize(text: str) -> str:
    """Return the text unchanged."""
    return text
