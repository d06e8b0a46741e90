"""The chemical formula that a file states, and whether sites add up to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_PART = re.compile(r"([A-Z][a-z]?)\s*(\d*\.?\d*)(?:\(\d+\))?\s*,?\s*")
GROSS = 0.02
"""Difference of an atomic fraction beyond which sites and formula are not the same substance."""
ROUNDED = 0.02
"""Uncertainty of a refined occupancy."""


@dataclass(frozen=True, slots=True)
class Formula:
    """Amounts by element, half a unit of their last digit (0 for whole numbers), and how it was written."""

    text: str
    amounts: dict[str, float]
    precision: dict[str, float]

    @property
    def whole(self) -> bool:
        """Whether it has whole numbers only, as a crystal has that is not just a mean."""
        return all(amount.is_integer() for amount in self.amounts.values())

    @classmethod
    def parse(cls, text: str) -> Formula | None:
        """`Li7 La3 Zr2 O12`; None for what is not a plain sum of elements. Deuterium counts as hydrogen."""
        text = text.strip()
        parts = list(_PART.finditer(text))
        if not parts or "".join(part[0] for part in parts) != text or any(p[2] == "." for p in parts):
            return None
        amounts: dict[str, float] = {}
        precision: dict[str, float] = {}
        for part in parts:
            symbol = "H" if part[1] in ("D", "T") else part[1]
            decimals = len(part[2].partition(".")[2])
            amounts[symbol] = amounts.get(symbol, 0.0) + float(part[2] or 1)
            precision[symbol] = precision.get(symbol, 0.0) + (0.5 * 10.0**-decimals if decimals else 0.0)
        return cls(text, amounts, precision) if sum(amounts.values()) else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether sites are of another substance than the formula (`gross`), or which elements differ."""

    gross: bool
    elements: tuple[str, ...]
    units: float


def compare(formula: Formula, found: Mapping[str, float], uncertain: Mapping[str, float]) -> Comparison:
    """Compare a formula with the atoms in a cell, both by element.

    uncertain: numbers of sites that an element occupies in part. The number of formula units is the one that
    fits most atoms.
    """
    stated, total, count = formula.amounts, sum(formula.amounts.values()), sum(found.values())
    every = sorted(stated.keys() | found.keys())
    gross = any(abs(found.get(s, 0.0) / count - stated.get(s, 0.0) / total) > GROSS for s in every)
    shared = [s for s in stated if stated[s] > 0 and found.get(s, 0.0) > 0]
    if not shared:
        return Comparison(True, tuple(every), 0.0)
    ratios = np.array([found[s] / stated[s] for s in shared])
    order = np.argsort(ratios)
    weight = np.cumsum(np.array([found[s] for s in shared])[order])
    units = float(ratios[order][np.searchsorted(weight, weight[-1] / 2)])
    if units > 0.9 and abs(units - round(units)) < GROSS * units:
        units = float(round(units))
    differing = tuple(
        s
        for s in every
        if abs(found.get(s, 0.0) - units * stated.get(s, 0.0))
        > ROUNDED * uncertain.get(s, 0.0) + units * formula.precision.get(s, 0.0) + 0.01
    )
    return Comparison(gross, differing, units)


def formula_text(amounts: Mapping[str, float]) -> str:
    """`Li0.5 O3`."""
    return " ".join(f"{s}{n:.5g}" if abs(n - 1) > 1e-9 else s for s, n in sorted(amounts.items()))
