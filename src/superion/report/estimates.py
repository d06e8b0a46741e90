"""Numbers with a 95 % interval, their ratio, and how they are written."""

from __future__ import annotations

import math
from dataclasses import dataclass

from superion.numbers import number, superscript


@dataclass(frozen=True, slots=True)
class Estimate:
    """A positive quantity with its 95 % interval; `value` and `low` are None if only `high` is known.

    low: may be 0. high: the upper end of the interval, or the upper bound, may be inf.
    """

    value: float | None
    low: float | None
    high: float

    @property
    def is_bound(self) -> bool:
        """True if nothing is known but an upper bound."""
        return self.value is None or self.low is None


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio and its 95 % interval; `value` is None where a part of it is only bounded."""

    value: float | None
    low: float
    high: float

    @property
    def differs(self) -> bool:
        """True if 1 is outside the interval."""
        return self.low > 1 or self.high < 1


def ratio(above: Estimate, below: Estimate) -> Ratio:
    """The ratio of two independent positive quantities.

    The limits of the logarithms are combined as by Zou and Donner, Stat. Med. 2008, 27, 1693 (method
    of variance estimates recovery). If one of the two is only bounded, the ratio is bounded by the worst
    case; if both are, nothing is known and the interval is (0, inf).
    """
    if (
        above.value is not None
        and above.low is not None
        and below.value is not None
        and below.low is not None
    ):
        if above.value <= 0 or below.value <= 0:
            return Ratio(None, 0.0, math.inf)
        down = math.hypot(_log(above.value, above.low), _log(below.high, below.value))
        up = math.hypot(_log(above.high, above.value), _log(below.value, below.low))
        value = above.value / below.value
        return Ratio(value, value * math.exp(-down), value * _exp(up))
    if above.is_bound and below.low:
        return Ratio(None, 0.0, above.high / below.low)
    if below.is_bound and above.low and below.high > 0:
        return Ratio(None, above.low / below.high, math.inf)
    return Ratio(None, 0.0, math.inf)


def plus_minus(value: float, half_width: float | None) -> str:
    """`0.1210 ± 0.0064`: the half width to two significant digits, the value to as many decimals."""
    if half_width is None or not half_width > 0:
        return number(value)
    decimals = max(0, 1 - math.floor(math.log10(half_width)))
    return f"{value:.{decimals}f} ± {half_width:.{decimals}f}"


def duration(seconds: float | None) -> str:
    """`9.3 s`, `6 min 52 s` or `2 h 15 min`."""
    if seconds is None:
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s" if seconds >= 0.95 else f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def written(estimate: Estimate) -> str:
    """`12 (8.1–18)`, or `< 18 (upper bound only)`; a bound never looks like a value."""
    if estimate.value is None or estimate.low is None:
        return f"< {number(estimate.high, 2)} (upper bound only)"
    return _with_interval(estimate.value, estimate.low, estimate.high)


def written_ratio(found: Ratio) -> str:
    """`1.4 (0.9–2.1)`, or `< 0.4` or `> 2.5` where a part of it is only bounded."""
    if found.value is not None:
        return _with_interval(found.value, found.low, found.high)
    if math.isfinite(found.high):
        return f"< {number(found.high, 2)}"
    return f"> {number(found.low, 2)}" if found.low > 0 else "unknown"


def _with_interval(value: float, low: float, high: float) -> str:
    digits = 3 if high - low < 0.2 * value else 2
    power = math.floor(math.log10(value)) if value > 0 else 0
    if -4 < power < 5:
        return f"{number(value, digits)} ({number(low, digits)}–{number(high, digits)})"
    scale = 10.0**power
    parts = [number(part / scale, digits) for part in (value, low, high)]
    return f"{parts[0]} ({parts[1]}–{parts[2]}) × 10{superscript(power)}"


def _log(large: float, small: float) -> float:
    return math.inf if small <= 0 or math.isinf(large) else math.log(large / small)


def _exp(value: float) -> float:
    return math.inf if value > 700 else math.exp(value)
