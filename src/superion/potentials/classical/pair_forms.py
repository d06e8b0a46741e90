"""Analytic energies of two atoms a distance r apart, as classical force fields use them.

    Buckingham   A exp(−r/ρ) − C/r⁶                      (Proc. R. Soc. A 168, 264 (1938); C = 0: Born–Mayer)
    Morse        D [(1 − exp(−β (r − r₀)))² − 1]         (Phys. Rev. 34, 57 (1929))

Buckingham's energy falls to −∞ as r → 0. Here it goes on as a straight line below the inflection of its
repulsive wall, where the slope is steepest: value, slope and curvature are continuous, and the wall never
turns back. With C = 0 there is no inflection, and nothing is changed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from superion.compiled import numba
from superion.errors import InputError


@dataclass(frozen=True, slots=True)
class Buckingham:
    """A exp(−r/ρ) − C/r⁶: a (eV), rho (Å), c (eV·Å⁶); InputError if there is no repulsive wall."""

    a: float
    rho: float
    c: float = 0.0
    kind: ClassVar[str] = "buckingham"

    def __post_init__(self) -> None:
        if not (self.a >= 0 and self.c >= 0 and 0 < self.rho < math.inf and self.a + self.c < math.inf):
            raise InputError(
                f"a Buckingham energy needs a ≥ 0 eV, rho > 0 Å and c ≥ 0 eV·Å⁶, found {self}.",
                remedy="check the numbers and their units.",
            )
        if self.c > 0 and not self.c < largest_dispersion(self.a, self.rho):
            raise InputError(
                f"{self} attracts at all distances: atoms would fall into each other.",
                remedy=f"use c below {largest_dispersion(self.a, self.rho):.4g} eV·Å⁶, or a larger a.",
            )

    @property
    def inner(self) -> float:
        """The inflection of the wall (Å), below which the energy is a straight line; 0 with c = 0."""
        return wall_inflection(self.a, self.rho, self.c)

    @property
    def row(self) -> tuple[float, ...]:
        """The numbers that `pair_energy` takes after r."""
        return self.a, self.rho, self.c, self.inner, 0.0, 0.0, 0.0


@dataclass(frozen=True, slots=True)
class Morse:
    """A bond of two atoms: depth D (eV), stiffness β (1/Å), length r₀ (Å)."""

    depth: float
    stiffness: float
    length: float
    kind: ClassVar[str] = "morse"

    def __post_init__(self) -> None:
        if not all(0 < value < math.inf for value in (self.depth, self.stiffness, self.length)):
            raise InputError(
                f"a Morse energy needs positive depth (eV), stiffness (1/Å) and length (Å), found {self}.",
                remedy="check the numbers and their units.",
            )

    @property
    def row(self) -> tuple[float, ...]:
        """The numbers that `pair_energy` takes after r."""
        return 0.0, 1.0, 0.0, 0.0, self.depth, self.stiffness, self.length


PairForm = Buckingham | Morse
FORMS: dict[str, type[Buckingham] | type[Morse]] = {form.kind: form for form in (Buckingham, Morse)}


def largest_dispersion(a: float, rho: float) -> float:
    """The C (eV·Å⁶) from which on A exp(−r/ρ) − C/r⁶ has no repulsive wall any more.

    Where the curvature A/ρ² exp(−r/ρ) − 42 C/r⁸ vanishes, the slope is 6 C (r − 7ρ)/r⁸: repulsive below 7ρ.
    """
    return a * math.exp(-7.0) * (7.0 * rho) ** 8 / (42.0 * rho * rho)


def wall_inflection(a: float, rho: float, c: float) -> float:
    """Where the curvature of the repulsive wall vanishes (Å), by bisection below 7ρ; 0 with c = 0."""
    if c <= 0.0:
        return 0.0
    level = math.log(42.0 * c * rho * rho / a)
    low, high = 0.0, 7.0 * rho
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if 8.0 * math.log(middle) - middle / rho < level else (low, middle)
    return 0.5 * (low + high)


@numba.njit(cache=True, nogil=True, forceinline=True)
def pair_energy(  # type: ignore[no-untyped-def]
    r: float, a: float, rho: float, c: float, inner: float, depth: float, stiffness: float, length: float
):
    """Energy (eV) and slope (eV/Å) of two atoms at distance r (Å)."""
    at = max(r, inner)
    wall = a * math.exp(-at / rho)
    value, slope = wall, -wall / rho
    if c > 0.0:
        value -= c / at**6
        slope += 6.0 * c / at**7
        value += slope * (r - at)
    if depth > 0.0:
        decay = math.exp(-stiffness * (r - length))
        value += depth * decay * (decay - 2.0)
        slope += 2.0 * depth * stiffness * decay * (1.0 - decay)
    return value, slope
