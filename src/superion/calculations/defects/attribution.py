"""What the field dependence of a formation energy is made of.

    dE_f/dE = −Δp,    d²E_f/dE² = −dΔp/dE    (Hellmann, Feynman; E_f = Δ(U − E·p) is stationary in a minimum)

so that E_f(E) = E_f(0) − Δp(0)·E + what relaxation in the field gains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SAME = 0.05
"""Relative difference up to which two ways to one number agree, beside the error of finite differences."""
SMALL_SLOPE, SMALL_CURVATURE = 0.01, 0.05
"""e·Å and e·Å²/V that differences may have in any case: residual forces are not zero."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Slope and curvature of the formation energy at zero field, each from energies and from dipoles.

    slope, minus_dipole: e·Å, along the axis. slope_error: e·Å, of the finite difference, None if fields twice
    as large are not there. curvature, minus_polarizability: e·Å²/V. step: V/Å.
    """

    slope: float
    slope_error: float | None
    minus_dipole: float
    curvature: float
    minus_polarizability: float
    step: float

    @property
    def slopes_agree(self) -> bool:
        """Whether the slope is the dipole within errors of finite differences."""
        allowed = SMALL_SLOPE + SAME * abs(self.minus_dipole) + 2 * (self.slope_error or 0.0)
        return abs(self.slope - self.minus_dipole) <= allowed

    @property
    def curvatures_agree(self) -> bool:
        """Whether the curvature is the change of the polarizability within errors of finite differences."""
        allowed = SMALL_CURVATURE + SAME * abs(self.minus_polarizability)
        return abs(self.curvature - self.minus_polarizability) <= allowed

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, with units in the names."""
        units = {"step": "V_per_A", "curvature": "eA2_per_V", "minus_polarizability": "eA2_per_V"}
        named = {f"{name}_{units.get(name, 'eA')}": value for name, value in asdict(self).items()}
        return named | {"slopes_agree": self.slopes_agree, "curvatures_agree": self.curvatures_agree}


def attribution(energies: Mapping[float, float], dipoles: Mapping[float, float]) -> Attribution | str:
    """From formation energies (eV) and dipole differences (e·Å, along the axis) by field (V/Å).

    Central differences at the smallest field that is there with both signs; a sentence if there is none.
    """
    steps = sorted(h for h in energies if h > 0 and -h in energies)
    if not steps or 0.0 not in energies:
        return "for ions hop, or there is no pair of fields ±E"
    h = steps[0]
    slopes = {k: (energies[k] - energies[-k]) / (2 * k) for k in steps}
    double = next((k for k in steps if abs(k - 2 * h) < 1e-9), None)
    return Attribution(
        slope=slopes[h],
        slope_error=None if double is None else abs(slopes[double] - slopes[h]) / 3,
        minus_dipole=-dipoles[0.0],
        curvature=(energies[h] + energies[-h] - 2 * energies[0.0]) / h**2,
        minus_polarizability=-(dipoles[h] - dipoles[-h]) / (2 * h),
        step=h,
    )
