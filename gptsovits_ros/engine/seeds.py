"""Every source of randomness of an utterance has a seed of its own, made of that of the utterance.

So a segment sounds the same whatever was drawn before it: in pieces or whole, after attempts that
came out wrong or none, and when a text is spoken from its middle on.
"""

from __future__ import annotations

import hashlib

# Stands where a segment has its number, and is none.
_NOISE = 2**64 - 1


def attempt_seed(seed: int, segment: int, attempt: int = 0) -> int:
    """Return the seed of the tokens of an attempt at a segment, [0, 2^63)."""
    return _derived(seed, segment, attempt)


def noise_seed(seed: int) -> int:
    """Return the seed of the noise that goes with the tokens of an attempt, [0, 2^63)."""
    return _derived(seed, _NOISE, 0)


def _derived(*numbers: int) -> int:
    words = b''.join((number % 2**64).to_bytes(8, 'little') for number in numbers)
    return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), 'little') >> 1
