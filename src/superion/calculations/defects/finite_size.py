"""Energies of defects in ever larger cells, extrapolated to a crystal with one defect.

    neutral:  E(V) = E + c/V       images interact as dipoles, and by the strain around them
    charged:  E(L) = E + c·E_M     E_M = −α k/2L, the energy of a unit point charge, its images and a
                                   neutralising background; c = q²/ε

Makov, Payne, Phys. Rev. B 51, 4014 (1995). E_M is summed for the cell as it is, whatever its shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from superion.electrostatics.makov_payne import unit_charge

Array = np.ndarray
CHARGED = 1e-6
ALIKE = 0.1
"""Relative spread of what energies are a line in, below which cells are too alike to extrapolate from."""


@dataclass(frozen=True, slots=True)
class Extrapolation:
    """The energy (eV) of a defect alone and its standard error; note: what both rest on.

    slope: eV·Å³ for neutral cells, q²/ε (e²) for charged ones. against: what the energies are a line in.
    """

    name: str
    energy: float | None
    error: float | None
    slope: float | None
    against: str
    sizes: int
    note: str

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, with units in the names."""
        value = asdict(self)
        return {
            {"energy": "energy_eV", "error": "error_eV"}.get(name, name): value
            for name, value in value.items()
        }


def extrapolate(
    name: str, cells: Sequence[Array], energies: Sequence[float], charge: float = 0.0
) -> Extrapolation:
    """To an infinite cell, from energies (eV) in two or more cells (3, 3) Å of different volume.

    Two cells determine the line exactly: the error is then the whole step from the larger cell.
    """
    if abs(charge) > CHARGED:
        against = "energy of a unit charge and its images (eV/e²)"
        x = np.array([madelung_energy(cell) for cell in cells])
    else:
        against = "1/volume (1/Å³)"
        x = np.array([1 / abs(np.linalg.det(cell)) for cell in cells])
    y = np.array(energies, dtype=float)
    count = len(y)
    if count < 2 or np.ptp(x) < ALIKE * np.abs(x).max():
        note = "needs cells of two sizes" if count < 2 else f"the cells hardly differ in {against}"
        return Extrapolation(name, None, None, None, against, count, note)
    rows = np.column_stack([np.ones(count), x])
    (energy, slope), *_ = np.linalg.lstsq(rows, y, rcond=None)
    if count == 2:
        error = abs(energy - y[np.abs(x).argmin()])
        note = "two sizes fix the line exactly; the error is the step from the larger cell"
    else:
        residual = y - rows @ [energy, slope]
        variance = float(residual @ residual) / (count - 2)
        error = float(np.sqrt(variance * np.linalg.inv(rows.T @ rows)[0, 0]))
        note = f"least squares over {count} sizes"
    if abs(charge) > CHARGED and slope < 0:
        note += "; the energies do not follow the law: images of a charge lower its energy"
    if _shapes_differ(cells):
        note += "; the cells differ in shape, which the law does not contain"
    return Extrapolation(name, float(energy), float(error), float(slope), against, count, note)


def madelung_energy(cell: Array) -> float:
    """eV/e², energy of a unit point charge, its periodic images and a neutralising background."""
    return unit_charge(cell).energy


def _shapes_differ(cells: Sequence[Array]) -> bool:
    shapes = [cell / abs(np.linalg.det(cell)) ** (1 / 3) for cell in cells]
    return any(np.abs(shape @ shape.T - shapes[0] @ shapes[0].T).max() > 0.01 for shape in shapes)
