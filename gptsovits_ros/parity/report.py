"""What a parity case reports: one row per quantity compared with the official implementation."""

from __future__ import annotations

from dataclasses import dataclass

OK, FAIL, TODO = 'ok', 'FAIL', 'todo'


@dataclass(frozen=True)
class Row:
    """One compared quantity.

    Attributes:
        case: folder name of the golden case, e.g. "s2_v2".
        quantity: what was compared, e.g. "s100_audio".
        status: OK, FAIL, or TODO for a quantity whose code does not exist yet.
        error: the largest difference found; None where nothing was computed.
        tolerance: the largest difference allowed; None where nothing was computed.
        note: what a reader should know (counts, or why it is still to do).

    """

    case: str
    quantity: str
    status: str
    error: float | None = None
    tolerance: float | None = None
    note: str = ''


def compared(case: str, quantity: str, error: float, tolerance: float, note: str = '') -> Row:
    """Judge an error against its tolerance; an error that is not a number fails."""
    return Row(case, quantity, OK if error <= tolerance else FAIL, error, tolerance, note)


def todo(case: str, quantity: str, note: str) -> Row:
    """Report a quantity that no code computes yet."""
    return Row(case, quantity, TODO, note=note)
