"""Units in languages that say a part of some before the number, as in "時速60キロ"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_LENGTHS = ('km', 'm', 'cm', 'mm', 'mi', 'ft')


@dataclass(frozen=True)
class UnitWords:
    """The words of one language for units as they are written.

    Attributes:
        names: of units that are not made of prefix and stem.
        prefixes: of metric units; '' for none.
        stems: what prefixes stand before.
        powers: said before the name, by the raised digit.
        before: said before the number, by the unit.
        speeds: said before the number of a length in a time, by the unit of time.
        per: said behind the name, by what stands behind the slash.
        joint: said between the names of two other units.

    """

    names: Mapping[str, str]
    prefixes: Mapping[str, str]
    stems: Mapping[str, str]
    powers: Mapping[str, str]
    before: Mapping[str, str]
    speeds: Mapping[str, str]
    per: Mapping[str, str]
    joint: str

    def unit(self, written: str) -> tuple[str, str] | None:
        """Return what is said before and behind the number, or None if it is not known."""
        above, slash, below = written.partition('/')
        name = self._simple_unit(above)
        if name is None:
            return None
        if not slash:
            return self.before.get(written, ''), name
        if below in self.speeds and above in _LENGTHS:
            return self.speeds[below], name
        if below in self.per:
            return '', name + self.per[below]
        per = self._simple_unit(below)
        return None if per is None else ('', f'{name}{self.joint}{per}')

    def _simple_unit(self, written: str) -> str | None:
        if written in self.names:
            return self.names[written]
        for length in (0, 1):
            prefix, stem = written[:length], written[length:]
            if prefix in self.prefixes and stem in self.stems:
                return self.prefixes[prefix] + self.stems[stem]
        if written[-1:] in self.powers and len(written) > 1:
            stem = self._simple_unit(written[:-1])
            return None if stem is None else self.powers[written[-1]] + stem
        return None
