"""Noise itself: it widens the limits of all other checks, and may not widen them without end."""

from __future__ import annotations

from superion.conformance.limits import SHARE, Measured, worst
from superion.conformance.registry import Case, check

COARSE = 10.0
"""Noise in units of the accuracy of forces. With 1e-4 eV/Å a structure still relaxes to 1e-3 eV/Å."""


@check("noise", "rounding leaves the digits of energies and forces that relaxation and dynamics need")
def noise(case: Case) -> Measured:
    """Standard deviations under tiny moves."""
    found, n, limit = case.limits.noise, len(case.atoms), COARSE * case.settings.accuracy
    return worst(
        [
            Measured(found.force, limit, "eV/Å", "force"),
            Measured(found.energy / n, limit * SHARE, "eV/atom", "energy"),
        ]
    )
