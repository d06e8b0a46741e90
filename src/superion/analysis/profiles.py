"""Charge, electric field and potential across a slab, averaged over planes and frames.

Along the normal z of two cell axes, with the area A of the cell, Poisson's equation has one dimension:

    ρ(z) = Σ q g(z − z_i)/A,   E(z) = E₀ + ∫ρ dz/ε₀,   φ(z) = −∫E dz,

where g is a normal distribution with the variance along one axis, ⟨r²⟩/3, of the density of the atom: charge,
dipole and quadrupole of planes are kept, and with them every step of the potential. The integrals are done
exactly, not on the grid. E₀ follows from the surroundings (Yeh, Berkowitz, J. Chem. Phys. 111, 3155, 1999):

    conducting: the mean field is the one applied, as in an Ewald sum; without field φ is periodic
    vacuum:     the field left of everything is the one applied, as of a slab alone in space
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import pi, sqrt
from typing import Literal

import numpy as np
import torch
from ase import Atoms

from superion.electrostatics.charges import ChargeModel
from superion.electrostatics.densities import Density
from superion.electrostatics.polarization import EPSILON_0, checked_charges
from superion.errors import InputError, ModelError

Array = np.ndarray
IMAGES = (-1.0, 0.0, 1.0)
NEUTRAL = 1e-6
ATOMS = 2000
"""Atoms whose integrals are held at once."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Planar averages at K heights.

    height: (K,) Å, centres of equal layers over the cell, from the plane through its origin. charge: (K,)
    e/Å³, mean of each layer. field: (K,) V/Å along the normal. potential: (K,) V; its mean is zero for
    conducting surroundings, its value at the bottom of the cell for vacuum.
    """

    height: Array
    charge: Array
    field: Array
    potential: Array


def electrostatic_profile(
    structures: Sequence[Atoms],
    charges: ChargeModel,
    densities: Mapping[str, Density] | Density,
    *,
    axis: int = 2,
    layers: int = 400,
    smoothing: float = 0.0,
    field: float = 0.0,
    surroundings: Literal["conducting", "vacuum"] = "conducting",
) -> Profile:
    """Charge density, field and potential along one cell axis, averaged over structures of one constant cell.

    densities: as of a Coulomb term. axis: 0, 1 or 2; the normal is that of the other two. smoothing: Å,
    standard deviation by which everything is smeared in addition, for curves without the structure of
    planes of atoms. field: applied along the normal, V/Å. For vacuum the cell must hold the slab in one
    piece, and what lies across its boundary is taken to be at the side where it is after wrapping. Raises
    InputError for a charged cell, different cells, and numbers out of range.
    """
    if axis not in (0, 1, 2) or layers < 2 or not smoothing >= 0 or not np.isfinite(field):
        raise InputError(
            f"axis must be 0, 1 or 2, layers at least 2, smoothing at least 0 Å and the field finite; found "
            f"{axis}, {layers}, {smoothing} and {field}."
        )
    if surroundings not in ("conducting", "vacuum"):
        raise InputError(f"surroundings must be conducting or vacuum, found {surroundings!r}.")
    if not structures:
        raise InputError("a profile needs at least one structure.")
    cell = structures[0].cell.array
    volume = abs(float(np.linalg.det(cell)))
    if volume == 0:
        raise InputError("a profile needs a cell with a volume.", remedy="set the cell.")
    area = float(np.linalg.norm(np.cross(cell[axis - 2], cell[axis - 1])))
    thick = volume / area
    edges = np.linspace(0, thick, layers + 1)
    middle = 0.5 * (edges[1:] + edges[:-1])
    charge, strength, potential = np.zeros(layers), np.zeros(layers), np.zeros(layers)
    mean = 0.0
    for number, atoms in enumerate(structures):
        if not np.allclose(atoms.cell.array, cell, atol=1e-8):
            raise InputError(
                "its cell is another one than that of the first structure.",
                frame=number,
                remedy="take a run at constant volume.",
            )
        q = checked_charges(atoms, charges) / (area * len(structures))
        if abs(q.sum()) * area * len(structures) > NEUTRAL:
            raise InputError(
                f"the cell has a charge of {q.sum() * area * len(structures):+.4g} e: its field has no mean.",
                frame=number,
                remedy="use charges that add up to zero.",
            )
        place = (atoms.positions @ np.linalg.inv(cell))[:, axis] % 1.0 * thick
        width = np.sqrt(_variances(atoms, densities) + smoothing**2)
        if len(atoms) and width.max() > thick / 4:
            raise InputError(
                f"charges as wide as {width.max():.3g} Å do not fit into a cell {thick:.3g} Å thick.",
                remedy="smooth less, or repeat the cell along the normal.",
            )
        for start in range(0, len(atoms), ATOMS):
            part = slice(start, start + ATOMS)
            for image in IMAGES if surroundings == "conducting" else (0.0,):
                z, s = place[part] + image * thick, width[part]
                below, ramp = _integrals(edges[:, None] - z, s)
                charge += np.diff(below, axis=0) @ q[part] / np.diff(edges)
                mean += float((ramp[-1] - ramp[0]) @ q[part]) / (EPSILON_0 * thick)
                below, ramp = _integrals(middle[:, None] - z, s)
                strength += below @ q[part] / EPSILON_0
                potential -= ramp @ q[part] / EPSILON_0
    if surroundings == "conducting":
        strength -= mean
        potential += mean * middle
        potential -= potential.mean()
    else:
        potential -= potential[0]
    return Profile(middle, charge, strength + field, potential - field * (middle - middle.mean()))


def _variances(atoms: Atoms, densities: Mapping[str, Density] | Density) -> Array:
    """(N,) Å², along one axis."""
    if not isinstance(densities, Mapping):
        return np.full(len(atoms), densities.second_moment / 3)
    every = densities.get("*")
    found = []
    for k, symbol in enumerate(atoms.get_chemical_symbols()):
        density = densities.get(symbol, every)
        if density is None:
            raise ModelError(f"no charge density for {symbol} (atom {k}).", remedy="add the density.")
        found.append(density.second_moment / 3)
    return np.array(found)


def _integrals(x: Array, width: Array) -> tuple[Array, Array]:
    """First and second integral up to x (K, N) of normal distributions of width (N,); step, ramp for 0."""
    sharp = width == 0
    s = np.where(sharp, 1.0, width)
    below = 0.5 + 0.5 * torch.erf(torch.from_numpy(x / (sqrt(2) * s))).numpy()
    ramp = x * below + s / sqrt(2 * pi) * np.exp(-0.5 * (x / s) ** 2)
    return np.where(sharp, np.heaviside(x, 0.5), below), np.where(sharp, np.maximum(x, 0.0), ramp)
