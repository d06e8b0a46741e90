"""Atoms that a structure holds fixed, and the degrees of freedom that are left."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms, FixCartesian, FixScaled

from superion.errors import InputError


def fixed_atoms(atoms: Atoms) -> tuple[int, ...]:
    """Numbers of the atoms that do not move, in order.

    Raises InputError for any other constraint, and for atoms that are fixed along some directions only.
    """
    fixed: set[int] = set()
    for constraint in atoms.constraints:
        if isinstance(constraint, FixAtoms):
            fixed |= set(constraint.get_indices().tolist())
        elif isinstance(constraint, FixCartesian | FixScaled):
            if not np.all(constraint.mask):
                raise InputError(
                    f"atoms {constraint.get_indices()[:5].tolist()} are fixed along some directions only; "
                    "dynamics can fix whole atoms.",
                    remedy="write T T T or F F F for each atom (selective dynamics), and nothing between.",
                )
            fixed |= set(constraint.get_indices().tolist())
        else:
            raise InputError(
                f"dynamics knows atoms that are fixed, but not the constraint {type(constraint).__name__}.",
                remedy="save the structure without it, or with fixed atoms (FixAtoms) alone.",
            )
    return tuple(sorted(fixed))


def degrees_of_freedom(atoms: int, fixed: int) -> int:
    """3N − 3 with the centre of mass at rest; with fixed atoms, which take up momentum, 3 for each other."""
    return 3 * (atoms - fixed) if fixed else 3 * atoms - 3
