"""Equation of state: the energy of a crystal against its volume, by Birch and Murnaghan.

With x = V^(−2/3) the third order in the Eulerian strain (Birch, Phys. Rev. 71, 809, 1947) is a cubic in x,

    E(V) = E₀ + (9 V₀ B₀/16) {[(V₀/V)^(2/3) − 1]³ B₀' + [(V₀/V)^(2/3) − 1]² [6 − 4 (V₀/V)^(2/3)]}
         = c₀ + c₁ x + c₂ x² + c₃ x³

so that the least squares are linear. At the minimum, with E' the slope in x,

    E' = 0,    B₀ = (4/9) x² E''/V₀,    B₀' = 4 + (2/3) x E'''/E''
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms, units

from superion.errors import MAKE_CRYSTAL, InputError

Array = np.ndarray
FEWEST = 5
"""Points that four parameters and an error need."""


@dataclass(frozen=True, slots=True)
class EquationOfState:
    """Energy (eV), volume (Å³), bulk modulus (eV/Å³) and its derivative with pressure, at zero pressure.

    errors: standard errors of these four by the least squares. residual: root mean square in eV, for n − 4.
    """

    energy: float
    volume: float
    modulus: float
    derivative: float
    errors: tuple[float, float, float, float]
    residual: float

    def __call__(self, volumes: Array) -> Array:
        """Energies (eV) at volumes (Å³)."""
        s = (self.volume / np.asarray(volumes, dtype=np.float64)) ** (2 / 3)
        return self.energy + 9 * self.volume * self.modulus / 16 * (
            (s - 1) ** 3 * self.derivative + (s - 1) ** 2 * (6 - 4 * s)
        )

    def pressures(self, volumes: Array) -> Array:
        """Pressures (eV/Å³) at volumes (Å³)."""
        s = (self.volume / np.asarray(volumes, dtype=np.float64)) ** (1 / 3)
        return 1.5 * self.modulus * (s**7 - s**5) * (1 + 0.75 * (self.derivative - 4) * (s**2 - 1))


def birch_murnaghan(volumes: Sequence[float] | Array, energies: Sequence[float] | Array) -> EquationOfState:
    """Fit to n volumes (Å³) and energies (eV) of the same cell.

    InputError for fewer than five different volumes, and for a minimum that lies outside their range.
    """
    v, e = np.asarray(volumes, dtype=np.float64), np.asarray(energies, dtype=np.float64)
    if v.ndim != 1 or v.shape != e.shape or not (np.isfinite(v).all() and np.isfinite(e).all()):
        raise InputError(
            f"volumes and energies must be finite and as many, found shapes {v.shape} and {e.shape}."
        )
    if len(np.unique(v)) < FEWEST or v.min() <= 0:
        raise InputError(
            f"an equation of state needs {FEWEST} different positive volumes, found {len(np.unique(v))}.",
            remedy=f"compute at least {FEWEST} (--points), some on either side of the minimum.",
        )
    scale = float(v[e.argmin()])
    x = (scale / v) ** (2 / 3)
    powers = x[:, None] ** np.arange(4)
    middle = float(e.min())
    ends = f"{v.min():.6g} to {v.max():.6g} Å³"
    coefficients = np.linalg.lstsq(powers, e - middle, rcond=None)[0]
    found = _minimum(coefficients, scale, ends)
    if not v.min() <= found[1] <= v.max():
        raise InputError(
            f"the energies from {ends} have their minimum outside, near {found[1]:.6g} Å³.",
            remedy="shift the range of volumes (--range), so that some are on either side of the minimum.",
        )
    rest = e - middle - powers @ coefficients
    variance = float(rest @ rest) / max(len(v) - 4, 1)
    upper = np.linalg.qr(powers, mode="r")
    deviations = np.sqrt(variance) * np.linalg.inv(upper)  # columns: independent errors of the coefficients
    spread = [
        0.5 * (_minimum(coefficients + h, scale, ends) - _minimum(coefficients - h, scale, ends)) / 1e-3
        for h in 1e-3 * deviations.T
    ]
    energy, volume, modulus, derivative = (float(value) for value in found)
    wrong = [float(value) for value in np.sqrt(np.sum(np.square(spread), axis=0))]
    return EquationOfState(
        energy + middle,
        volume,
        modulus,
        derivative,
        (wrong[0], wrong[1], wrong[2], wrong[3]),
        float(np.sqrt(variance)),
    )


def _minimum(coefficients: Array, scale: float, ends: str) -> Array:
    """(4,): energy, volume, modulus and its derivative at the minimum of the cubic in (scale/V)^(2/3)."""
    _, c1, c2, c3 = coefficients
    # The root with positive curvature of c1 + 2 c2 x + 3 c3 x², in the form that has no cancellation.
    inside = c2 * c2 - 3 * c1 * c3
    x = -c1 / (c2 + np.sqrt(inside)) if inside > 0 and c2 + np.sqrt(inside) != 0 else -1.0
    curvature = 2 * c2 + 6 * c3 * x
    if x <= 0 or curvature <= 0:
        raise InputError(
            f"the energies from {ends} have no minimum.",
            remedy="shift or widen the range of volumes (--range); the energies may be noisy, too.",
        )
    volume = scale * x**-1.5
    return np.array(
        [
            coefficients @ x ** np.arange(4),
            volume,
            4 / 9 * x**2 * curvature / volume,
            4 + 2 / 3 * x * 6 * c3 / curvature,
        ]
    )


def at_volumes(atoms: Atoms, ratios: Sequence[float] | Array) -> list[Atoms]:
    """The crystal with its volume scaled by each ratio; shape of the cell and fractional positions stay."""
    if not atoms.pbc.all() or atoms.cell.rank < 3:
        raise InputError(
            "an equation of state needs a crystal periodic along three axes.",
            remedy=MAKE_CRYSTAL,
        )
    factors = np.asarray(ratios, dtype=np.float64)
    if not (np.isfinite(factors).all() and (factors > 0).all()):
        raise InputError(f"ratios of volumes must be positive, found {factors.tolist()}.")
    scaled = []
    for factor in factors:
        one = atoms.copy()
        one.set_cell(atoms.cell * factor ** (1 / 3), scale_atoms=True)
        scaled.append(one)
    return scaled


def mismatch(
    energies: Sequence[float] | Array,
    fit: EquationOfState,
    reference: Sequence[float] | Array,
    truth: EquationOfState,
) -> dict[str, Any]:
    """Energies (eV) over their minimum less those of a reference over its own, on the same structures.

    differences_eV, rms_eV, largest_eV; volume, modulus: relative differences of the fits at their minima.
    """
    if len(energies) != len(reference):
        raise InputError(f"found {len(energies)} energies, but {len(reference)} of the reference.")
    apart = (np.asarray(energies) - fit.energy) - (np.asarray(reference) - truth.energy)
    return {
        "differences_eV": apart.tolist(),
        "rms_eV": float(np.sqrt(np.mean(apart**2))),
        "largest_eV": float(np.abs(apart).max()),
        "volume": fit.volume / truth.volume - 1,
        "modulus": fit.modulus / truth.modulus - 1,
    }


def curve_record(
    name: str, volumes: Sequence[float] | Array, energies: Sequence[float] | Array, fit: EquationOfState
) -> dict[str, Any]:
    """A curve and its fit, JSON-ready: volumes_A3, energies_eV; the others as [value, standard error]."""
    energy, volume, modulus, derivative = fit.errors
    return {
        "name": name,
        "volumes_A3": np.asarray(volumes, dtype=np.float64).tolist(),
        "energies_eV": np.asarray(energies, dtype=np.float64).tolist(),
        "energy_eV": [fit.energy, energy],
        "volume_A3": [fit.volume, volume],
        "modulus_GPa": [fit.modulus / units.GPa, modulus / units.GPa],
        "derivative": [fit.derivative, derivative],
        "residual_eV": fit.residual,
    }
