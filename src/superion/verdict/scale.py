"""How the comparison of a row is shown: in its unit, in percent or as a factor."""

from __future__ import annotations

import math
from dataclasses import dataclass

from superion.numbers import number, with_interval
from superion.verdict.rows import Row
from superion.verdict.topics import Tolerance
from superion.verdict.uncertain import Uncertain

FACTOR, PERCENT = "×", "%"


def change(row: Row, difference: Uncertain) -> Uncertain:
    """Electrostatic − local. What a difference of errors says is how much is removed: minus the change."""
    return Uncertain(-difference.value, difference.parts) if row.kind == "error" else difference


@dataclass(frozen=True, slots=True)
class Scale:
    """From the units of a tolerance's `value` to what is shown: the unit of the row, percent, a factor."""

    unit: str

    @classmethod
    def of(cls, row: Row, tolerance: Tolerance) -> Scale:
        """The scale of a row."""
        if not tolerance.relative:
            return cls(row.unit)
        return cls(FACTOR if "factor" in tolerance.text else PERCENT)

    def shown(self, value: float) -> float:
        """A difference of logarithms as percent or factor; others as they are."""
        if self.unit == FACTOR:
            return math.exp(min(value, 700.0))
        return 100 * math.expm1(min(value, 700.0)) if self.unit == PERCENT else value

    def interval(self, found: Uncertain, level: float) -> tuple[float, float, float]:
        """Value, low and high end as they are shown."""
        low, high = found.interval(level)
        return self.shown(found.value), self.shown(low), self.shown(high)

    def text(self, found: Uncertain, level: float) -> str:
        """`0.12 (0.05 to 0.19) eV`, `12 (5 to 18) %`, `a factor of 1.10 (0.83 to 1.45)`."""
        return self._with_unit(with_interval(*self.interval(found, level)), "a factor of ")

    def removed(self, found: Uncertain, level: float) -> str:
        """The same of what a change takes away: `12 (5 to 18) %` for a change of −12 (−18 to −5) %."""
        value, low, high = self.interval(found, level)
        return self._with_unit(with_interval(-value, -high, -low), "")

    def cell(self, found: Uncertain, level: float) -> str:
        """As `text`, for a table: `× 1.10 (0.83 to 1.45)`."""
        return self._with_unit(with_interval(*self.interval(found, level)), "× ")

    def plain(self, value: float, factor: str = "a factor of ") -> str:
        """The same without interval."""
        return self._with_unit(number(self.shown(value), 2), factor)

    def _with_unit(self, text: str, factor: str) -> str:
        return f"{factor}{text}" if self.unit == FACTOR else f"{text} {self.unit}"
