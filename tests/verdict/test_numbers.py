from __future__ import annotations

import math

import pytest

from superion.numbers import number, with_interval


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.123"),
        (9.996, "10.0"),
        (1234.5, "1234"),
        (-0.031, "−0.0310"),
        (2.5e-6, "2.50 × 10⁻⁶"),
        (1.234e8, "1.23 × 10⁸"),
        (0.0, "0"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((0.12345, 0.0543, 0.1926), "0.123 (0.054 to 0.193)"),
        ((12.34, 5.1, 18.2), "12.3 (5.1 to 18.2)"),
        ((-0.2, -15.0, 14.6), "0 (−15 to 15)"),
        ((1e6, 1e3, 1e9), "1.00 × 10⁶ (1000 to 1.00 × 10⁹)"),
        ((3.0, 3.0, 3.0), "3.00 (3.00 to 3.00)"),
        ((1.0, 0.0, math.inf), "1.00 (0 to ∞)"),
        ((-37.5738100184, -37.5738100196, -37.5738100173), "−37.5738 (−37.5738 to −37.5738)"),
    ],
)
def test_intervals_have_matching_decimals(value: tuple[float, float, float], text: str) -> None:
    assert with_interval(*value) == text
