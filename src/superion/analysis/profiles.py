"""Charge, electric field and potential across a slab, averaged over planes and frames.

Along the normal z of two cell axes, with the area A of the cell, Poisson's equation has one dimension:

    ρ(z) = Σ q g(z − z_i)/A,   E(z) = E₀ + ∫ρ dz/ε₀,   φ(z) = −∫E dz,

where g is a normal distribution with the variance along one axis, ⟨r²⟩/3, of the density of the atom: charge,
dipole and quadrupole of planes are kept, and with them every step of the potential. Dipoles p of atoms add
−p·∇g. The integrals are done exactly, not on the grid. E₀ follows from the surroundings (Yeh, Berkowitz,
J. Chem. Phys. 111, 3155, 1999):

    conducting: the mean field is the one applied, as in an Ewald sum; without field φ is periodic
    vacuum:     the field left of everything is the one applied, as of a slab alone in space

A running mean over one period of a crystal takes out what planes of atoms do and leaves what they add up to,
the macroscopic average (Baldereschi, Baroni, Resta, Phys. Rev. Lett. 61, 734, 1988).
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
from superion.progress import track

Array = np.ndarray
IMAGES = (-1.0, 0.0, 1.0)
NEUTRAL = 1e-6
FAR = 9.0
"""Widths within which a normal distribution lies, to rounding."""
ATOMS = 2000
"""Atoms whose integrals are held at once."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Planar averages at K heights.

    height: (K,) Å, centres of equal layers over the cell, from the plane through its origin. normal: (3,),
    unit vector along which heights are counted. charge: (K,) e/Å³, mean of each layer. fields: (F, K) V/Å
    along the normal, mean of each layer in each structure. potential: (K,) V at the centres; its mean is
    zero for conducting surroundings, its value in the lowest layer for vacuum.
    """

    height: Array
    normal: Array
    charge: Array
    fields: Array
    potential: Array

    @property
    def field(self) -> Array:
        """(K,) V/Å along the normal, mean of each layer and over structures."""
        return np.asarray(self.fields.mean(axis=0))

    @property
    def thickness(self) -> float:
        """Å, of the cell along the normal."""
        return float(self.height[-1] + self.height[0])


def electrostatic_profile(
    structures: Sequence[Atoms],
    charges: ChargeModel,
    densities: Mapping[str, Density] | Density,
    *,
    axis: int = 2,
    layers: int = 400,
    smoothing: float = 0.0,
    window: float = 0.0,
    field: float | Array = 0.0,
    dipoles: Sequence[Array] | None = None,
    surroundings: Literal["conducting", "vacuum"] = "conducting",
    progress: bool = False,
) -> Profile:
    """Charge density, field and potential along one cell axis, averaged over structures of one constant cell.

    densities: as of a Coulomb term. axis: 0, 1 or 2; the normal is that of the other two. smoothing: Å,
    standard deviation by which everything is smeared in addition, for curves without the structure of
    planes of atoms. window: Å over which a running mean is taken, a period of the crystal. field: applied
    along the normal, V/Å, one for all structures or (F,). dipoles: (N, 3) e·Å of the atoms of each structure,
    beside their charges; without any width they have no charge density. For vacuum the cell must hold the
    slab in one piece, and what lies across its boundary is taken to be at the side where it is after
    wrapping. Raises InputError for a charged cell, different cells, and numbers out of range.
    """
    numbers = np.array([smoothing, window])
    if (
        axis not in (0, 1, 2)
        or layers < 2
        or not ((numbers >= 0) & (numbers < 1e6)).all()
        or not np.isfinite(field).all()
    ):
        raise InputError(
            f"axis must be 0, 1 or 2, layers at least 2, smoothing and window at least 0 Å and the field "
            f"finite; found {axis}, {layers}, {smoothing}, {window} and {field}."
        )
    if surroundings not in ("conducting", "vacuum"):
        raise InputError(f"surroundings must be conducting or vacuum, found {surroundings!r}.")
    if not structures:
        raise InputError("a profile needs at least one structure.")
    cell = structures[0].cell.array
    normal, area, thick = planes(cell, axis)
    edges = np.linspace(0, thick, layers + 1)
    middle = 0.5 * (edges[1:] + edges[:-1])
    applied = np.broadcast_to(np.asarray(field, dtype=np.float64), len(structures))
    charge, potential = np.zeros(layers), np.zeros(layers)
    fields = np.zeros((len(structures), layers))
    every = track(enumerate(structures), "profile", len(structures), show=progress)
    for number, atoms in every:
        if not np.allclose(atoms.cell.array, cell, atol=1e-8):
            raise InputError(
                "its cell is another one than that of the first structure.",
                frame=number,
                remedy="take a run at constant volume.",
            )
        q = checked_charges(atoms, charges)
        if abs(q.sum()) > NEUTRAL:
            raise InputError(
                f"the cell has a charge of {q.sum():+.4g} e: its field has no mean.",
                frame=number,
                remedy="use charges that add up to zero.",
            )
        q = q / area
        p = np.zeros(len(atoms)) if dipoles is None else np.asarray(dipoles[number]) @ normal / area
        place = (atoms.positions @ np.linalg.inv(cell))[:, axis] % 1.0 * thick
        width = np.sqrt(_variances(atoms, densities) + smoothing**2)
        if len(atoms) and 4 * width.max() + 0.5 * window > thick:
            raise InputError(
                f"charges as wide as {width.max():.3g} Å in a window of {window:.3g} Å do not fit into a "
                f"cell {thick:.3g} Å thick.",
                remedy="smooth less, or repeat the cell along the normal.",
            )
        reach = FAR * width + 0.5 * window
        for image in IMAGES if surroundings == "conducting" else (0.0,):
            z = place + image * thick
            below = z + reach < 0  # all of it is, so that its field is constant
            fields[number] += q[below].sum() / EPSILON_0
            potential -= (middle * q[below].sum() - q[below] @ z[below] - p[below].sum()) / EPSILON_0
            here = np.flatnonzero(~below & (z - reach < thick))
            for start in range(0, len(here), ATOMS):
                part = here[start : start + ATOMS]
                height, step, ramp = _integrals(edges[:, None] - z[part], width[part], window)
                charge += np.diff(step @ q[part] - height @ p[part]) / np.diff(edges)
                fields[number] += np.diff(ramp @ q[part] - step @ p[part]) / np.diff(edges) / EPSILON_0
                _, step, ramp = _integrals(middle[:, None] - z[part], width[part], window)
                potential -= (ramp @ q[part] - step @ p[part]) / EPSILON_0
    if surroundings == "conducting":
        potential += fields.mean(axis=1).sum() * middle
        fields -= fields.mean(axis=1, keepdims=True)
    charge, potential = charge / len(structures), potential / len(structures)
    potential -= potential.mean() if surroundings == "conducting" else potential[0]
    return Profile(
        middle,
        normal,
        charge,
        fields + applied[:, None],
        potential - applied.mean() * (middle - middle.mean()),
    )


def planes(cell: Array, axis: int) -> tuple[Array, float, float]:
    """Of the planes out of which a cell axis leads: normal (3,), area of the cell in Å², its thickness in Å.

    Raises InputError for a cell without volume.
    """
    across = np.cross(cell[axis - 2], cell[axis - 1])
    volume = float(across @ cell[axis])
    if volume == 0:
        raise InputError("a profile needs a cell with a volume.", remedy="set the cell.")
    area = float(np.linalg.norm(across))
    return across / area * np.sign(volume), area, abs(volume) / area


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


def _integrals(x: Array, width: Array, window: float) -> tuple[Array, Array, Array]:
    """Normal distributions of width (N,) at x (K, N), their first and their second integral.

    window: of a running mean, for which each of them is a difference of the next one.
    """
    if window > 0:
        low, high = (_normal(x + side * window, width) for side in (-0.5, 0.5))
        density, step, ramp = ((b - a) / window for a, b in zip(low[1:], high[1:], strict=True))
        return density, step, ramp
    return _normal(x, width)[:3]


def _normal(x: Array, width: Array) -> tuple[Array, Array, Array, Array]:
    """Normal distributions (none for width 0), first, second and third integral up to x (K, N)."""
    sharp = width == 0
    s = np.where(sharp, 1.0, width)
    step = 0.5 + 0.5 * torch.erf(torch.from_numpy(x / (sqrt(2) * s))).numpy()
    density = np.exp(-0.5 * (x / s) ** 2) / (s * sqrt(2 * pi))
    bell, ahead = s * s * density, np.maximum(x, 0.0)
    return (
        np.where(sharp, 0.0, density),
        np.where(sharp, np.heaviside(x, 0.5), step),
        np.where(sharp, ahead, x * step + bell),
        np.where(sharp, 0.5 * ahead**2, 0.5 * ((x * x + s * s) * step + x * bell)),
    )
