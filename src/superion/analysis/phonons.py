"""Vibrations of a crystal by finite displacements, with phonopy (`pip install 'superion[phonons]'`).

phonopy (Togo, J. Phys. Soc. Jpn. 92, 012001, 2023) finds the displacements that the symmetry of the crystal
leaves, and makes force constants and dynamical matrices of the forces. In an ionic crystal the electric field
of a long longitudinal wave adds to the dynamical matrix as q → 0 (Gonze, Lee, Phys. Rev. B 55, 10355, 1997)

    D_iα,jβ += (q·Z_i)_α (q·Z_j)_β/(ε₀ V (q·ε∞·q) √(m_i m_j))

with Born charges Z and the electronic dielectric constant ε∞, 1 where all that polarizes are ions. Between
Γ and the waves of the supercell, forces of dipoles are summed by Ewald's method, as in the same paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator

from superion.errors import InputError

Array = np.ndarray
DISPLACEMENT = 0.01
SMALL = 0.05
"""Frequencies (THz) above −SMALL are not called imaginary: accuracy of the three translations."""


@dataclass(frozen=True, slots=True)
class Phonons:
    """Force constants of a crystal; frequencies are in THz, imaginary ones negative.

    residual: eV/Å, the largest force on the crystal that was displaced; a crystal at rest has none.
    displacements: supercells computed. atoms: of the supercell.
    """

    phonopy: Any
    residual: float
    displacements: int
    atoms: int

    def frequencies(self, points: Sequence[Sequence[float]] | Array, toward: Array | None = None) -> Array:
        """(Q, 3N) THz, ascending, at wave vectors (Q, 3) in units of the reciprocal lattice of the crystal.

        toward: direction (3,) from which Γ is reached, in the same units, if there are Born charges.
        """
        self.phonopy.run_qpoints(np.asarray(points, dtype=np.float64), nac_q_direction=toward)
        return np.array(self.phonopy.qpoints.frequencies)

    def mesh(self, counts: Sequence[int]) -> tuple[Array, Array]:
        """Frequencies (Q, 3N) THz of an even mesh about Γ, and the share (Q,) of each point in it."""
        self.phonopy.run_mesh(tuple(counts), is_gamma_center=True)
        weights = np.asarray(self.phonopy.mesh.weights, dtype=np.float64)
        return np.array(self.phonopy.mesh.frequencies), weights / weights.sum()

    def imaginary(self, counts: Sequence[int]) -> list[dict[str, Any]]:
        """Imaginary modes on a mesh, lowest first: wave vector and frequencies (THz)."""
        frequencies, _ = self.mesh(counts)
        points = np.asarray(self.phonopy.mesh.qpoints)
        found = [
            {"wave_vector": point.tolist(), "frequencies_THz": row[row < -SMALL].tolist()}
            for point, row in zip(points, frequencies, strict=True)
            if (row < -SMALL).any()
        ]
        return sorted(found, key=lambda mode: mode["frequencies_THz"][0])


def phonons(
    atoms: Atoms,
    calculator: Calculator,
    *,
    supercell: Sequence[int] = (2, 2, 2),
    displacement: float = DISPLACEMENT,
    born: Array | None = None,
    epsilon_inf: float | Array = 1.0,
) -> Phonons:
    """Force constants of a crystal at rest from displacements (Å) of atoms in a supercell.

    born: (N, 3, 3) e, [displacement, dipole], of the atoms of the crystal (`born_charges`), which add up to
    zero. epsilon_inf: number or (3, 3). InputError where phonopy is missing.
    """
    phonopy, cells = _library()
    if not atoms.pbc.all() or atoms.cell.rank < 3:
        raise InputError("phonons need a crystal periodic along three axes.")
    if min(supercell) < 1 or len(supercell) != 3 or not 0 < displacement < 1:
        raise InputError(
            f"phonons need three positive repetitions and a displacement below 1 Å, found {tuple(supercell)} "
            f"and {displacement} Å.",
            remedy="customary are 2,2,2 and 0.01 Å.",
        )
    if "fragment" in atoms.arrays:
        raise InputError(
            "the atoms belong to fragments with charges of their own, which a supercell would mix up.",
            remedy='delete the array "fragment", or give the total charge alone.',
        )
    rest = atoms.copy()
    rest.calc = calculator
    residual = float(np.linalg.norm(rest.get_forces(), axis=1).max())
    made = phonopy(
        cells(
            symbols=atoms.get_chemical_symbols(),
            # phonopy needs a right-handed cell; that of −a, −b, −c has the same lattice, and waves q and −q
            # the same frequencies
            cell=atoms.cell.array * np.sign(np.linalg.det(atoms.cell.array)),
            positions=atoms.positions,
            masses=atoms.get_masses(),
        ),
        supercell_matrix=np.diag(supercell),
        primitive_matrix=np.eye(3),
    )
    made.generate_displacements(distance=displacement)
    forces = []
    for one in made.supercells_with_displacements:
        moved = Atoms(one.symbols, cell=one.cell, scaled_positions=one.scaled_positions, pbc=True)
        if "total_charge" in atoms.info:
            moved.info["total_charge"] = atoms.info["total_charge"] * int(np.prod(supercell))
        moved.calc = calculator
        forces.append(moved.get_forces())
    made.forces = np.array(forces)
    made.produce_force_constants(show_drift=False)
    made.symmetrize_force_constants(show_drift=False)
    if born is not None:
        made.nac_params = _charges(np.asarray(born, dtype=np.float64), epsilon_inf, len(atoms))
    return Phonons(made, residual, len(forces), len(made.supercell))


def _charges(born: Array, epsilon_inf: float | Array, atoms: int) -> dict[str, Any]:
    if born.shape != (atoms, 3, 3):
        raise InputError(f"expected Born charges of the shape ({atoms}, 3, 3), found {born.shape}.")
    missing = float(np.abs(born.sum(axis=0)).max())
    if missing > 1e-3:
        raise InputError(
            f"the Born charges add up to {missing:.3g} e instead of zero.",
            remedy="use `born_charges(...).conserving()` of a neutral crystal.",
        )
    tensor = np.asarray(epsilon_inf, dtype=np.float64)
    tensor = tensor * np.eye(3) if tensor.ndim == 0 else tensor
    if tensor.shape != (3, 3) or not np.isfinite(tensor).all() or np.linalg.eigvalsh(tensor)[0] < 1 - 1e-9:
        raise InputError(f"the electronic dielectric constant must be at least 1, found {epsilon_inf}.")
    return {
        # phonopy's charges are [dipole, displacement]
        "born": born.transpose(0, 2, 1),
        "dielectric": tensor,
        "factor": units.Hartree * units.Bohr,
    }


def _library() -> tuple[Any, Any]:
    try:
        from phonopy import Phonopy
        from phonopy.structure.atoms import PhonopyAtoms
    except ImportError as error:
        raise InputError(
            f"phonons need phonopy ({error}).", remedy="pip install 'superion[phonons]'"
        ) from error
    return Phonopy, PhonopyAtoms
