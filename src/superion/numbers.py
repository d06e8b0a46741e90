"""Numbers as text: significant digits, powers of ten, intervals."""

from __future__ import annotations

import math

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, digits: int = 3) -> str:
    """`value` to significant digits, a dash if there is none."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    power = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    if not -4 < power < 5:
        return f"{value / 10.0**power:.{digits - 1}f} × 10{superscript(power)}".replace("-", "−")
    return f"{value:.{max(0, digits - 1 - power)}f}".replace("-", "−")


def superscript(power: int) -> str:
    """An exponent of ten."""
    return str(power).translate(_SUPERSCRIPT)


def with_interval(value: float, low: float, high: float) -> str:
    """`0.12 (0.05 to 0.19)`: as many decimals as two significant digits of half the interval need.

    No more than six significant digits, for an interval may be as narrow as rounding.
    """
    half, largest = (high - low) / 2, max(abs(low), abs(high))
    if not 0 < half < 1000:
        return f"{number(value)} ({number(low)} to {number(high)})"
    decimals = max(0, min(1 - math.floor(math.log10(half)), 5 - math.floor(math.log10(largest))))
    return "{} ({} to {})".format(*(_fixed(x, decimals) for x in (value, low, high)))


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}".replace("-", "−")
    return text.replace("−", "") if not text.strip("−0.") else text
