"""The Coulomb interaction of one structure: what it makes of any charges, without automatic differentiation.

An operator holds the geometry of one structure. It answers with the potential of charges (`times`), with all
interactions (`matrix`), and with potential, forces and virial of charges (`sums`). Structures have three
periodic axes, none, or two: a slab, which is summed as a periodic cell with vacuum between the slabs whose
dipoles' interaction is taken out (Yeh and Berkowitz, J. Chem. Phys. 111, 3155, 1999),

    E = E_3D + (2π/V) M²,   M = Σ_i q_i n·r_i,   n normal to the slab,

with a vacuum that is chosen here, so wide that what is left between the slabs, exp(−2πg/a) for a gap g and a
longest period a, is below the accuracy. The height of the cell that was given does not matter. Slabs are
neutral, for the energy of a charged one is infinite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import log, pi, sqrt
from typing import Protocol

import numpy as np
import torch
from ase import Atoms

from superion.compiled import MISSING
from superion.electrostatics.coulomb_matrix import add_smooth_part, matrix_splitting
from superion.electrostatics.densities import COULOMB, Density, reach, self_interaction
from superion.electrostatics.lattice import Lattice, Sums
from superion.electrostatics.mesh_potential import MeshPotential
from superion.electrostatics.pair_values import PairValues
from superion.electrostatics.periodic import Plan, periodic_sum
from superion.electrostatics.pme import Mesh
from superion.electrostatics.tables import penetration_tables
from superion.electrostatics.torch_operator import TorchOperator
from superion.electrostatics.vacuum import vacuum_matrix, vacuum_sum
from superion.errors import InputError

Array = np.ndarray
PRECONDITIONED, NARROWEST = 1.7, 1.5
"""Width of the densities whose interaction a preconditioner inverts over that of the widest; at least, Å."""

MARGIN = 0.02
"""Part of each wave that a preconditioner leaves alone, so that its coarse mesh does not make it negative."""


class CoulombOperator(Protocol):
    """Interactions of N charges without self-interaction; eV, Å, e."""

    def times(self, charges: Array) -> Array:
        """(N,) eV/e, the potential of charges (N,) e."""
        ...

    def matrix(self) -> Array:
        """(N, N) eV/e²; not to be changed."""
        ...

    def sums(self, charges: Array) -> Sums:
        """Potential (N,) eV/e, forces (N, 3) eV/Å and virial (3, 3) eV of charges (N,) e."""
        ...

    def repeated(self, sums: int) -> Callable[[Array], Array]:
        """As `times`, without the matrix where that is large, if there are so many charges to come."""
        ...

    def preconditioner(self, hardness: Array) -> Callable[[Array], Array]:
        """About the inverse of matrix and hardness (N,) eV/e² on its diagonal."""
        ...


def coulomb_operator(
    atoms: Atoms, densities: tuple[Density, ...], kinds: Array, accuracy: float
) -> CoulombOperator:
    """The operator of a structure; kinds: (N,) int64, which of the densities each atom has.

    accuracy: of periodic sums, relative to a bare pair interaction. Raises InputError for one periodic axis,
    numbers that are not finite and flat cells; the answers raise it for atoms on top of each other.
    """
    finite = np.isfinite(atoms.positions).all(axis=1)
    if not (finite.all() and np.isfinite(atoms.cell.array).all()):
        raise InputError(
            f"positions or cell are not finite (atoms {np.flatnonzero(~finite)[:5].tolist()}).",
            remedy="check the structure; a simulation that gave it has exploded.",
        )
    positions = np.array(atoms.positions, dtype=np.float64)
    if not atoms.pbc.any():
        if MISSING:
            return TorchOperator(positions, None, densities, kinds, accuracy)
        return Cluster(positions, densities, kinds)
    cell = np.array(atoms.cell.array, dtype=np.float64)
    if atoms.pbc.all():
        return _periodic(positions, cell, densities, kinds, accuracy)
    if atoms.pbc.sum() == 1:
        raise InputError(
            f"periodic axes {atoms.pbc.tolist()}: Coulomb sums need three periodic axes, two or none.",
            remedy='write pbc="T T T" into the file, with vacuum around a wire (its images then interact '
            'across the vacuum), or pbc="F F F" for a cluster (in Python atoms.pbc = False).',
        )
    return Slab.of(positions, cell, int(np.flatnonzero(~atoms.pbc)[0]), densities, kinds, accuracy)


def _periodic(
    positions: Array, cell: Array, densities: tuple[Density, ...], kinds: Array, accuracy: float
) -> CoulombOperator:
    make = TorchOperator if MISSING else Crystal
    return make(positions, cell, densities, kinds, accuracy)


@dataclass(frozen=True)
class Cluster:
    """No periodic axes: all pairs."""

    positions: Array
    densities: tuple[Density, ...]
    kinds: Array

    @cached_property
    def _matrix(self) -> Array:
        return COULOMB * vacuum_matrix(self.positions, self.kinds, penetration_tables(self.densities))

    def times(self, charges: Array) -> Array:
        """(N,) eV/e, the potential of charges (N,) e."""
        return self._matrix @ charges

    def matrix(self) -> Array:
        """(N, N) eV/e²."""
        return self._matrix

    def sums(self, charges: Array) -> Sums:
        """Potential, forces and virial of charges (N,) e."""
        found = vacuum_sum(self.positions, charges, self.kinds, penetration_tables(self.densities))
        return scaled(found, COULOMB)

    def repeated(self, sums: int) -> Callable[[Array], Array]:
        """The product with the matrix."""
        return self.times

    def preconditioner(self, hardness: Array) -> Callable[[Array], Array]:
        """Each atom for itself."""
        return lambda values: values / hardness


@dataclass(frozen=True)
class Crystal:
    """Three periodic axes: Ewald sums, on a mesh where that is faster."""

    positions: Array
    cell: Array
    densities: tuple[Density, ...]
    kinds: Array
    accuracy: float

    @cached_property
    def _matrix(self) -> Array:
        lattice = Lattice.of(self.positions, self.cell)
        splitting = matrix_splitting(lattice.volume, self.accuracy, self.reach)
        tables = penetration_tables(self.densities)
        pairs = PairValues.of(lattice, self.kinds, tables, splitting.alpha, splitting.cutoff)
        matrix = np.zeros((len(self.positions), len(self.positions)))
        pairs.add_to(matrix)
        moments = np.array([density.second_moment for density in self.densities])[self.kinds]
        whole, where, axes, wide = map(torch.from_numpy, (matrix, lattice.positions, lattice.axes, moments))
        return COULOMB * add_smooth_part(whole, where, axes, wide, splitting).numpy()

    @cached_property
    def reach(self) -> float:
        """Range of the density corrections (Å)."""
        return reach(self.densities, self.accuracy)

    def times(self, charges: Array) -> Array:
        """(N,) eV/e, the potential of charges (N,) e."""
        return self._matrix @ charges

    def matrix(self) -> Array:
        """(N, N) eV/e²."""
        return self._matrix

    def sums(self, charges: Array) -> Sums:
        """Potential, forces and virial of charges (N,) e."""
        found = periodic_sum(
            self.positions,
            self.cell,
            charges,
            densities=self.densities,
            kinds=self.kinds,
            accuracy=self.accuracy,
            reach=self.reach,
        )
        return scaled(found, COULOMB)

    def repeated(self, sums: int) -> Callable[[Array], Array]:
        """Potentials by pairs whose values are kept, and a mesh."""
        lattice = Lattice.of(self.positions, self.cell)
        plan = Plan.choose(lattice, self.accuracy, self.reach, "pme", sums)
        assert isinstance(plan.long_range, Mesh)
        tables = penetration_tables(self.densities)
        near = PairValues.of(lattice, self.kinds, tables, plan.alpha, plan.cutoff)
        far = MeshPotential(lattice, plan.alpha, plan.long_range)
        moments = np.array([density.second_moment for density in self.densities])[self.kinds]

        def times(charges: Array) -> Array:
            total = charges.sum()
            background = 2 * pi / 3 * (charges @ moments + total * moments) - pi / plan.alpha**2 * total
            own = 2 * plan.alpha / sqrt(pi) * charges
            return COULOMB * (near.times(charges) + far.times(charges) - own + background / lattice.volume)

        return times

    def preconditioner(self, hardness: Array) -> Callable[[Array], Array]:
        """Atoms of hardness D, each for itself, that screen waves longer than the densities.

        Of D + SvSᵀ, with plane waves S and the interaction v(k) of wide densities, the inverse is
        D⁻¹ − D⁻¹S(v⁻¹ + SᵀD⁻¹S)⁻¹SᵀD⁻¹ (Woodbury), where SᵀD⁻¹S is taken for the sum of D⁻¹, as if atoms lay
        evenly.
        Part of the self-interaction of the densities is in v and not in D.
        """
        lattice = Lattice.of(self.positions, self.cell)
        own = np.array([self_interaction(density) for density in self.densities])[self.kinds]
        local = np.where(own < hardness, hardness - 0.5 * np.where(np.isfinite(own), own, 0.0), hardness)
        widest = COULOMB / (sqrt(pi) * float(own.min()))  # of Gaussians with the same self-interaction
        alpha = 1 / (sqrt(2) * max(PRECONDITIONED * widest, NARROWEST))
        screening = sqrt(4 * pi * COULOMB * (1 / local).sum() / lattice.volume)
        mesh = MeshPotential(lattice, alpha, Mesh.choose(lattice.axes, alpha, 1e-2, 4), screening)
        part = (1 - MARGIN) * COULOMB
        return lambda values: (values - part * mesh.times(values / local)) / local


@dataclass(frozen=True)
class Slab:
    """Two periodic axes: neutral charges in a cell with vacuum, less the interaction of the dipoles.

    normal: (3,) unit vector; height: (N,) Å along it; stiffness: 4π/V, eV/(e²·Å²).
    """

    crystal: CoulombOperator
    normal: Array
    height: Array
    stiffness: float

    @classmethod
    def of(
        cls,
        positions: Array,
        cell: Array,
        axis: int,
        densities: tuple[Density, ...],
        kinds: Array,
        accuracy: float,
    ) -> Slab:
        """axis: which one is not periodic; its lattice vector may be anything."""
        cell = cell.copy()
        normal = slab_normal(cell, axis)
        height = positions @ normal
        periods = np.delete(cell, axis, axis=0)
        extent = float(height.max() - height.min()) if len(height) else 0.0
        gap = max(
            -log(accuracy) / (2 * pi) * np.linalg.norm(periods, axis=1).max(), reach(densities, accuracy)
        )
        cell[axis] = (extent + 1.1 * gap) * normal
        crystal = _periodic(positions, cell, densities, kinds, accuracy)
        return cls(crystal, normal, height, 4 * pi * COULOMB / abs(float(np.linalg.det(cell))))

    def times(self, charges: Array) -> Array:
        """(N,) eV/e, the potential of charges (N,) e that add up to zero."""
        return self.crystal.times(charges) + self.stiffness * (self.height @ charges) * self.height

    @cached_property
    def _matrix(self) -> Array:
        return self.crystal.matrix() + self.stiffness * np.outer(self.height, self.height)

    def matrix(self) -> Array:
        """(N, N) eV/e²."""
        return self._matrix

    def sums(self, charges: Array) -> Sums:
        """Potential, forces and virial of charges (N,) e that add up to zero."""
        dipole = float(self.height @ charges)
        energy = 0.5 * self.stiffness * dipole**2
        across = np.outer(self.normal, self.normal)
        extra = Sums(
            self.stiffness * dipole * self.height,
            -self.stiffness * dipole * np.outer(charges, self.normal),
            energy * (np.eye(3) - 2 * across),
        )
        return self.crystal.sums(charges) + extra

    def repeated(self, sums: int) -> Callable[[Array], Array]:
        """Potentials of the periodic cell, and the correction."""
        times = self.crystal.repeated(sums)
        return lambda charges: times(charges) + self.stiffness * (self.height @ charges) * self.height

    def preconditioner(self, hardness: Array) -> Callable[[Array], Array]:
        """Each atom for itself: atoms of a slab do not lie evenly in its cell."""
        return lambda values: values / hardness


def slab_normal(cell: Array, axis: int) -> Array:
    """(3,) unit vector across both lattice vectors other than `axis`; InputError if they lie on a line."""
    one, two = np.delete(cell, axis, axis=0)
    across = np.cross(one, two)
    area = float(np.linalg.norm(across))
    if not area > 1e-5 * np.linalg.norm(one) * np.linalg.norm(two) or area == 0:
        raise InputError(
            f"the periodic lattice vectors {one.tolist()} and {two.tolist()} Å span no area.",
            remedy="give two independent lattice vectors along the periodic axes.",
        )
    return across / area


def scaled(sums: Sums, factor: float) -> Sums:
    """All parts times a factor."""
    return replace(
        sums, potential=factor * sums.potential, forces=factor * sums.forces, virial=factor * sums.virial
    )


def difference(one: Sums, two: Sums) -> Sums:
    """The first less the second."""
    return one + scaled(two, -1.0)
