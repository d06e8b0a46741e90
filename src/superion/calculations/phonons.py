"""Vibrations of a crystal by finite displacements, with phonopy (`pip install 'superion[phonons]'`).

phonopy (Togo, J. Phys. Soc. Jpn. 92, 012001, 2023) finds the displacements that the symmetry of the crystal
leaves, and makes force constants and dynamical matrices of the forces. In an ionic crystal the electric field
of a long longitudinal wave adds to the dynamical matrix as q → 0 (Gonze, Lee, Phys. Rev. B 55, 10355, 1997)

    D_iα,jβ += (q·Z_i)_α (q·Z_j)_β/(ε₀ V (q·ε∞·q) √(m_i m_j))

with Born charges Z and the electronic dielectric constant ε∞, 1 where all that polarizes are ions. Between
Γ and the waves of the supercell, forces of dipoles are summed by Ewald's method, as in the same paper.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator

from superion.errors import MAKE_CRYSTAL, InputError
from superion.progress import track
from superion.sizes import EVALUATED, check_size

Array = np.ndarray
DISPLACEMENT = 0.01
SMALL = 0.05
"""Frequencies (THz) above −SMALL are not called imaginary: accuracy of the three translations."""
REACH = 6.0
"""Å, taken for the range of a model that does not tell it."""
UNEVEN = 0.05
"""Part of the largest force constant that Newton's third law may be violated by before it is said."""
SMALLER = "take a smaller supercell."
RESIDUAL = 0.01
"""eV/Å that may act on the crystal before it is called unrelaxed."""


@dataclass(frozen=True, slots=True)
class Phonons:
    """Force constants of a crystal; frequencies are in THz, imaginary ones negative.

    residual: eV/Å, the largest force on the crystal that was displaced; a relaxed crystal has none.
    displacements: supercells computed. atoms: of the supercell. uneven: what the force constants violate
    Newton's third law and the exchange of the two atoms by, over the largest of them. reach: Å, range of the
    local forces, None if unknown.
    """

    phonopy: Any
    residual: float
    displacements: int
    atoms: int
    uneven: float = 0.0
    reach: float | None = None

    @property
    def repetitions(self) -> tuple[int, int, int]:
        """Of the crystal in the supercell."""
        a, b, c = np.diag(self.phonopy.supercell_matrix).tolist()
        return a, b, c

    @property
    def needed(self) -> tuple[int, int, int]:
        """The smallest supercell that is thicker than twice the range of the forces, or than 12 Å."""
        return smallest_supercell(self.phonopy.unitcell.cell, self.reach or REACH)

    @property
    def interpolates(self) -> bool:
        """Whether waves between those of the supercell are those of the model, as far as its range tells."""
        return all(n >= least for n, least in zip(self.repetitions, self.needed, strict=True))

    def exact(self, points: Sequence[Sequence[float]] | Array) -> Array:
        """(Q,) Whether waves fit into the supercell, so that nothing is interpolated."""
        turns = np.asarray(points, dtype=np.float64) * self.repetitions
        return np.asarray((np.abs(turns - np.round(turns)) < 1e-6).all(axis=1))

    def notes(self) -> list[str]:
        """What speaks against the force constants; empty if nothing does."""
        found = []
        if not self.interpolates:
            found.append(small_supercell(self.repetitions, self.needed, self.reach))
        if self.residual > RESIDUAL:
            found.append(
                f"forces of up to {self.residual:.2g} eV/Å act on the crystal: it is not relaxed, and has no "
                "phonons of a minimum."
            )
        if self.uneven > UNEVEN:
            found.append(
                f"the force constants violate Newton's third law by {100 * self.uneven:.2g} % of the largest:"
                " forces are noisy, or the displacement is too large or too small."
            )
        return found

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
        """Imaginary modes on a mesh, lowest first: wave vector, frequencies (THz), whether it is exact."""
        frequencies, _ = self.mesh(counts)
        points = np.asarray(self.phonopy.mesh.qpoints)
        found = [
            {
                "wave_vector": point.tolist(),
                "frequencies_THz": row[row < -SMALL].tolist(),
                "exact": bool(fits),
            }
            for point, row, fits in zip(points, frequencies, self.exact(points), strict=True)
            if (row < -SMALL).any()
        ]
        return sorted(found, key=lambda mode: mode["frequencies_THz"][0])


def smallest_supercell(cell: Array, reach: float) -> tuple[int, int, int]:
    """Repetitions of a cell (3, 3) Å that are thicker than twice `reach` (Å) along all three axes."""
    thick = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    a, b, c = (max(1, ceil(2 * reach / float(one) - 1e-9)) for one in thick)
    return a, b, c


def small_supercell(found: Sequence[int], needed: Sequence[int], reach: float | None) -> str:
    """What a supercell that is too small means."""
    far = f"twice the range of the forces, {reach:.3g} Å" if reach else "12 Å, and the range is not known"
    return (
        f"the {_times(found)} supercell is not thicker than {far}: images of an atom meet, and waves "
        "between those of the supercell are not those of the model. --supercell "
        f"{','.join(map(str, needed))} suffices."
    )


def _times(counts: Sequence[int]) -> str:
    return "x".join(str(count) for count in counts)


def check_supercell(atoms: int, supercell: Sequence[int]) -> None:
    """InputError if a supercell and its force constants, do not fit into memory."""
    count = min(atoms * prod(supercell), 10**100)
    constants = 2 * 72.0 * count**2  # and a copy
    what = f"a {_times(supercell)} supercell"
    check_size(what, atoms=count, each=EVALUATED, size=constants, remedy=SMALLER)


def check_mesh(what: str, points: float, atoms: int) -> None:
    """InputError if the frequencies at so many wave vectors do not fit into memory."""
    check_size(what, size=points * 3 * atoms * 8 * 4, remedy="take fewer wave vectors.")


def phonons(
    atoms: Atoms,
    calculator: Calculator,
    *,
    supercell: Sequence[int] = (2, 2, 2),
    displacement: float = DISPLACEMENT,
    born: Array | None = None,
    epsilon_inf: float | Array = 1.0,
    reach: float | None = None,
    progress: bool = False,
) -> Phonons:
    """Force constants of a relaxed crystal from displacements (Å) of atoms in a supercell.

    reach: Å, range of the local forces; that of the potential if it is not given. `Phonons.notes` say if the
    supercell is too small for it. InputError for a supercell that does not fit into memory.

    born: (N, 3, 3) e, [displacement, dipole], of the atoms of the crystal (`born_charges`), which add up to
    zero. epsilon_inf: number or (3, 3). InputError where phonopy is missing.
    """
    phonopy, cells = _library()
    if not atoms.pbc.all() or atoms.cell.rank < 3:
        raise InputError("phonons need a crystal periodic along three axes.", remedy=MAKE_CRYSTAL)
    if min(supercell) < 1 or len(supercell) != 3 or not 1e-6 <= displacement < 1:
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
    check_supercell(len(atoms), supercell)
    still = atoms.copy()
    still.calc = calculator
    began = time.monotonic()
    residual = float(np.linalg.norm(still.get_forces(apply_constraint=False), axis=1).max())
    each = (time.monotonic() - began) * prod(supercell)
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
    displaced = made.supercells_with_displacements
    check_size(f"a {_times(supercell)} supercell", seconds=each * len(displaced), remedy=SMALLER)
    forces = []
    for one in track(displaced, "displacements", len(displaced), show=progress):
        moved = Atoms(one.symbols, cell=one.cell, scaled_positions=one.scaled_positions, pbc=True)
        if "total_charge" in atoms.info:
            moved.info["total_charge"] = atoms.info["total_charge"] * int(np.prod(supercell))
        moved.calc = calculator
        forces.append(moved.get_forces())
    made.forces = np.array(forces)
    made.produce_force_constants(show_drift=False)
    uneven = _uneven(made.force_constants)
    made.symmetrize_force_constants(show_drift=False)
    if born is not None:
        made.nac_params = _charges(np.asarray(born, dtype=np.float64), epsilon_inf, len(atoms))
    if reach is None:
        reach = getattr(getattr(calculator, "potential", None), "reach", None)
    return Phonons(made, residual, len(forces), len(made.supercell), uneven, reach)


def _uneven(constants: Array) -> float:
    """Violation of Φ_ij = Φ_jiᵀ and Σ_j Φ_ij = 0 over the largest of (N, N, 3, 3) force constants."""
    largest = float(np.abs(constants).max())
    exchanged = np.abs(constants - constants.transpose(1, 0, 3, 2)).max()
    drift = np.abs(constants.sum(axis=1)).max()
    return float(max(exchanged, drift)) / largest if largest else 0.0


def _charges(born: Array, epsilon_inf: float | Array, atoms: int) -> dict[str, Any]:
    if born.shape != (atoms, 3, 3):
        raise InputError(f"expected Born charges of the shape ({atoms}, 3, 3), found {born.shape}.")
    missing = float(np.abs(born.sum(axis=0)).max())
    if missing > 1e-3:
        raise InputError(
            f"the Born charges add up to {missing:.3g} e instead of zero.",
            remedy="use those of a neutral crystal (in Python born_charges(...).conserving()); of a charged "
            "cell, leave out the field of long waves: --no-polar (in Python born=None).",
        )
    tensor = np.asarray(epsilon_inf, dtype=np.float64)
    if not np.isfinite(tensor).all() or np.abs(tensor).max() > 1e6:
        raise InputError(f"the electronic dielectric constant is {epsilon_inf}: more than any crystal has.")
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
