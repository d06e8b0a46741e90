"""How the comparison of a row is shown: in its unit, in percent or as a factor."""

from __future__ import annotations

import math
from dataclasses import dataclass

from superion.verdict.numbers import number, with_interval
from superion.verdict.rows import Row
from superion.verdict.tolerances import Tolerance
from superion.verdict.uncertain import Uncertain


@dataclass(frozen=True, slots=True)
class Scale:
    """From the units of a tolerance's `value` to those that are shown.

    unit: that of the row, "%" or "×". error: whether the comparison is what is removed of an error.
    """

    unit: str
    error: bool

    @classmethod
    def of(cls, row: Row, tolerance: Tolerance) -> Scale:
        """The scale of a row."""
        if not tolerance.relative:
            return cls(row.unit, row.kind == "error")
        return cls("×" if "factor" in tolerance.text else "%", row.kind == "error")

    def shown(self, value: float) -> float:
        """A difference of logarithms as percent or factor; others as they are. It grows with `value`."""
        if self.unit == "×":
            return math.exp(min(value, 700.0))
        if self.unit != "%":
            return value
        return -100 * math.expm1(-max(value, -700.0)) if self.error else 100 * math.expm1(min(value, 700.0))

    def interval(self, found: Uncertain, level: float) -> tuple[float, float, float]:
        """Value, low and high end as they are shown."""
        low, high = found.interval(level)
        return self.shown(found.value), self.shown(low), self.shown(high)

    def text(self, found: Uncertain, level: float) -> str:
        """`0.12 (0.05 to 0.19) eV`, `12 (5 to 18) %`, `a factor of 1.10 (0.83 to 1.45)`."""
        return self._with_unit(with_interval(*self.interval(found, level)))

    def plain(self, value: float) -> str:
        """The same without interval."""
        return self._with_unit(number(self.shown(value), 2))

    def _with_unit(self, text: str) -> str:
        return f"a factor of {text}" if self.unit == "×" else f"{text} {self.unit}"
